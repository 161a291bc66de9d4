"""Cards of condensed sets in plain words, side by side, and what attacks on them reached."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from exclaim.evaluate.report.section import Block, Cell, Column, Line, Number, Section, Table, short_hash
from exclaim.evaluate.report.sets import ReadSet

__all__ = ["card_section", "glance_section", "privacy_section"]

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
_SHORT = 24  # letters of a figure; what is longer is text and stands below the table
_SAYS = ("says",)  # where a card says in words what attacks came to
_NOTHING = "\N{EN DASH}"
_UNATTACKED = "Nobody has attacked it yet: what it gives away of the people in its source is not known."


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
        notes += [f"{found.name}, {words}" for words in _verdict(card.privacy)]
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


def privacy_section(sets: Sequence[ReadSet]) -> Section:
    """Return what attacks reached, as the cards have it, a column for each set."""
    title, lead = "Privacy", "What was tried on each set to learn of the people in its source, and what came of it."
    unattacked = [one.name for one in sets if not one.card.privacy]
    if len(unattacked) == len(sets):
        return Section(
            id="privacy", title=title, lead=_UNATTACKED if len(sets) == 1 else "Nobody has attacked them yet."
        )
    leaves = [dict(_leaves(one.card.privacy)) for one in sets]
    found = [{name: value for name, value in own.items() if not _is_text(value)} for own in leaves]
    blocks: dict[str, list[Line]] = {"": []}  # what has no heading comes first
    for name in dict.fromkeys(name for own in found for name in own):
        cells = tuple(_figure(own.get(name)) for own in found)
        heading, line = (name[0], ", ".join(name[1:])) if len(name) > 1 else ("", name[0])
        blocks.setdefault(heading, []).append(Line(line, cells))
    columns = tuple(Column(one.name) for one in sets)
    return Section(
        id="privacy",
        title=title,
        lead=lead,
        tables=(
            Table(
                "privacy",
                "Attacks, as they were written into the card",
                columns,
                tuple(Block(heading, tuple(lines)) for heading, lines in blocks.items() if lines),
                first="what",
            ),
        ),
        notes=tuple(f"{one.name}, {words}" for one in sets for words in _verdict(one.card.privacy)),
        how=tuple(
            f"{one.name}: {', '.join(name)}: {value}"
            for one, own in zip(sets, leaves, strict=True)
            for name, value in own.items()
            if _is_text(value) and name != _SAYS
        ),
        numbers=tuple(
            Number(
                section="privacy",
                row=one.name,
                task=one.card.task,
                figure=", ".join(name),
                value=_plain(value),
                low=_bound(value, "low"),
                high=_bound(value, "high"),
            )
            for one, own in zip(sets, found, strict=True)
            for name, value in own.items()
            if _plain(value) is not None
        ),
    )


def _card(found: ReadSet) -> dict[str, tuple[str, ...]]:
    """Return what a card says by what it is about: words, and smaller ones below them; none where it says nothing."""
    card = found.card
    bands, frames = card.view
    each = sorted({len(row) for row in found.rows})
    counted = f"{each[0]:,}" if len(each) == 1 else f"{each[0]:,} to {each[-1]:,}"
    drawn = "drawn anew all the time" if card.initialisation == "random" else "always the same"
    return {
        "method": (METHODS.get(card.method, card.method), _options(card.options)),
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
    return ("clips at random, whoever speaks", shares) if by == "random" else (f"by {by}", _options(split))


def _share(split: Mapping[str, Any], part: str) -> str:
    value = split.get(part)
    return f"{100 * value:.3g} %" if isinstance(value, int | float) else "some"


def _options(told: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {_value(value)}" for name, value in told.items())


def _leaves(told: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield what a mapping of mappings holds, each with the names that lead to it; a figure with its interval whole."""
    for name, value in told.items():
        path = (*above, str(name).replace("_", " "))
        if isinstance(value, Mapping) and "value" not in value:
            yield from _leaves(value, path)
        elif isinstance(value, list | tuple) and value and all(isinstance(one, Mapping) for one in value):
            for one in value:  # what is told in words says which it is
                words = [part for part in one.values() if isinstance(part, str)]
                rest = {key: part for key, part in one.items() if not isinstance(part, str)}
                yield from _leaves(rest, (*path, " ".join(words)))
        else:
            yield path, value


def _verdict(privacy: Mapping[str, Any]) -> list[str]:
    """Return what attacks came to, in words: that there were none, or what the card itself says."""
    if not privacy:
        return [f"privacy: {_UNATTACKED[0].lower()}{_UNATTACKED[1:]}"]
    said = privacy.get(_SAYS[0])
    return [f"privacy: {said}"] if isinstance(said, str) else []


def _passed(privacy: Mapping[str, Any]) -> str:
    if not privacy:
        return "nobody has attacked it yet"
    return {True: "passes, see below", False: "does not pass, see below"}.get(
        privacy.get("passes"), "attacked, see below"
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) >= _SHORT


def _figure(told: Any) -> Cell:
    """Return a figure's cell: a plain value, or a mapping of value, low, high and whatever else is told of it."""
    if not isinstance(told, Mapping):
        return Cell(_value(told))
    rest = {name: value for name, value in told.items() if name not in ("value", "low", "high") and value is not None}
    between = [f"{_value(told['low'])} to {_value(told['high'])}"] if _plain(told.get("high")) is not None else []
    return Cell(
        _value(told["value"]), "\n".join([*between, *(f"{name} {_value(value)}" for name, value in rest.items())])
    )


def _plain(told: Any) -> float | None:
    """Return a figure's number; None where it is none."""
    value = told.get("value") if isinstance(told, Mapping) else told
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _bound(told: Any, side: str) -> float | None:
    return _plain(told.get(side)) if isinstance(told, Mapping) else None


def _value(value: Any) -> str:
    if value is None or value == "":
        return _NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) < 100 else f"{value:,.0f}"
    if isinstance(value, Mapping):
        return _options(value)
    if isinstance(value, list | tuple):
        between = " to " if len(value) == 2 and all(isinstance(one, float) for one in value) else ", "
        return between.join(map(_value, value))
    return str(value)


def _percent(value: float) -> str:
    return f"{100 * value:.2f} %"
