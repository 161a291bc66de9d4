"""What is told while a corpus is fetched, and what was done in the end."""

from pathlib import Path
from typing import NamedTuple

__all__ = ["Acquired", "Watcher"]


class Acquired(NamedTuple):
    """What was done."""

    folder: Path
    files: int  # that lie there now by this call or an earlier one
    new: int  # of these, by this call
    sha256: dict[str, str]  # of each archive that was fetched now
    commit: str | None  # of a repository


class Watcher:
    """What is told while it goes on; by default nothing is done with it."""

    def progress(self, what: str, done: int, total: int | None, unit: str) -> None:
        """Take note that so many of ``total`` bytes or files (``unit``) are done."""

    def say(self, sentence: str) -> None:
        """Take note of something that a person would want to know."""
