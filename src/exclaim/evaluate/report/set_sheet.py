"""Contact sheets of condensed sets: every item's log-mel, with its labels and its sound, and each label's mean."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from exclaim.errors import ConfigError
from exclaim.evaluate.report.figure import SERIES
from exclaim.evaluate.report.section import Picture, Section, Sheet, Shelf
from exclaim.evaluate.report.sets import ReadSet
from exclaim.evaluate.report.window_files import DIFFERENCE, data_uri, scale_image, window_image, window_sound
from exclaim.features import RANGE_DB
from exclaim.wording import in_words

__all__ = ["MOST_PICTURES", "MOST_SOUNDS", "SOUNDS_EACH", "Shown", "items_section", "means_section", "shown"]

MOST_PICTURES = 600  # on a page, 33 kB each at the most
MOST_SOUNDS = 60  # on a page, 128 kB each
SOUNDS_EACH = 2  # of a label
_MEANS = 2  # pictures of a label besides its items: its mean, and what sets it apart
_TOLD = 0.1  # a share of a label from which on its number stands below the picture
_LOUDNESS_ENDS = ("\N{MINUS SIGN}80 dB", "0 dB")
_APART_DB = 20  # of a label's mean and all labels', from which on colours do not change
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
    if labels * (1 + _MEANS) > MOST_PICTURES:
        raise ConfigError(
            f"{len(sets)} sets have {labels} labels, with {1 + _MEANS} pictures at the least of each; a page has "
            f"{MOST_PICTURES}; name fewer sets"
        )
    most = max(len(row) for found in sets for row in found.rows)
    items = min(asked or most, most, MOST_PICTURES // labels - _MEANS)
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
        sheets=(Sheet(_HOW, tuple(shelves), () if _hard(found) else _key(found), scale_image(), ends=_LOUDNESS_ENDS),),
        notes=_notes(found, limit),
    )


def means_section(sets: Sequence[ReadSet]) -> Section:
    """Return the mean item of each label, and by how much it differs from the others', a row for each set."""
    means = [np.stack([found.windows[row].mean(axis=0) for row in found.rows if len(row)]) for found in sets]
    plain = [
        _label_shelf(found, [window_image(mean) for mean in own], "mean log-mel of items of", titled=len(sets) > 1)
        for found, own in zip(sets, means, strict=True)
    ]
    apart = [
        _label_shelf(
            found, [_difference(mean - own.mean(axis=0)) for mean in own], "difference of", titled=len(sets) > 1
        )
        for found, own in zip(sets, means, strict=True)
    ]
    ends = (f"\N{MINUS SIGN}{_APART_DB} dB", f"+{_APART_DB} dB")
    difference = "The same, less the mean over all labels: red is where a label is louder than the others, blue softer."
    return Section(
        id="means",
        title="The mean item of each label",
        lead="What a label's items have in common, and what a model can tell it by first.",
        sheets=(
            Sheet(_HOW, tuple(plain), scale=scale_image(), ends=_LOUDNESS_ENDS, small=True),
            Sheet(difference, tuple(apart), scale=scale_image(DIFFERENCE), ends=ends, small=True),
        ),
    )


def _difference(cells: np.ndarray) -> str:
    """Return the picture of a difference of windows, cut off where it is too large."""
    return window_image(np.clip(cells * (RANGE_DB / 2) / _APART_DB, -1, 1), DIFFERENCE)


def _label_shelf(found: ReadSet, images: Sequence[str], what: str, *, titled: bool) -> Shelf:
    labels = [(label, len(row)) for label, row in zip(found.card.labels, found.rows, strict=True) if len(row)]
    pictures = tuple(
        Picture(
            image=image, alternative=f"{what} {_named(label)} in {found.name}", name=_named(label), told=f"of {count}"
        )
        for image, (label, count) in zip(images, labels, strict=True)
    )
    return Shelf(found.name if titled else "", "", pictures)


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
