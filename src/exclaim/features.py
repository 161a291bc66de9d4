"""The log-mel front-end: batch and streaming, the byte code.

A frame is 128 mel bands of a 1024-sample Hann window every 256 samples at 16 kHz, in dB. The definition is
librosa's (``librosa.feature.melspectrogram`` with ``center=True``, zero padding, Slaney mel), which is the
tests' oracle. The FFT is taken in double precision: beside a loud tone, single precision is off by half a
decibel near the -80 dB floor.
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
    "filterbank",
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
N_BINS = 1 + N_FFT // 2
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

_FLOOR = np.float32(FLOOR_DB)
_FLOOR_POWER = np.float32(10 ** (FLOOR_DB / 10))
_DB_PER_NEPER = np.float32(10 / np.log(10))

assert WINDOW_FRAMES == 1 + CLIP_SAMPLES // HOP_LENGTH

# Frames are transformed in blocks small enough for the cache. Inside a block the mel product is taken in
# groups of 16 on a fixed grid of the recording: frame n is always row n % 16 of a product of one shape, so
# no chunking changes a bit of it.
_BLOCK_FRAMES = 32
_GROUP_FRAMES = 16


class _Band(NamedTuple):
    """A run of adjacent mel bands and the only FFT bins that reach them."""

    bins: slice
    bands: slice
    weights: np.ndarray  # (bins, bands) float32


@cache
def filterbank() -> np.ndarray:
    """Return the frozen Slaney filterbank: (128, 513) float32, not to be written to."""
    with files("exclaim").joinpath("assets/mel_filterbank.npy").open("rb") as file:
        weights = np.load(file, allow_pickle=False)
    weights.setflags(write=False)
    return weights


@cache
def _filterbank_parts() -> tuple[_Band, ...]:
    """Return the filterbank in three parts, which leaves out most of its zeros."""
    weights = filterbank().T
    parts = []
    for bands in (slice(0, 64), slice(64, 96), slice(96, N_MELS)):
        reached = np.flatnonzero(weights[:, bands].any(axis=1))
        bins = slice(int(reached[0]), int(reached[-1]) + 1)
        parts.append(_Band(bins, bands, np.ascontiguousarray(weights[bins, bands])))
    return tuple(parts)


@cache
def _hann() -> np.ndarray:
    """Return the periodic Hann window: (1024,) float64."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)


def _frames_db(samples: np.ndarray, count: int, first: int) -> np.ndarray:
    """Return (count, 128) float32 dB for frames ``first``, ``first + 1`` ... at 0, 256 ... of ``samples``."""
    out = np.empty((count, N_MELS), np.float32)
    stride = samples.itemsize
    frames = np.ndarray((count, N_FFT), samples.dtype, samples, strides=(HOP_LENGTH * stride, stride))
    lead = first % _GROUP_FRAMES
    rows = min(_BLOCK_FRAMES, _whole_groups(lead + count))
    work = np.empty((rows, N_FFT)), np.empty((rows, N_BINS), np.complex128)
    power = np.zeros((rows, N_BINS), np.float32)
    done = 0
    while done < count:
        size = min(rows - lead, count - done)
        _power(frames[done : done + size], work, out=power[lead : lead + size])
        mel = _mel(power[: _whole_groups(lead + size)])
        _decibels(mel[lead : lead + size], out=out[done : done + size])
        done += size
        lead = 0
    return out


