"""Vectors of a corpus, computed once and memory-mapped.

A table is a folder with ``header.json`` (which network, which clips), ``vectors.f16`` (a row for each clip: mean, then
maximum) and ``clips.jsonl`` (a line for each row). Rows are added in the clips' order, so a run that was stopped goes
on behind the last whole one. The folder is named by the hash of the network's files and of the clips' names, sizes and
times; a table that says otherwise inside than outside is refused.
"""

import hashlib
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import msgspec
import numpy as np

from exclaim.audio import read_audio
from exclaim.corpora.clip import Clip
from exclaim.errors import AudioError, CorpusError, StoreError
from exclaim.learn.embeddings.embedding import Embedding
from exclaim.learn.owned import owned

__all__ = ["EmbeddingTable", "build_table"]

_LOG = logging.getLogger(__name__)
_UNREADABLE_SHARE = 0.05
_AT_ONCE = 32  # clips between two writes: all that a stop can cost


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    network: str  # SHA-256
    clips: str  # SHA-256 of their names, sizes and times
    width: int
    rows: int


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: str
    samples: str | None  # SHA-256 of the decoded sound; None: it could not be read, and the row is empty


class EmbeddingTable:
    """Vectors of clips, by path."""

    def __init__(self, folder: Path) -> None:
        """Open a whole table.

        Raises:
            StoreError: when it is not whole, or not what its header says.
        """
        try:
            header = msgspec.json.decode((folder / "header.json").read_bytes(), type=_Header)
            rows = _rows(folder / "clips.jsonl")
            size = (folder / "vectors.f16").stat().st_size
        except (OSError, msgspec.DecodeError) as error:
            raise StoreError(f"{folder} is no table of vectors ({error}); remove it, and it is made again") from error
        if len(rows) != header.rows or size != header.rows * _row_bytes(header.width):
            raise StoreError(
                f"table {folder} holds {len(rows)} clips and {size} bytes; its header says {header.rows} clips of "
                f"{_row_bytes(header.width)} bytes: remove it, and it is made again"
            )
        self.name = header.name
        self.network = header.network
        self.width = header.width
        self._rows = {row.path: (number, row.samples) for number, row in enumerate(rows) if row.samples}
        self._vectors = np.memmap(folder / "vectors.f16", np.float16, "r").reshape(-1, 2, header.width)

    def __contains__(self, clip: Clip) -> bool:
        """Tell whether the clip could be read."""
        return str(clip.path) in self._rows

    def vectors(self, clips: Sequence[Clip]) -> np.ndarray:
        """Return the clips' vectors: (n, 2, width) float32, the mean and the maximum over time."""
        return self._vectors[[self._rows[str(clip.path)][0] for clip in clips]].astype(np.float32)

    def data_hash(self, clips: Sequence[Clip]) -> str:
        """Return the SHA-256 over the samples of these clips, in their order."""
        digest = hashlib.sha256()
        for clip in clips:
            digest.update((self._rows[str(clip.path)][1] or "").encode())
        return digest.hexdigest()


def build_table(
    embedding: Embedding, clips: Sequence[Clip], cache: Path, progress: Callable[[int, int], None] | None = None
) -> EmbeddingTable:
    """Return the table of these clips, computing what the cache does not hold yet and no other process computes now.

    Args:
        embedding: the network.
        clips: audio clips; those that cannot be read are left out and logged.
        cache: folder that holds tables.
        progress: called with (done, all).

    Raises:
        CorpusError: when more than 5 % cannot be read.
        StoreError: when the table that is there is of another network or of other clips.
    """
    header = _Header(embedding.name, embedding.sha256, _key(clips), embedding.width, len(clips))
    address = hashlib.sha256(f"{header.network}{header.clips}".encode()).hexdigest()
    folder = cache / f"embeddings-{embedding.name}-{address[:16]}"
    with owned(folder):
        _claim(folder, header)
        _fill(folder, header, embedding, clips, progress or (lambda done, whole: None))
    return EmbeddingTable(folder)


def _key(clips: Sequence[Clip]) -> str:
    digest = hashlib.sha256()
    for clip in clips:
        stat = Path(clip.path).stat()
        digest.update(f"{clip.path}|{stat.st_size}|{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _claim(folder: Path, header: _Header) -> None:
    """Write the header, or see that the table that is there is this one."""
    path = folder / "header.json"
    if not path.is_file():
        partial = path.with_suffix(".partial")
        partial.write_bytes(msgspec.json.encode(header))
        os.replace(partial, path)
        return
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_Header)
    except msgspec.DecodeError as error:
        raise StoreError(f"{path} cannot be read ({error}); remove {folder}, and it is made again") from error
    if found != header:
        what = "another network" if found.network != header.network else "other clips"
        raise StoreError(f"table {folder} is stale: it holds vectors of {what}; remove it, and it is made again")


def _row_bytes(width: int) -> int:
    return 2 * width * np.dtype(np.float16).itemsize


def _rows(path: Path) -> list[_Row]:
    """Read the whole lines of a file of rows; a last one without its end was cut off by a stop."""
    lines = path.read_bytes().split(b"\n")[:-1]
    return [msgspec.json.decode(line, type=_Row) for line in lines]


def _resume(folder: Path, header: _Header, clips: Sequence[Clip]) -> list[_Row]:
    """Return the rows that are whole in both files, and cut off what stands behind them."""
    vectors, lines = folder / "vectors.f16", folder / "clips.jsonl"
    for path in (vectors, lines):
        path.touch()
    done = _rows(lines)[: vectors.stat().st_size // _row_bytes(header.width)]
    if [row.path for row in done] != [str(clip.path) for clip in clips[: len(done)]]:
        raise StoreError(f"table {folder} holds other clips than its header says; remove it, and it is made again")
    os.truncate(vectors, len(done) * _row_bytes(header.width))
    os.truncate(lines, sum(len(msgspec.json.encode(row)) + 1 for row in done))
    return done


def _fill(
    folder: Path, header: _Header, embedding: Embedding, clips: Sequence[Clip], progress: Callable[[int, int], None]
) -> None:
    done = _resume(folder, header, clips)
    unreadable = sum(row.samples is None for row in done)
    with (folder / "vectors.f16").open("ab") as vectors, (folder / "clips.jsonl").open("ab") as lines:
        for begin in range(len(done), len(clips), _AT_ONCE):
            made = [_made(embedding, clip) for clip in clips[begin : begin + _AT_ONCE]]
            unreadable += sum(row.samples is None for row, _ in made)
            _append(vectors, b"".join(vector.tobytes() for _, vector in made))
            _append(lines, b"".join(msgspec.json.encode(row) + b"\n" for row, _ in made))
            progress(min(begin + _AT_ONCE, len(clips)), len(clips))
    if unreadable > _UNREADABLE_SHARE * len(clips):
        raise CorpusError(
            f"{unreadable} of {len(clips)} clips cannot be read; at most 5 % may be; run `exclaim corpora check`"
        )


def _made(embedding: Embedding, clip: Clip) -> tuple[_Row, np.ndarray]:
    try:
        samples = read_audio(Path(clip.path))
        vector = embedding(samples)
    except AudioError as error:
        _LOG.warning("left out: %s", error)
        return _Row(str(clip.path), None), np.zeros((2, embedding.width), np.float16)
    return _Row(str(clip.path), hashlib.sha256(samples.tobytes()).hexdigest()), vector.astype(np.float16)


def _append(file: IO[bytes], content: bytes) -> None:
    file.write(content)
    file.flush()
