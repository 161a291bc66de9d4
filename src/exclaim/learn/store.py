"""Features computed once and kept as bytes, memory-mapped.

A store is a folder with ``frames.u8`` (all frames of all clips, 128 bytes each) and ``index.json`` (where each clip's
frames begin, its samples' SHA-256). It is named by the hash of the front-end and of the files' names, sizes and times,
so a changed corpus makes a new one; a folder appears only when it is whole.
"""

import errno
import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np

from exclaim import features
from exclaim.audio import read_audio
from exclaim.card import front_end_hash
from exclaim.corpora.clip import Clip
from exclaim.corpora.pictures import picture_codes
from exclaim.errors import AudioError, CorpusError, StoreError

__all__ = ["FeatureStore", "build_store"]

_LOG = logging.getLogger(__name__)
_UNREADABLE_SHARE = 0.05


class _Entry(msgspec.Struct, frozen=True):
    path: str
    begin: int  # first frame
    frames: int
    sha256: str  # of the decoded samples, or of a picture's file


class FeatureStore:
    """Coded frames of clips, by path."""

    def __init__(self, folder: Path) -> None:
        """Open a store that :func:`build_store` made.

        Raises:
            StoreError: when it is cut or damaged.
        """
        frames = folder / "frames.u8"
        try:
            entries = msgspec.json.decode((folder / "index.json").read_bytes(), type=list[_Entry])
            size = frames.stat().st_size
            if size != features.N_MELS * sum(entry.frames for entry in entries):
                raise StoreError(f"feature store {folder} is cut or damaged: {frames.name} has {size} bytes")
            kept = np.memmap(frames, np.uint8, "r") if size else np.empty(0, np.uint8)
        except (OSError, msgspec.DecodeError) as error:
            raise StoreError(f"feature store {folder} is cut or damaged: {error}") from error
        self._entries = {entry.path: entry for entry in entries}
        self._frames = kept.reshape(-1, features.N_MELS)

    def __contains__(self, clip: Clip) -> bool:
        """Tell whether the clip could be read."""
        return str(clip.path) in self._entries

    def codes(self, clip: Clip) -> np.ndarray:
        """Return a clip's frames as (frames, 128) uint8, a view into the file."""
        entry = self._entries[str(clip.path)]
        return self._frames[entry.begin : entry.begin + entry.frames]

    def data_hash(self, clips: Sequence[Clip]) -> str:
        """Return the SHA-256 over the samples of these clips, in their order."""
        digest = hashlib.sha256()
        for clip in clips:
            digest.update(self._entries[str(clip.path)].sha256.encode())
        return digest.hexdigest()


def build_store(clips: Sequence[Clip], cache: Path, progress: Callable[[int, int], None] | None = None) -> FeatureStore:
    """Return the store of these clips, computing it where the cache does not hold it whole.

    Args:
        clips: sound or pictures of it; those that cannot be read are left out and logged.
        cache: folder that holds stores.
        progress: called with (done, all).

    Raises:
        CorpusError: when more than 5 % cannot be read.
        StoreError: when the cache cannot be written.
    """
    folder = cache / f"features-{_key(clips)[:16]}"
    if folder.is_dir():
        try:
            return FeatureStore(folder)
        except StoreError as error:
            _LOG.warning("%s; it is computed anew", error)
    partial = cache / f"{folder.name}.partial-{os.getpid()}"
    try:
        partial.mkdir(parents=True, exist_ok=True)
        _fill(partial, clips, progress or (lambda done, whole: None))
        _move(partial, folder)
    except OSError as error:
        raise StoreError(
            f"features cannot be kept in {cache}: {error.strerror or error}; choose another --cache, or make room"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return FeatureStore(folder)


def _move(partial: Path, folder: Path) -> None:
    """Put a whole store in its place; one that is there, cut or another process's, gets its files."""
    try:
        partial.rename(folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        for file in partial.iterdir():
            file.replace(folder / file.name)


def _key(clips: Sequence[Clip]) -> str:
    digest = hashlib.sha256(front_end_hash().encode())
    for clip in clips:
        stat = Path(clip.path).stat()
        digest.update(f"{clip.path}|{stat.st_size}|{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _coded(clip: Clip) -> tuple[np.ndarray, str] | AudioError:
    try:
        if clip.kind == "relative-log-mel":
            return picture_codes(Path(clip.path)), hashlib.sha256(Path(clip.path).read_bytes()).hexdigest()
        samples = read_audio(Path(clip.path))
    except AudioError as error:
        return error
    return features.encode(features.log_mel_db(samples)).T, hashlib.sha256(samples.tobytes()).hexdigest()


def _fill(folder: Path, clips: Sequence[Clip], progress: Callable[[int, int], None]) -> None:
    entries: list[_Entry] = []
    position = 0
    unreadable = 0
    with (folder / "frames.u8").open("wb") as file, ThreadPoolExecutor(os.cpu_count()) as pool:
        batch = 256  # clips in flight, so that memory does not grow with the corpus
        for begin in range(0, len(clips), batch):
            part = clips[begin : begin + batch]
            for clip, outcome in zip(part, pool.map(_coded, part), strict=True):
                if isinstance(outcome, AudioError):
                    unreadable += 1
                    _LOG.warning("left out: %s", outcome)
                    continue
                codes, digest = outcome
                file.write(np.ascontiguousarray(codes).tobytes())
                entries.append(_Entry(str(clip.path), position, len(codes), digest))
                position += len(codes)
            progress(min(begin + batch, len(clips)), len(clips))
    if unreadable > _UNREADABLE_SHARE * len(clips):
        raise CorpusError(
            f"{unreadable} of {len(clips)} clips cannot be read; at most 5 % may be; run `exclaim corpora check`"
        )
    (folder / "index.json").write_bytes(msgspec.json.encode(entries))