def _whole_groups(frames: int) -> int:
    return -(-frames // _GROUP_FRAMES) * _GROUP_FRAMES


def _power(frames: np.ndarray, work: tuple[np.ndarray, np.ndarray], out: np.ndarray) -> None:
    """Write the power spectra of (n, 1024) frames to ``out``, (n, 513) float32."""
    windowed, spectrum = work[0][: len(frames)], work[1][: len(frames)]
    np.multiply(frames, _hann(), out=windowed)
    np.fft.rfft(windowed, out=spectrum)
    parts = spectrum.view(np.float64)  # real and imaginary parts side by side
    np.square(parts, out=parts)
    np.add(parts[:, ::2], parts[:, 1::2], out=out, casting="same_kind")


def _mel(power: np.ndarray) -> np.ndarray:
    """Return (n, 128) float32 mel power for (n, 513) power, n a multiple of 16."""
    mel = np.empty((len(power) // _GROUP_FRAMES, _GROUP_FRAMES, N_MELS), np.float32)
    groups = power.reshape(-1, _GROUP_FRAMES, N_BINS)
    for band in _filterbank_parts():
        np.matmul(groups[:, :, band.bins], band.weights, out=mel[:, :, band.bands])
    return mel.reshape(-1, N_MELS)


def _decibels(power: np.ndarray, out: np.ndarray) -> None:
    """Write ``10 log10(power)``, not below -80, to ``out``, float32."""
    np.maximum(power, _FLOOR_POWER, out=out)
    np.log(out, out=out)
    np.multiply(out, _DB_PER_NEPER, out=out)
    np.maximum(out, _FLOOR, out=out)


def _padded(waveform: np.ndarray, size: int) -> np.ndarray:
    """Return float64 ``waveform`` behind half a window of zeros, zero-padded to ``size + 1024`` samples."""
    padded = np.empty(size + N_FFT)
    begin, end = N_FFT // 2, N_FFT // 2 + waveform.size
    padded[:begin] = 0
    padded[begin:end] = waveform
    padded[end:] = 0
    return padded


def _checked(waveform: np.ndarray) -> np.ndarray:
    waveform = np.asarray(waveform)
    if waveform.ndim != 1:
        raise AudioError(f"waveform has shape {waveform.shape}; expected one mono channel of shape (samples,)")
    if waveform.dtype.kind != "f":
        raise AudioError(f"waveform holds {waveform.dtype}; expected floating-point samples in [-1, 1]")
    if not np.isfinite(waveform).all():
        raise AudioError("waveform holds NaN or infinity; expected finite samples in [-1, 1]")
    return waveform


def frame_count(samples: int) -> int:
    """Return how many frames ``samples`` samples have: none when empty, else 1 + samples // 256."""
    return 0 if samples == 0 else 1 + samples // HOP_LENGTH


def log_mel_db(waveform: np.ndarray) -> np.ndarray:
    """Return the log-mel power of a mono waveform in dB.

    Args:
        waveform: (samples,) at 16 kHz, in [-1, 1].

    Returns:
        (128, frames) float32 in dB re 1.0, not below -80, with frames = 1 + samples // 256.

    Raises:
        AudioError: when empty, not one-dimensional, not floating point or not finite.

    Source: librosa.feature.melspectrogram and librosa.power_to_db (ref=1.0, amin=1e-8, top_db=None).
    """
    waveform = _checked(waveform)
    if waveform.size == 0:
        raise AudioError("waveform is empty; expected at least one sample")
    return _frames_db(_padded(waveform, waveform.size), frame_count(waveform.size), first=0).T


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
        (frames, 128) float32 in dB and the next state. Over all chunks, with :func:`finish` at the end, the
        frames equal those of :func:`log_mel_db` over the whole recording.

    Raises:
        AudioError: when not one-dimensional, not floating point or not finite.
    """
    chunk = _checked(chunk)
    tail = np.concatenate([state.tail, chunk])
    count = max(0, 1 + (tail.size - N_FFT) // HOP_LENGTH) if tail.size >= N_FFT else 0
    frames = _frames_db(tail, count, state.frames) if count else np.empty((0, N_MELS), np.float32)
    return frames, FrontEndState(tail[count * HOP_LENGTH :].copy(), state.samples + chunk.size, state.frames + count)


def finish(state: FrontEndState) -> np.ndarray:
    """Return the last frames, those that reach into the zero padding: (frames, 128) float32 in dB."""
    missing = frame_count(state.samples) - state.frames
    if missing <= 0:
        return np.empty((0, N_MELS), np.float32)
    return _frames_db(np.concatenate([state.tail, np.zeros(N_FFT // 2)]), missing, state.frames)


def encode(frames_db: np.ndarray) -> np.ndarray:
    """Code dB as bytes in half-decibel steps: ``round(2 * (dB + 80))`` in 0..255, of the same shape."""
    steps = np.rint((frames_db - _FLOOR) * np.float32(CODE_STEPS_PER_DB))
    return np.minimum(np.maximum(steps, 0), 255).astype(np.uint8)


def decode(codes: np.ndarray) -> np.ndarray:
    """Return the dB that bytes stand for, float32, of the same shape."""
    decibels = codes.astype(np.float32)
    decibels *= np.float32(1 / CODE_STEPS_PER_DB)
    decibels += _FLOOR
    return decibels


def normalise(window_db: np.ndarray) -> np.ndarray:
    """Map a window's dB to [-1, 1] below its reference, ``max(window maximum, -20 dB)``.

    Args:
        window_db: (..., 128, 188) in dB; each window is normalised by itself.

    Returns:
        float32 of the same shape: [reference - 80, reference] maps to [-1, 1], and what is lower is -1.
    """
    reference = np.maximum(window_db.max(axis=(-2, -1), keepdims=True), np.float32(REFERENCE_DB))
    scaled = np.subtract(window_db, reference, dtype=np.float32)
    scaled *= np.float32(2 / RANGE_DB)
    scaled += np.float32(1)
    return np.maximum(scaled, np.float32(-1), out=scaled)


def log_mel(clip: np.ndarray) -> np.ndarray:
    """Return the normalised log-mel of a clip, cut or zero-padded to 3 s: (128, 188) float32 in [-1, 1].

    Args:
        clip: (samples,) at 16 kHz, in [-1, 1].

    Raises:
        AudioError: when empty, not one-dimensional, not floating point or not finite.
    """
    clip = np.asarray(clip)
    if clip.size == 0:
        raise AudioError("clip is empty; expected at least one sample")
    clip = _checked(clip[:CLIP_SAMPLES])
    return normalise(_frames_db(_padded(clip, CLIP_SAMPLES), WINDOW_FRAMES, first=0).T)
