"""The log-mel front-end: batch and streaming, the byte code.

A frame is 128 mel bands of a 1024-sample Hann window every 256 samples at 16 kHz, in dB. The definition is librosa's
(``librosa.feature.melspectrogram`` with ``center=True``, zero padding, Slaney mel), which is the tests' oracle. The FFT
is taken in double precision: beside a loud tone, single precision is off by half a decibel near the -80 dB floor.
"""

from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np

from exclaim.errors import AudioError

__all__ = [
    "CLIP_SAMPLES",
    "CODE_STEPS_PER_DB",
    "FLOOR_DB",
    "FRAME_BYTES",
    "FRAME_SECONDS",
    "HOP_LENGTH",
    "N_FFT",
    "N_MELS",
    "RANGE_DB",
    "REFERENCE_DB",
    "SAMPLE_RATE",
    "WINDOW_FRAMES",
    "FrontEndState",
    "decode",
    "encode",
    "finish",
    "frame_count",
    "log_mel",
    "log_mel_db",
    "normalise",
    "start",
    "stream",
]

SAMPLE_RATE = 16_000  # Hz
N_FFT = 1024  # samples; also the length of the Hann window
HOP_LENGTH = 256  # samples
N_MELS = 128  # Slaney bands, 0 to 8 kHz
FLOOR_DB = -80.0  # every path clips here
RANGE_DB = 80.0  # what a normalised window spans below its reference
REFERENCE_DB = -20.0  # the least reference: a quiet room is not blown up to a shout
WINDOW_FRAMES = 188  # 3 s
CODE_STEPS_PER_DB = 2  # a coded frame has half-decibel steps
FRAME_BYTES = N_MELS
FRAME_SECONDS = HOP_LENGTH / SAMPLE_RATE
CLIP_SAMPLES = 3 * SAMPLE_RATE

assert WINDOW_FRAMES == 1 + CLIP_SAMPLES // HOP_LENGTH

_BLOCK_FRAMES = 512  # frames transformed at a time, so that an hour of sound takes no more memory than a second


@cache
def _filterbank() -> np.ndarray:
    """Return the frozen Slaney filterbank, transposed: (513, 128) float32."""
    with files("exclaim").joinpath("assets/mel_filterbank.npy").open("rb") as file:
        return np.ascontiguousarray(np.load(file, allow_pickle=False).T)


@cache
def _hann() -> np.ndarray:
    """Return the periodic Hann window: (1024,) float64."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)


def _frames_db(padded: np.ndarray, count: int) -> np.ndarray:
    """Return (count, 128) float32 dB for frames that start at 0, 256, ... in ``padded``."""
    out = np.empty((count, N_MELS), np.float32)
    views = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP_LENGTH]
    for begin in range(0, count, _BLOCK_FRAMES):
        end = min(begin + _BLOCK_FRAMES, count)
        spectrum = np.fft.rfft(views[begin:end] * _hann(), axis=-1)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
        np.matmul(power, _filterbank(), out=out[begin:end])
    np.maximum(out, np.float32(10 ** (FLOOR_DB / 10)), out=out)
    np.log10(out, out=out)
    out *= np.float32(10)
    return np.maximum(out, np.float32(FLOOR_DB), out=out)


def _checked(waveform: np.ndarray) -> np.ndarray:
    waveform = np.asarray(waveform)
    if waveform.ndim != 1:
        raise AudioError(f"waveform has shape {waveform.shape}; expected one mono channel of shape (samples,)")
    if not np.isfinite(waveform).all():
        raise AudioError("waveform holds NaN or infinity; expected finite samples in [-1, 1]")
    return waveform


def frame_count(samples: int) -> int:
    """Return how many frames a recording of ``samples`` samples has: none when empty, else 1 + samples // 256."""
    return 0 if samples == 0 else 1 + samples // HOP_LENGTH


