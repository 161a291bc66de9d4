"""Contact sheets of condensed sets: every item's log-mel, with its labels and its sound, and each label's mean."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from exclaim.errors import ConfigError
from exclaim.evaluate.report.figure import SERIES
from exclaim.evaluate.report.section import Picture, Section, Sheet, Shelf
from exclaim.evaluate.report.sets import ReadSet
from exclaim.evaluate.report.window_files import data_uri, scale_image, window_image, window_sound
from exclaim.wording import in_words

__all__ = ["MOST_PICTURES", "MOST_SOUNDS", "SOUNDS_EACH", "Shown", "items_section", "means_section", "shown"]

MOST_PICTURES = 600  # of items on a page, 33 kB each at the most
MOST_SOUNDS = 60  # on a page, 128 kB each
SOUNDS_EACH = 2  # of a label
_TOLD = 0.1  # a share of a label from which on its number stands below the picture
_HOW = (
    "Each picture is a window of 3 s: time from left to right, 0 to 8 kHz from bottom to top, as bright as it is loud, "
    "over 80 dB."
)


class Shown(NamedTuple):
    """How much of every label is on the page."""

    items: int
    sounds: int


def shown(sets: Sequence[ReadSet], asked: int, *, sounds: bool) -> Shown:
    """Return how many items of a label a page can show, and let hear.

    Args:
        sets: that stand on it.
        asked: items of a label; 0: all.
        sounds: whether there are any.

    Raises:
        ConfigError: when there are more labels than pictures on a page.
    """
    labels = sum(len(found.card.labels) for found in sets)
    if labels > MOST_PICTURES:
        raise ConfigError(f"{len(sets)} sets have {labels} labels, a page {MOST_PICTURES} pictures; name fewer sets")
    most = max(len(row) for found in sets for row in found.rows)
    items = min(asked or most, most, MOST_PICTURES // labels)
    return Shown(items, min(SOUNDS_EACH, items, MOST_SOUNDS // labels) if sounds else 0)


def items_section(found: ReadSet, limit: Shown, number: int, tell: Callable[[int, int], None]) -> Section:
    """Return a set's items, a row for each label.

    Args:
        found: the set.
        limit: how many of each label.
        number: of the set on the page, for the section's id.
        tell: told of the sounds that are made.
    """
    shelves, heard = [], 0
    expected = sum(min(limit.sounds, len(row)) for row in found.rows)
    for label, row in zip(found.card.labels, found.rows, strict=True):
        pictures = []
        for place, item in enumerate(row[: limit.items].tolist()):
            audible = place < limit.sounds
            pictures.append(_picture(found, item, label, audible=audible))
            heard += audible
            tell(heard, expected)
        kept = f"{len(row):,} {'item' if len(row) == 1 else 'items'}"
        few = len(pictures) < len(row)
        shelves.append(Shelf(_named(label), f"{kept}, the first {len(pictures)}" if few else kept, tuple(pictures)))
    return Section(
        id=f"items-{number}",
        title=f"Items of {found.name}",
        lead=_lead(found),
        sheets=(Sheet(_HOW, tuple(shelves), () if _hard(found) else _key(found), scale_image()),),
        notes=_notes(found, limit),
    )


def means_section(sets: Sequence[ReadSet]) -> Section:
    """Return the mean item of each label, a row for each set."""
    shelves = tuple(
        Shelf(
            found.name if len(sets) > 1 else "",
            f"{found.card.items:,} items",
            tuple(
                Picture(
                    image=window_image(found.windows[row].mean(axis=0)),
                    alternative=f"mean log-mel of {found.name}'s items of {_named(label)}",
                    name=_named(label),
                    told=f"of {len(row)}",
                )
                for label, row in zip(found.card.labels, found.rows, strict=True)
                if len(row)
            ),
        )
        for found in sets
    )
    return Section(
        id="means",
        title="The mean item of each label",
        lead="What a label's items have in common; what differs between the pictures is what a model can learn first.",
        sheets=(Sheet(_HOW, shelves, (), scale_image()),),
    )


def _lead(found: ReadSet) -> str:
    if _hard(found):
        return "A row for each label. Every item has one label."
    whose = {"teacher": "its teacher's answer", "learned": "learnt with it"}.get(found.card.soft_labels, "soft")
    row = "has the largest share" if found.by_share else "it was made for, whatever the bar says"
    return (
        f"An item's label is a distribution, {whose}: the bar below it. It stands in the row of the label that {row}."
    )


def _notes(found: ReadSet, limit: Shown) -> tuple[str, ...]:
    notes = []
    if any(len(row) > limit.items for row in found.rows):
        notes.append(
            f"Up to {limit.items} items of a label are shown; `--items 0` shows all, as far as a page's "
            f"{MOST_PICTURES} pictures go."
        )
    if limit.sounds:
        notes.append(
            f"The first {limit.sounds} of a label can be heard: what the picture sounds like with phases that fit, "
            "made up and not kept in the set. `--sounds FOLDER` writes all of them as WAV files."
        )
    if found.card.start == "real":
        notes.append("These are, or began as, recordings of people: who passes on this page passes on their voices.")
    return tuple(notes)


def _picture(found: ReadSet, item: int, label: str, *, audible: bool) -> Picture:
    name = str(item + 1)
    shares = () if _hard(found) else _shares(found, item)
    told = " ".join(f"{found.card.labels[place]} {share:.2f}".replace("0.", ".") for place, share in _largest(shares))
    words = ", ".join(f"{_named(found.card.labels[place])} {share:.2f}" for place, share in _largest(shares))
    return Picture(
        image=window_image(found.windows[item]),
        alternative=f"log-mel of item {name}, {_named(label)}" + (f": {words}" if words else ""),
        name=name,
        told=told,
        shares=tuple((place % len(SERIES), share) for place, share in shares),
        sound=data_uri("audio/wav", window_sound(found.windows[item])) if audible else "",
    )


def _shares(found: ReadSet, item: int) -> tuple[tuple[int, float], ...]:
    """Return the labels that have any share, in the order of the labels, so that bars can be compared."""
    return tuple((place, float(share)) for place, share in enumerate(found.targets[item]) if share >= 0.005)


def _largest(shares: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    return sorted((one for one in shares if one[1] >= _TOLD), key=lambda one: -one[1])[:3]


def _key(found: ReadSet) -> tuple[tuple[int, str], ...]:
    return tuple((place % len(SERIES), _named(label)) for place, label in enumerate(found.card.labels))


def _hard(found: ReadSet) -> bool:
    return found.card.soft_labels == "hard"


def _named(label: str) -> str:
    words = in_words(label)
    return label if words == label else f"{words} ({label})"
