"""Sound in: decode any file that libsndfile knows, mix down, resample to 16 kHz; or listen to a microphone.

A file is decoded in blocks on every path, so memory does not grow with its length, and what
:func:`read_audio` returns is what :func:`stream_audio` yields.
"""

import logging
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile
import soxr

from exclaim.errors import AudioError
from exclaim.features import SAMPLE_RATE

__all__ = ["AudioInfo", "microphone", "microphones", "probe", "read_audio", "stream_audio"]

logger = logging.getLogger(__name__)

MIN_RATE = 1_000  # Hz; what is lower is a damaged header, not sound
MAX_RATE = 768_000
MAX_PEAK = 1_000.0  # a float file that is louder holds integers, or damage
_READ_FRAMES = 4096  # decoded at a time: all that a damaged spot can take with it
_GIT_LFS = b"version https://git-lfs.github.com/spec"
_PLACEHOLDER_BYTES = 0x7FFF0000  # a writer that did not know the length puts such a number


class AudioInfo(NamedTuple):
    """What a sound file's header says."""

    sample_rate: int  # Hz
    channels: int
    frames: int  # samples of each channel; of some damaged files more than there are
    seconds: float
    format: str  # "WAV PCM_16", as libsndfile names it


def probe(path: str | Path) -> AudioInfo:
    """Read a sound file's header.

    Raises:
        AudioError: when the file is absent, empty, not readable, not sound, or without samples.
    """
    path = Path(path)
    with _opened(path) as sound:
        return _info(sound)


def read_audio(path: str | Path) -> np.ndarray:
    """Decode a whole file.

    Returns:
        (samples,) float32 at 16 kHz, mixed down by the mean of the channels, nominally in [-1, 1].

    Raises:
        AudioError: as :func:`stream_audio`.
    """
    with closing(stream_audio(path, block_seconds=30.0)) as blocks:
        return np.concatenate(list(blocks))


def stream_audio(path: str | Path, block_seconds: float = 1.0) -> Generator[np.ndarray, None, None]:
    """Decode a file block by block, in memory that does not grow with its length.

    Of a truncated or damaged file what comes before the damage is decoded, and a warning is logged where
    that shows (an Ogg file does not say how long it was).

    Args:
        path: a file of any format, rate and channel count that libsndfile decodes.
        block_seconds: about the length of a block; the samples do not depend on it.

    Yields:
        (n,) float32 at 16 kHz, n > 0, mixed down by the mean of the channels, nominally in [-1, 1].

    Raises:
        AudioError: when the file is absent, empty, not readable, not sound, without a sample that decodes,
        or holds
            NaN, infinity or values a thousand times over full scale. Raised at the first block that is asked
            for, or where a block is not finite.
    """
    path = Path(path)
    with _opened(path) as sound:
        mono = _mixed_down(path, sound)
        blocks = _gathered(mono, max(1, round(block_seconds * sound.samplerate)))
        yield from _resampled(blocks, sound.samplerate)


class _Forward(soundfile.SoundFile):
    """A file that is only read forward.

    soundfile seeks behind every read, to where it is already; in an Ogg file that can change the samples that follow.
    """

    def seekable(self) -> bool:
        """Return False: nobody seeks."""
        return False


@contextmanager
def _opened(path: Path) -> Iterator[soundfile.SoundFile]:
    _check_file(path)
    try:
        sound = _Forward(str(path))
    except (soundfile.LibsndfileError, TypeError, RuntimeError) as error:
        raise AudioError(_not_sound(path, error)) from error
    with sound:
        if not MIN_RATE <= sound.samplerate <= MAX_RATE or sound.frames == 0:
            found = f"{sound.frames} samples at {sound.samplerate} Hz"
            raise AudioError(f"{path} has a header but no sound: {found}; record or copy it again")
        yield sound


def _check_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise AudioError(f"{path} is a folder; expected a sound file")
        if path.exists() and not path.is_file():
            raise AudioError(f"{path} is a pipe or a device; expected a sound file")
        with path.open("rb") as file:
            head = file.read(len(_GIT_LFS))
    except FileNotFoundError as error:
        raise AudioError(f"{path} does not exist; expected a sound file") from error
    except OSError as error:
        raise AudioError(f"{path} cannot be read: {error.strerror}; check its permissions and its disk") from error
    if not head:
        raise AudioError(f"{path} is empty (0 bytes); expected a sound file")
    if head == _GIT_LFS:
        raise AudioError(f"{path} is a Git-LFS pointer in place of sound; run `git lfs pull` where it comes from")


def _not_sound(path: Path, error: Exception) -> str:
    with path.open("rb") as file:
        head = file.read(16)
    reason = str(error).rpartition(": ")[2].rstrip(".")
    return (
        f"{path} is not sound that can be decoded ({reason}); it begins with {head!r}; "
        "expected WAV, FLAC, Ogg Vorbis or Opus, MP3, AIFF or another format of libsndfile"
    )


def _info(sound: soundfile.SoundFile) -> AudioInfo:
    return AudioInfo(
        sample_rate=sound.samplerate,
        channels=sound.channels,
        frames=sound.frames,
        seconds=sound.frames / sound.samplerate,
        format=f"{sound.format} {sound.subtype}",
    )


