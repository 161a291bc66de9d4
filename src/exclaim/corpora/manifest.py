"""A manifest: the clips of one corpus or of one part of a split, and what was left out and why."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from exclaim.corpora.clip import Clip

__all__ = ["UNREADABLE_LIMIT", "Exclusion", "Manifest", "merge"]

UNREADABLE_LIMIT = 0.05  # a larger share of files that cannot be read is an error, not an exclusion


class Exclusion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file that belongs to a corpus's folder but is no clip of it, and why."""

    path: Path
    reason: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Clips in a fixed order (by path), with notes on what was found odd."""

    corpus: str  # name in the registry; several joined by "+"
    clips: tuple[Clip, ...]
    excluded: tuple[Exclusion, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Return how many clips there are."""
        return len(self.clips)

    def __iter__(self) -> Iterator[Clip]:
        """Iterate over the clips."""
        return iter(self.clips)

    @property
    def speakers(self) -> tuple[str, ...]:
        """The speakers' keys (``corpus:speaker``), sorted; clips without a speaker add none."""
        return tuple(sorted({key for clip in self.clips if (key := clip.speaker_key) is not None}))

    @property
    def labels(self) -> dict[str, int]:
        """How many clips carry each label, sorted by label; clips without a label are not counted."""
        return dict(sorted(Counter(clip.label for clip in self.clips if clip.label is not None).items()))

    def select(self, keep: Callable[[Clip], bool]) -> "Manifest":
        """Return the manifest of the clips that ``keep`` accepts; exclusions and notes stay."""
        return msgspec.structs.replace(self, clips=tuple(clip for clip in self.clips if keep(clip)))

    def summary_of_excluded(self) -> dict[str, int]:
        """Return how many files were left out for each reason, the most frequent first."""
        return dict(Counter(exclusion.reason for exclusion in self.excluded).most_common())


def merge(manifests: Iterable[Manifest]) -> Manifest:
    """Return one manifest of several, in their order."""
    parts = tuple(manifests)
    return Manifest(
        corpus="+".join(dict.fromkeys(part.corpus for part in parts)),
        clips=tuple(clip for part in parts for clip in part.clips),
        excluded=tuple(exclusion for part in parts for exclusion in part.excluded),
        notes=tuple(note for part in parts for note in part.notes),
    )
