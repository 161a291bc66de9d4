"""One clip's file looked at closely: can it be read, is there sound in it, is it the same as another.

Sound is looked at as the file holds it, at its own rate and before any resampling, so that equal samples are found
equal and a damaged file is told from a whole one.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import soundfile

from exclaim.audio import MAX_PEAK, MAX_RATE, MIN_RATE
from exclaim.corpora.clip import Clip
from exclaim.corpora.manifest import Manifest

__all__ = [
    "BROKEN",
    "NEAR_SILENT_PEAK_DB",
    "SILENT_PEAK_DB",
    "Finding",
    "inspect_clip",
    "inspect_clips",
    "with_findings",
]

State = Literal[
    "ok",
    "near-silent",
    "silent",
    "truncated",
    "empty",
    "not-finite",
    "unreadable",
    "git-lfs-pointer",
    "missing",
]
BROKEN = frozenset({"truncated", "empty", "not-finite", "unreadable", "git-lfs-pointer", "missing"})
SILENT_PEAK_DB = -60.0  # dB re full scale: a peak below this is nothing but the recorder's own noise
NEAR_SILENT_PEAK_DB = -40.0  # and below this hardly more

_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_BLOCK_SECONDS = 10
_TOLERATED_SECONDS = 0.1  # a compressed file's announced length may be off by its padding
_PLACEHOLDER_BYTES = 0x7FFF0000  # a writer that did not know the length puts such a number
_TINY = 1e-10  # -200 dB: what digital silence is stated as


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in one clip's file."""

    path: Path
    state: State
    reason: str = ""  # a sentence where it is not ok
    seconds: float | None = None
    peak_db: float | None = None  # of the mono mix, dB re full scale; -200 for digital silence
    sha256: str | None = None  # of the file's bytes
    audio_sha256: str | None = None  # of the decoded samples: equal for copies in another lossless container


def inspect_clip(clip: Clip) -> Finding:
    """Read a clip's file from end to end, in bounded memory; never raises for what is wrong with the file."""
    path = clip.path
    try:
        with path.open("rb") as file:
            beginning = file.read(64)
        size, digest = path.stat().st_size, _file_sha256(path)
    except FileNotFoundError:
        return Finding(path=path, state="missing", reason="the file is not there")
    except OSError as error:
        return Finding(path=path, state="unreadable", reason=f"the file cannot be read: {error}")
    if size == 0:
        return Finding(path=path, state="empty", reason="the file has no bytes", sha256=digest)
    if beginning.startswith(_LFS_POINTER):
        reason = "a Git-LFS pointer stands in place of the sound: run `git lfs pull` in the corpus's clone"
        return Finding(path=path, state="git-lfs-pointer", reason=reason, sha256=digest)
    if clip.kind != "audio":
        return Finding(path=path, state="ok", sha256=digest, audio_sha256=digest)
    found = _inspect_sound(path)
    if found.state not in BROKEN and _ends_early(beginning, size):
        found = msgspec.structs.replace(found, state="truncated", reason="the file is shorter than its header says")
    return msgspec.structs.replace(found, sha256=digest)


def _inspect_sound(path: Path) -> Finding:
    samples, peak, finite, audio = 0, 0.0, True, hashlib.sha256()
    try:
        with soundfile.SoundFile(path) as file:
            rate, announced = file.samplerate, file.frames
            for block in _mono_blocks(file):
                samples += len(block)
                finite = finite and bool(np.isfinite(block).all())
                peak = max(peak, float(np.abs(block).max()))
                audio.update(block.tobytes())
    except (RuntimeError, TypeError, OSError) as error:  # what libsndfile refuses comes as any of these
        return Finding(path=path, state="unreadable", reason=f"not decoded: {error}")
    seconds = samples / rate
    if samples == 0:
        return Finding(path=path, state="empty", reason="no samples", seconds=0.0)
    if not finite:
        return Finding(path=path, state="not-finite", reason="NaN or infinity among the samples", seconds=seconds)
    if peak > MAX_PEAK or not MIN_RATE <= rate <= MAX_RATE:
        reason = f"not sound: samples up to {peak:.0f} at {rate} Hz"
        return Finding(path=path, state="unreadable", reason=reason, seconds=seconds)
    peak_db = round(20 * float(np.log10(max(peak, _TINY))), 1)
    state, reason = _loudness(peak_db)
    if announced - samples > _TOLERATED_SECONDS * rate:
        state, reason = "truncated", f"{seconds:.1f} s of {announced / rate:.1f} s decode"
    return Finding(
        path=path, state=state, reason=reason, seconds=seconds, peak_db=peak_db, audio_sha256=audio.hexdigest()
    )


def _ends_early(beginning: bytes, size: int) -> bool:
    """Tell whether a RIFF file announces more bytes than it has; libsndfile plays such a file without a word."""
    announced = int.from_bytes(beginning[4:8], "little") + 8 if beginning[:4] == b"RIFF" else 0
    return size + 1 < announced < _PLACEHOLDER_BYTES


def _loudness(peak_db: float) -> tuple[State, str]:
    if peak_db < SILENT_PEAK_DB:
        return "silent", f"peak {peak_db} dB re full scale, below {SILENT_PEAK_DB:g}"
    if peak_db < NEAR_SILENT_PEAK_DB:
        return "near-silent", f"peak {peak_db} dB re full scale, below {NEAR_SILENT_PEAK_DB:g}"
    return "ok", ""


def _mono_blocks(file: soundfile.SoundFile) -> Iterator[np.ndarray]:
    """Yield (samples,) float32, the mean of the channels."""
    while len(block := file.read(_BLOCK_SECONDS * file.samplerate, dtype="float32", always_2d=True)):
        yield np.ascontiguousarray(block.mean(axis=1))


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def inspect_clips(
    clips: Iterable[Clip], *, workers: int = 2, progress: Callable[[], None] = lambda: None
) -> tuple[Finding, ...]:
    """Inspect clips in a pool of threads.

    Args:
        clips: of any corpora.
        workers: threads; decoding and hashing run outside the interpreter's lock.
        progress: called after each clip, from the calling thread.

    Returns:
        A finding for each clip, in their order.
    """
    findings = []
    pool = ThreadPoolExecutor(max_workers=workers)
    try:
        for finding in pool.map(inspect_clip, clips):
            findings.append(finding)
            progress()
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C does not wait for the thousands that are still to come
    return tuple(findings)


def with_findings(manifest: Manifest, findings: Iterable[Finding]) -> Manifest:
    """Return the manifest with each clip's seconds and SHA-256 filled in from the findings."""
    found = {finding.path: finding for finding in findings}
    clips = tuple(
        msgspec.structs.replace(clip, seconds=found[clip.path].seconds, sha256=found[clip.path].sha256)
        if clip.path in found
        else clip
        for clip in manifest
    )
    return msgspec.structs.replace(manifest, clips=clips)