def _mixed_down(path: Path, sound: soundfile.SoundFile) -> Iterator[np.ndarray]:
    """Yield mono pieces of (4096 at most,) float32, at the file's own rate."""
    decoded = 0
    damage = _shortened(sound.extra_info)
    while True:
        try:
            piece = sound.read(_READ_FRAMES, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            damage = str(error)
            break
        if len(piece) == 0:
            break
        with np.errstate(invalid="ignore", over="ignore"):  # infinities are refused below
            mono = piece[:, 0] if piece.shape[1] == 1 else piece.mean(axis=1, dtype=np.float32)
        _check_samples(path, mono, decoded / sound.samplerate)
        decoded += len(piece)
        yield mono
    if decoded == 0:
        raise AudioError(f"{path} holds no sample that decodes ({damage or 'end of file'}); copy it again")
    missing = max(0, sound.frames - decoded) / sound.samplerate
    if damage or missing > 0.1:
        where = f"after {decoded / sound.samplerate:.1f} s"
        logger.warning("%s is truncated or damaged %s (%s); heard up to there", path, where, damage or "end of file")


def _shortened(log: str) -> str | None:
    """Return the line of libsndfile's log that says that a file is shorter than its header, if any."""
    for line in log.splitlines():
        sizes = re.search(r":\s*(\d+) \(should be (\d+)\)", line)
        if sizes and int(sizes[2]) < int(sizes[1]) < _PLACEHOLDER_BYTES:
            return " ".join(line.split())
    return None


def _check_samples(path: Path, mono: np.ndarray, seconds: float) -> None:
    peak = max(float(mono.max()), -float(mono.min()))  # NaN where any is
    if not np.isfinite(peak):
        raise AudioError(f"{path} holds NaN or infinity {seconds:.1f} s in; expected finite samples in [-1, 1]")
    if peak > MAX_PEAK:
        raise AudioError(f"{path} holds samples up to {peak:.0f}; expected [-1, 1]: scale it, or write it as integers")


def _gathered(pieces: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Join pieces to blocks of at least ``size`` samples; the last is what is left."""
    held: list[np.ndarray] = []
    samples = 0
    for piece in pieces:
        held.append(piece)
        samples += len(piece)
        if samples >= size:
            yield np.concatenate(held)
            held, samples = [], 0
    if held:
        yield np.concatenate(held)


def _resampled(blocks: Iterable[np.ndarray], rate: int) -> Iterator[np.ndarray]:
    """Resample mono blocks to 16 kHz; the result does not depend on how they are cut."""
    if rate == SAMPLE_RATE:
        yield from blocks
        return
    resampler = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")
    samples = 0
    for block in blocks:
        out = resampler.resample_chunk(block)
        samples += len(out)
        if len(out):
            yield out
    out = resampler.resample_chunk(np.empty(0, np.float32), last=True)
    if len(out):
        yield out
    elif samples == 0:  # a few samples of a high rate: less than one of ours
        yield np.zeros(1, np.float32)


def microphones() -> list[str]:
    """Return the names of the input devices.

    Raises:
        AudioError: when the sound library is missing.
    """
    return [device["name"] for device in _sounddevice().query_devices() if device["max_input_channels"] > 0]


def microphone(
    device: str | None = None, block_seconds: float = 0.1, *, on_overrun: Callable[[], None] | None = None
) -> Generator[np.ndarray, None, None]:
    """Capture from a microphone until the caller stops asking; closing the generator closes the device.

    Args:
        device: a name, or a part of one that only one device has; None: the system's default.
        block_seconds: length of a block.
        on_overrun: called before the block in front of which the system dropped sound.

    Yields:
        (n,) float32 at 16 kHz, mono, in [-1, 1].

    Raises:
        AudioError: when the sound library is missing, there is no such device, or it fails.
    """
    sounddevice = _sounddevice()
    try:
        rate = _capture_rate(sounddevice, device)
        with sounddevice.InputStream(device=device, channels=1, samplerate=rate, dtype="float32") as stream:
            captured = _captured(stream, round(rate * block_seconds), on_overrun)
            yield from _resampled(captured, rate)
    except (sounddevice.PortAudioError, ValueError) as error:
        raise AudioError(_no_microphone(device, error)) from error


def _captured(stream: Any, size: int, on_overrun: Callable[[], None] | None) -> Iterator[np.ndarray]:
    while True:
        block, overran = stream.read(size)
        if overran:
            logger.warning("the microphone overran: sound was lost")
            if on_overrun is not None:
                on_overrun()
        yield block[:, 0]


def _capture_rate(sounddevice: Any, device: str | None) -> int:
    """Return 16 kHz where the device can, else its own rate."""
    try:
        sounddevice.check_input_settings(device=device, channels=1, dtype="float32", samplerate=SAMPLE_RATE)
    except sounddevice.PortAudioError:
        return int(sounddevice.query_devices(device, "input")["default_samplerate"])
    return SAMPLE_RATE


def _sounddevice() -> Any:
    try:
        import sounddevice
    except ImportError as error:
        raise AudioError("no microphone support is installed; run `pip install exclaim[device]`") from error
    except OSError as error:  # the wheel is there, the system's library is not
        raise AudioError(
            f"no microphone can be opened ({error}); install PortAudio, such as Debian's libportaudio2"
        ) from error
    return sounddevice


def _no_microphone(device: str | None, error: Exception) -> str:
    try:
        names = microphones()
    except Exception:  # the sound system itself is down: say what is known
        names = []
    wanted = "the default microphone" if device is None else f"microphone {device!r}"
    found = f"found {', '.join(map(repr, names))}" if names else "this machine has no input device"
    return f"{wanted} cannot be opened ({error}); {found}"
