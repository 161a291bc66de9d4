"""Cards of condensed sets in plain words, side by side."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from exclaim.evaluate.report.section import Block, Cell, Column, Line, Number, Section, Table, short_hash
from exclaim.evaluate.report.set_privacy import said_of_privacy
from exclaim.evaluate.report.set_values import options_told
from exclaim.evaluate.report.sets import ReadSet

__all__ = ["card_section", "glance_section"]

METHODS = {
    "random": "clips drawn at random",
    "herding": "herding: clips whose mean embedding follows their label's",
    "k-means": "k-means: the clips nearest to the centres of clusters of embeddings",
    "distribution-matching": "distribution matching: a label's mean features made alike",
    "gradient-matching": "gradient matching: the gradients of a label's loss made alike",
    "trajectory-matching": "trajectory matching: training on the set made to lead where training on the corpus does",
}
_SOFT = {
    "hard": "one label an item",
    "teacher": "a distribution an item, the teacher's answer",
    "learned": "a distribution an item, learnt with it",
}
_STARTS = {"noise": "noise", "real": "clips of real people"}


def glance_section(sets: Sequence[ReadSet]) -> Section:
    """Return each set in a sentence, and what who uses it must know."""
    notes = []
    for found in sets:
        card = found.card
        source = " and ".join(use.name for use in card.sources)
        method = METHODS.get(card.method, card.method).partition(":")[0]
        notes.append(
            f"{found.name}: {card.items:,} windows in {found.bytes:,} bytes stand for {card.source_items:,} clips of "
            f"{source}, {_percent(found.share)} of their features' bytes; {method}"
            + (f", from {_STARTS[card.start]}" if card.networks else "")
            + (f", as its teacher hears {' and '.join(use.name for use in card.public)}." if card.public else ".")
        )
        notes += [f"{found.name}, a warning: {warning}" for warning in card.warnings]
        notes += [f"{found.name}, {words}" for words in said_of_privacy(card.privacy)]
    tasks = ", ".join(dict.fromkeys(found.card.task for found in sets))
    return Section(
        id="glance", title="At a glance", lead=f"What models of {tasks} can be trained on.", notes=tuple(notes)
    )


def card_section(sets: Sequence[ReadSet]) -> Section:
    """Return the cards, a column for each set."""
    columns = tuple(Column(found.name, number=False) for found in sets)
    told = [_card(found) for found in sets]
    rows = {name: tuple(_words(*card[name]) for card in told) for name in told[0]}
    lines = tuple(Line(name, cells) for name, cells in rows.items() if any(cell.text for cell in cells))
    return Section(
        id="card",
        title="The card" if len(sets) == 1 else "The cards",
        lead="What each file says of itself, and its size on disk.",
        tables=(Table("card", "From the card inside the file", columns, (Block("", lines),), first="what"),),
        notes=(
            "Size counts the whole file, labels and card included, against the clips' features at 128 bytes a frame.",
        ),
        how=tuple(
            f"{found.name}: file `{found.path.name}` {short_hash(found.sha256)}, recipe {short_hash(found.card.recipe)}"
            for found in sets
        ),
        numbers=tuple(number for found in sets for number in _numbers(found)),
    )


def _card(found: ReadSet) -> dict[str, tuple[str, ...]]:
    """Return what a card says by what it is about: words, and smaller ones below them; none where it says nothing."""
    card = found.card
    bands, frames = card.view
    each = sorted({len(row) for row in found.rows})
    counted = f"{each[0]:,}" if len(each) == 1 else f"{each[0]:,} to {each[-1]:,}"
    drawn = "drawn anew all the time" if card.initialisation == "random" else "always the same"
    return {
        "method": (METHODS.get(card.method, card.method), options_told(card.options)),
        "teaches": (card.task, ", ".join(card.labels)),
        "made of": (
            f"{card.source_items:,} training clips",
            ", ".join(f"{use.name} ({use.licence})" for use in card.sources),
        ),
        "heard in": (", ".join(f"{use.name} ({use.licence})" for use in card.public), "public clips in their place")
        if card.public
        else ("",),
        "may be passed on under": (card.licence,),
        "items": (f"{card.items:,}", f"{counted} of each label"),
        "began as": (_STARTS[card.start],),
        "an item": (
            "128 x 188 cells (bands x frames), a whole window" if card.whole else f"{bands} x {frames} cells",
            ("" if card.whole else "bands x frames, of a window's 128 x 188; ")
            + ("a byte a cell" if card.stored == "uint8" else "two bytes a cell"),
        ),
        "labels": (_SOFT[card.soft_labels],),
        "teacher": (card.teacher.name, f"model {short_hash(card.teacher.sha256)}") if card.teacher else ("",),
        "networks": (", ".join(card.networks), f"first weights {drawn}") if card.networks else ("",),
        "size": (
            f"{found.bytes:,} bytes",
            f"{_percent(found.share)} of the clips' features, {card.source_bytes:,} bytes",
        ),
        "learning rate": (f"{card.learning_rate:.3g}, learnt with it" if card.learning_rate else "",),
        "held out of it": _held_out(card.split),
        "made in": (f"{card.seconds:,.0f} s", " on ".join(part for part in (card.created, card.device) if part)),
        "warnings": (" ".join(card.warnings) or "none",),
        "privacy": (_passed(card.privacy),),
    }


def _words(text: str, detail: str = "") -> Cell:
    return Cell(text, detail, number=False)


def _numbers(found: ReadSet) -> Iterator[Number]:
    card = found.card
    shared = {
        "section": "card",
        "row": found.name,
        "task": card.task,
        "data": "+".join(use.name for use in card.sources),
    }
    yield Number(**shared, figure="items", value=card.items)
    yield Number(**shared, figure="size", unit="bytes", value=found.bytes)
    yield Number(**shared, figure="size of the condensed clips' features", unit="bytes", value=card.source_bytes)
    yield Number(**shared, figure="share of bytes", value=found.share)
    yield Number(**shared, figure="time of condensing", unit="s", value=card.seconds)


def _held_out(split: Mapping[str, Any]) -> tuple[str, ...]:
    by = split.get("by", "speaker")
    chosen, tested = _share(split, "validation"), _share(split, "test")
    shares = f"{chosen} of them to choose by, {tested} to test, seed {split.get('seed', 0)}"
    if by == "speaker":
        return "speakers", shares
    return ("clips at random, whoever speaks", shares) if by == "random" else (f"by {by}", options_told(split))


def _share(split: Mapping[str, Any], part: str) -> str:
    value = split.get(part)
    return f"{100 * value:.3g} %" if isinstance(value, int | float) else "some"


def _passed(privacy: Mapping[str, Any]) -> str:
    if not privacy:
        return "nobody has attacked it yet"
    return {True: "passes, see below", False: "does not pass, see below"}.get(
        privacy.get("passes"), "attacked, see below"
    )


def _percent(value: float) -> str:
    return f"{100 * value:.2f} %"
