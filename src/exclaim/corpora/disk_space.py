"""Is there room on the disk for what is about to be written."""

import shutil
from collections.abc import Callable
from pathlib import Path

from exclaim.errors import StoreError

__all__ = ["Room", "free_bytes", "require_room"]

Room = Callable[[Path, int], None]  # raises where a folder's disk has no room for so many bytes
_RESERVE_BYTES = 256 * 2**20  # left free: a full disk stops more than this


def free_bytes(folder: Path) -> int:
    """Return how many bytes are free where a folder lies or will lie."""
    there = next(up for up in (folder, *folder.parents) if up.exists())
    return shutil.disk_usage(there).free


def require_room(folder: Path, needed: int, free: Callable[[Path], int] = free_bytes) -> None:
    """Refuse to write where there is no room.

    Args:
        folder: where it will be written; need not exist.
        needed: bytes.
        free: how many bytes are free.

    Raises:
        StoreError: with both numbers.
    """
    available = free(folder.absolute())
    if needed and needed + _RESERVE_BYTES > available:
        raise StoreError(
            f"{folder} has {available / 1e9:.1f} GB free; {needed / 1e9:.1f} GB are needed and "
            f"{_RESERVE_BYTES / 1e9:.1f} GB are to stay free: make room or give --data DIR"
        )
