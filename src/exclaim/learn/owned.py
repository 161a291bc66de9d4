"""A folder that one process at a time works in."""

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["owned"]

_LOG = logging.getLogger(__name__)


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Hold a folder alone, after whoever holds it now; the lock goes with the process, however it ends.

    Args:
        folder: made where it is missing; its file ``lock`` is what is held.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _LOG.warning("waiting for another process that works in %s", folder)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