def log_mel_db(waveform: np.ndarray) -> np.ndarray:
    """Return the log-mel power of a mono waveform in dB.

    Args:
        waveform: (samples,) at 16 kHz, in [-1, 1].

    Returns:
        (128, frames) float32 in dB re 1.0, not below -80, with frames = 1 + samples // 256.

    Raises:
        AudioError: when empty, not one-dimensional or not finite.

    Source: librosa.feature.melspectrogram and librosa.power_to_db (ref=1.0, amin=1e-8, top_db=None).
    """
    waveform = _checked(waveform)
    if waveform.size == 0:
        raise AudioError("waveform is empty; expected at least one sample")
    padded = np.pad(waveform.astype(np.float64, copy=False), N_FFT // 2)
    return _frames_db(padded, frame_count(waveform.size)).T


class FrontEndState(NamedTuple):
    """What streaming carries from one chunk to the next."""

    tail: np.ndarray  # (n,) float64: samples from the start of the next frame onwards
    samples: int  # samples seen so far
    frames: int  # frames given out so far


def start() -> FrontEndState:
    """Return the state before the first sample."""
    return FrontEndState(tail=np.zeros(N_FFT // 2), samples=0, frames=0)


def stream(chunk: np.ndarray, state: FrontEndState) -> tuple[np.ndarray, FrontEndState]:
    """Turn the next chunk of a recording into the frames that it completes.

    Args:
        chunk: (samples,) at 16 kHz, in [-1, 1]; any length, empty too.
        state: what :func:`start` or the previous call returned.

    Returns:
        (frames, 128) float32 in dB and the next state. Over all chunks, with :func:`finish` at the end, the frames equal
        those of :func:`log_mel_db` over the whole recording.

    Raises:
        AudioError: when not one-dimensional or not finite.
    """
    chunk = _checked(chunk)
    tail = np.concatenate([state.tail, chunk])
    count = max(0, 1 + (tail.size - N_FFT) // HOP_LENGTH) if tail.size >= N_FFT else 0
    frames = _frames_db(tail, count) if count else np.empty((0, N_MELS), np.float32)
    return frames, FrontEndState(tail[count * HOP_LENGTH :].copy(), state.samples + chunk.size, state.frames + count)


def finish(state: FrontEndState) -> np.ndarray:
    """Return the last frames of a recording, those that reach into the zero padding: (frames, 128) float32 in dB."""
    missing = frame_count(state.samples) - state.frames
    if missing <= 0:
        return np.empty((0, N_MELS), np.float32)
    return _frames_db(np.concatenate([state.tail, np.zeros(N_FFT // 2)]), missing)


def encode(frames_db: np.ndarray) -> np.ndarray:
    """Code dB as bytes in half-decibel steps: ``round(2 * (dB + 80))`` in 0..255, of the same shape."""
    return np.clip(np.rint(CODE_STEPS_PER_DB * (frames_db - FLOOR_DB)), 0, 255).astype(np.uint8)


def decode(codes: np.ndarray) -> np.ndarray:
    """Return the dB that bytes stand for, float32, of the same shape."""
    return codes.astype(np.float32) / CODE_STEPS_PER_DB + np.float32(FLOOR_DB)


def normalise(window_db: np.ndarray) -> np.ndarray:
    """Map a window's dB to [-1, 1] below its reference, ``max(window maximum, -20 dB)``.

    Args:
        window_db: (..., 128, 188) in dB; each window is normalised by itself.

    Returns:
        float32 of the same shape: [reference - 80, reference] maps to [-1, 1], and what is lower is -1.
    """
    reference = np.maximum(window_db.max(axis=(-2, -1), keepdims=True), np.float32(REFERENCE_DB))
    scaled = (window_db - reference) * np.float32(2 / RANGE_DB) + np.float32(1)
    return np.maximum(scaled, np.float32(-1)).astype(np.float32, copy=False)


def log_mel(clip: np.ndarray) -> np.ndarray:
    """Return the normalised log-mel of a clip, cut or zero-padded to 3 s: (128, 188) float32 in [-1, 1].

    Args:
        clip: (samples,) at 16 kHz, in [-1, 1].

    Raises:
        AudioError: when empty, not one-dimensional or not finite.
    """
    clip = np.asarray(clip)
    if clip.size == 0:
        raise AudioError("clip is empty; expected at least one sample")
    clip = clip[:CLIP_SAMPLES]
    return normalise(log_mel_db(np.pad(clip, (0, CLIP_SAMPLES - clip.size))))
