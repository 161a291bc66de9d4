"""Frames and gaps to chunks and back; checked on the way in, since a chunk comes from another machine."""

import zlib
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from exclaim.errors import WireError
from exclaim.features import FRAME_BYTES, N_MELS
from exclaim.wire import Chunk, Gap, StreamInfo

__all__ = [
    "DROPPED",
    "GATED",
    "MAX_CHUNK_FRAMES",
    "OVERRUN",
    "PRESENT",
    "Run",
    "join",
    "make_chunk",
    "read_chunk",
]

MAX_CHUNK_FRAMES = 3750  # one minute; a chunk that claims more is refused before anything is allocated for it

PRESENT, GATED, DROPPED, OVERRUN = 0, 1, 2, 3  # what happened to a frame
_REASONS = {GATED: "gated", DROPPED: "dropped", OVERRUN: "overrun"}
_CODES = {reason: code for code, reason in _REASONS.items()}


class Run(NamedTuple):
    """Consecutive frames of a stream."""

    first: int  # number of the first frame
    codes: np.ndarray  # (n, 128) uint8: coded frames, 0 where not present
    status: np.ndarray  # (n,) uint8: PRESENT, GATED, DROPPED or OVERRUN

    @property
    def next(self) -> int:
        """Number of the frame behind the last one."""
        return self.first + len(self.status)

    @property
    def missing(self) -> np.ndarray:
        """Which frames were dropped or overrun and invalidate the windows they touch: (n,) bool."""
        return self.status >= DROPPED

    def slice(self, first: int, next: int) -> "Run":
        """Return the frames numbered ``first`` to ``next - 1``, which must lie inside."""
        part = slice(first - self.first, next - self.first)
        return Run(first, self.codes[part], self.status[part])


def join(runs: list[Run], first: int, next: int) -> Run:
    """Lay runs side by side as frames ``first`` to ``next - 1``; what none of them covers was dropped."""
    codes = np.zeros((next - first, N_MELS), np.uint8)
    status = np.full(next - first, DROPPED, np.uint8)
    for run in runs:
        begin, end = max(first, run.first), min(next, run.next)
        if begin < end:
            part = run.slice(begin, end)
            codes[begin - first : end - first] = part.codes
            status[begin - first : end - first] = part.status
    return Run(first, codes, status)


def make_chunk(info: StreamInfo, run: Run, *, final: bool = False, backlog: bool = False) -> Chunk:
    """Make the message for a run of frames, compressed where that makes it smaller."""
    edges = np.flatnonzero(np.diff(run.status)) + 1
    bounds = [0, *edges.tolist(), len(run.status)]
    gaps = tuple(
        Gap(first=run.first + begin, last=run.first + end - 1, reason=_REASONS[int(run.status[begin])])
        for begin, end in pairwise(bounds)
        if begin < end and run.status[begin] != PRESENT
    )
    frames = run.codes[run.status == PRESENT].tobytes()
    packed = zlib.compress(frames, 1)
    smaller = len(packed) < len(frames)
    return Chunk(
        info=info,
        first=run.first,
        last=run.next - 1,
        gaps=gaps,
        encoding="zlib" if smaller else "raw",
        frames=packed if smaller else frames,
        final=final,
        backlog=backlog,
    )


def read_chunk(chunk: Chunk) -> Run:
    """Return the frames of a message.

    Raises:
        WireError: when it claims more than :data:`MAX_CHUNK_FRAMES` frames, its gaps are not sorted, disjoint
            and inside, or its bytes are not those of the remaining frames.
    """
    count = chunk.last - chunk.first + 1
    if not 0 <= count <= MAX_CHUNK_FRAMES:
        raise WireError(
            f"chunk spans frames {chunk.first} to {chunk.last}; expected at most {MAX_CHUNK_FRAMES}, in order"
        )
    status = np.zeros(count, np.uint8)
    least = chunk.first
    for gap in chunk.gaps:
        if not least <= gap.first <= gap.last <= chunk.last:
            raise WireError(
                f"gap {gap.first} to {gap.last} in a chunk of {chunk.first} to {chunk.last}; expected gaps "
                "that are sorted, disjoint and inside"
            )
        status[gap.first - chunk.first : gap.last - chunk.first + 1] = _CODES[gap.reason]
        least = gap.last + 1
    present = status == PRESENT
    raw = _raw_bytes(chunk, int(present.sum()) * FRAME_BYTES)
    codes = np.zeros((count, N_MELS), np.uint8)
    codes[present] = np.frombuffer(raw, np.uint8).reshape(-1, N_MELS)
    return Run(chunk.first, codes, status)


def _raw_bytes(chunk: Chunk, expected: int) -> bytes:
    """Return the frames' bytes, never more than expected: what is compressed may claim to be anything."""
    raw = chunk.frames
    if chunk.encoding == "zlib":
        decompressor = zlib.decompressobj()
        try:
            raw = decompressor.decompress(chunk.frames, expected + 1)
        except zlib.error as error:
            raise WireError(f"chunk's frames cannot be decompressed: {error}") from error
    if len(raw) != expected:
        found = f"more than {expected}" if len(raw) > expected else len(raw)
        raise WireError(f"chunk's frames hold {found} bytes; expected {expected} for the frames outside its gaps")
    return raw
