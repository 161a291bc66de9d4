"""`listen` as on a small board: on one core, in memory that the system does not exceed.

The limit is on what a process takes for itself (``RLIMIT_DATA``: heap, stacks, private writable mappings), which the
kernel enforces: what goes beyond fails. Not the address space, of which a runtime reserves more than it touches, and
not the pages of libraries, which come from the disk again when memory is short; the peak counts these too.
``python -m exclaim.evaluate.bench_board BYTES FILE MODEL...`` is the process that is measured.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from exclaim.errors import ModelError
from exclaim.evaluate import bench_listen

__all__ = ["BoardCost", "board_cost", "main"]


class BoardCost(msgspec.Struct, frozen=True, kw_only=True):
    """What a whole process takes, from its start to its end, on one core and under a limit."""

    minutes: float
    limit_bytes: int
    wall_seconds: float
    real_time_factor: float  # seconds of sound in a second
    peak_bytes: int | None  # resident, shared libraries included


def board_cost(models: Sequence[Path], minutes: float, limit_bytes: int, environment: dict[str, str]) -> BoardCost:
    """Measure `listen` in a process of its own, pinned to one core, that may take so much memory.

    Args:
        models: files, at least one of which detects.
        minutes: length of the generated recording.
        limit_bytes: of memory.
        environment: added to the process's own.

    Raises:
        ModelError: when the process fails, for instance because the memory does not suffice.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recording.wav"
        bench_listen.write_recording(path, minutes)
        before = ["exclaim.evaluate.bench_board", str(limit_bytes)]
        wall, peak = bench_listen.heard(path, models, environment, before)
    return BoardCost(
        minutes=minutes,
        limit_bytes=limit_bytes,
        wall_seconds=wall,
        real_time_factor=60 * minutes / wall,
        peak_bytes=peak,
    )


def main(arguments: list[str]) -> None:
    """Limit this process's memory to ``BYTES``, then listen as bench_listen does.

    Raises:
        ModelError: where the system limits no process's memory.
    """
    try:
        import resource
    except ImportError as error:
        raise ModelError("this system limits no process's memory; leave --memory-limit out") from error
    limit = int(arguments[0])
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    bench_listen.main(arguments[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
