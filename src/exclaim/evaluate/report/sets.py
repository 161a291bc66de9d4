"""Condensed sets, as `exclaim condense` leaves them: which paths are one, and what lies beside it."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exclaim.corpora.condensed import hard_targets, read_set
from exclaim.corpora.condensed_card import SetCard
from exclaim.errors import CorpusError
from exclaim.evaluate.report.runs import read_history, set_files
from exclaim.learn.condensed import windows_of

__all__ = ["ReadSet", "find_sets", "is_set"]


class ReadSet(NamedTuple):
    """A set that was read."""

    name: str  # its card's; with part of its hash where another has that too
    path: Path
    card: SetCard
    windows: np.ndarray  # (n, bands, frames) float32 in [-1, 1]
    targets: np.ndarray  # (n, labels) float32, each row a distribution
    own: np.ndarray  # (n,) int: the label that each item was made for
    by_share: bool  # True where that is not known and the largest share stands for it
    bytes: int  # on disk
    sha256: str
    history: tuple[dict[str, float], ...]  # lines of metrics.jsonl; empty for a subset, or where it is not there

    @property
    def rows(self) -> tuple[np.ndarray, ...]:
        """Where the items of each label are."""
        return tuple(np.flatnonzero(self.own == label) for label in range(len(self.card.labels)))

    @property
    def share(self) -> float:
        """Bytes on disk against those of the features that were condensed."""
        return self.bytes / self.card.source_bytes


def is_set(path: Path) -> bool:
    """Tell whether a path names a set or sets, by names alone."""
    return bool(set_files(path))


def find_sets(paths: Sequence[Path]) -> tuple[ReadSet, ...]:
    """Return the sets that paths name, each once.

    Raises:
        CorpusError: when one cannot be read, is damaged, or is no set.
    """
    files = [file for path in paths for file in set_files(path) or (Path(path),)]
    sets = {found.sha256: found for found in (_read(file) for file in files)}
    names = [found.name for found in sets.values()]
    return tuple(
        found._replace(name=f"{found.name} ({found.sha256[:6]})") if names.count(found.name) > 1 else found
        for found in sets.values()
    )


def _read(file: Path) -> ReadSet:
    found = read_set(file)
    try:
        size = file.stat().st_size
    except OSError as error:
        raise CorpusError(f"{file}: cannot be read: {error.strerror}") from error
    try:
        own, by_share = hard_targets(found), False
    except CorpusError:
        own, by_share = found.targets, True
    history = read_history(file.parent / "metrics.jsonl")
    return ReadSet(
        name=found.card.name,
        path=file,
        card=found.card,
        windows=windows_of(found),
        targets=found.targets,
        own=own.argmax(axis=1),
        by_share=by_share,
        bytes=size,
        sha256=found.sha256,
        history=tuple(line for line in history if "iteration" in line and "loss" in line),
    )
