"""What attacks on condensed sets reached, as their cards have it: a row for each way, those that decided marked."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from exclaim.evaluate.report.section import Block, Cell, Column, Line, Number, Section, Table
from exclaim.evaluate.report.set_values import value_told
from exclaim.evaluate.report.sets import ReadSet
from exclaim.privacy.card import attacks_in
from exclaim.privacy.verdict import asks_networks, deciding

__all__ = ["privacy_section", "said_of_privacy"]

_SHORT = 24  # letters of a figure; what is longer is text and stands below the table
_SAYS = ("says",)  # where a card says in words what attacks came to
_UNATTACKED = "Nobody has attacked it yet: what it gives away of the people in its source is not known."
_NEAR = "nearest clip, "
_ATTACKS = (
    Column("AUC", "The chance that somebody who was in is ranked before somebody who was not; a guess has .500."),
    Column("at 1 %", "Share of those who were in that is found where 1 % of others are taken for them."),
    Column("at 0.1 %", "The same where one in a thousand of the others is."),
)
_FIGURES = ("auc", "true_positives_at_1", "true_positives_at_0.1")
_NEAREST = (
    Column("to the source", "From an item to the nearest clip that the set was made of: the median."),
    Column("to strangers", "From a clip of somebody who was held out to the nearest such clip: the median."),
    Column("ratio", "The first by the second; below 1, items are nearer to people's clips than people are."),
    Column("least ratio", "Of the item that is nearest."),
    Column("of the half", "Share of items whose nearest clip was in the half that a set was made of, and the chance."),
)
_HALVES = {
    "clips": "Halves by clip: was this clip in?",
    "speakers": "Halves by speaker: was this person in?",
    "this set": "This very set",
}


def said_of_privacy(privacy: Mapping[str, Any]) -> list[str]:
    """Return what attacks came to, in words: that there were none, or what the card itself says."""
    if not privacy:
        return [f"privacy: {_UNATTACKED[0].lower()}{_UNATTACKED[1:]}"]
    said = privacy.get(_SAYS[0])
    return [f"privacy: {said}"] if isinstance(said, str) else []


def privacy_section(sets: Sequence[ReadSet]) -> Section:
    """Return what attacks reached, set by set."""
    lead = "What was tried on each set to learn of the people in its source, and what came of it."
    if not any(one.card.privacy for one in sets):
        lead = _UNATTACKED if len(sets) == 1 else "Nobody has attacked them yet."
    leaves = [list(_leaves(one.card.privacy)) for one in sets]
    return Section(
        id="privacy",
        title="Privacy",
        lead=lead,
        tables=tuple(table for at, one in enumerate(sets, 1) for table in _tables(one, at, len(sets))),
        notes=tuple(f"{one.name}, {words}" for one in sets for words in said_of_privacy(one.card.privacy))
        if any(one.card.privacy for one in sets)
        else (),
        how=tuple(
            f"{one.name}: {_words(path)}: {value}"
            for one, own in zip(sets, leaves, strict=True)
            for path, value in own
            if _is_text(value) and path != _SAYS
        ),
        numbers=tuple(
            Number(
                section="privacy",
                row=one.name,
                task=one.card.task,
                figure=_words(path),
                value=_plain(value),
                low=_bound(value, "low"),
                high=_bound(value, "high"),
            )
            for one, own in zip(sets, leaves, strict=True)
            for path, value in own
            if _plain(value) is not None
        ),
    )


def _tables(one: ReadSet, number: int, count: int) -> Iterator[Table]:
    """Yield a set's tables: of attacks, of nearest clips, and of whatever else its card tells."""
    of = f" of {one.name}" if count > 1 else ""
    end = f"-{number}" if count > 1 else ""
    attacks = tuple(_attack_blocks(one))
    if attacks:
        caption = (
            f"Attacks{of}: AUC, and who is found at so many false positives; 95 % intervals; what decided is marked"
        )
        yield Table(f"privacy{end}", caption, _ATTACKS, attacks, first="way")
    nearest = tuple(
        Block(heading, tuple(_nearest(name, told) for name, told in part.items() if _is_nearest(name, told)))
        for key, heading in _HALVES.items()
        if isinstance(part := one.card.privacy.get(key), Mapping)
    )
    if any(block.lines for block in nearest):
        caption = f"Nearest clips{of}"
        yield Table(f"privacy-nearest{end}", caption, _NEAREST, tuple(b for b in nearest if b.lines), first="by")
    rest = [(path, value) for path, value in _leaves(_rest(one.card.privacy)) if not _is_text(value)]
    if rest:
        lines = tuple(Line(_words(path), (_figure(value),)) for path, value in rest)
        caption = f"Besides{of}"
        yield Table(f"privacy-besides{end}", caption, (Column("told"),), (Block("", lines),), first="what")


def _attack_blocks(one: ReadSet) -> Iterator[Block]:
    attacks = attacks_in(one.card)
    decided = [each.attack for each in deciding(attacks)]
    for key in ("clips", "speakers"):
        part = one.card.privacy.get(key)
        told = {name: each for name, each in part.items() if _is_attack(each)} if isinstance(part, Mapping) else {}
        alone = [_attack(name, each, name in decided) for name, each in told.items() if not asks_networks(name)]
        asked = [_attack(name, each, False) for name, each in told.items() if asks_networks(name)]
        if alone:
            yield Block(_HALVES[key], tuple(alone))
        if asked:
            yield Block("By networks that were trained on such sets: was this person in? No limit", tuple(asked))


def _attack(name: str, told: Mapping[str, Any], decided: bool) -> Line:
    area, *found = (told.get(figure) for figure in _FIGURES)
    cells = (_figure(area, chance=False), *(_found(each) if each else Cell("") for each in found))
    return Line(_way(name), cells, "decided" if decided else "")


def _way(name: str) -> str:
    """Return an attack's name without what its block's heading says already."""
    short = name.removeprefix("membership of the ").removeprefix("speakers ").removeprefix("half ")
    return {"half": "by likelihood ratio (LiRA)", "set": "of the set's own clips (LiRA)"}.get(short, short)


def _found(told: Mapping[str, Any]) -> Cell:
    """Return the cell of a share that is found, in per cent."""
    between = f"{100 * told['low']:.2f} to {100 * told['high']:.2f}" if _bound(told, "high") is not None else ""
    return Cell(f"{100 * told['value']:.2f} %", between)


def _nearest(name: str, told: Mapping[str, Any]) -> Line:
    unit = f" {told['unit']}" if told.get("unit") else ""
    far = [Cell(f"{value_told(told.get(key))}{unit}") for key in ("distance", "of strangers")]
    ratios = [Cell(value_told(told.get(key))) for key in ("ratio", "least ratio")]
    return Line(name.removeprefix(_NEAR), (*far, *ratios, _figure(told.get("nearer"))))


def _is_attack(told: Any) -> bool:
    return isinstance(told, Mapping) and isinstance(told.get("auc"), Mapping)


def _is_nearest(name: str, told: Any) -> bool:
    return name.startswith(_NEAR) and isinstance(told, Mapping)


def _rest(privacy: Mapping[str, Any]) -> dict[str, Any]:
    """Return what has no table of its own."""
    rest: dict[str, Any] = {}
    for key, part in privacy.items():
        if key == "passes":
            continue
        if key in _HALVES and isinstance(part, Mapping):
            part = {n: told for n, told in part.items() if not _is_attack(told) and not _is_nearest(n, told)}
        rest[key] = part
    return rest


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


def _words(path: tuple[str, ...]) -> str:
    return ", ".join(path)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) >= _SHORT


def _figure(told: Any, chance: bool = True) -> Cell:
    """Return a figure's cell: a plain value, or a mapping of value, low, high and whatever else is told of it."""
    if not isinstance(told, Mapping):
        return Cell(value_told(told))
    rest = {name: value for name, value in told.items() if name not in ("value", "low", "high") and value is not None}
    between = [f"{value_told(told['low'])} to {value_told(told['high'])}"] if _bound(told, "high") is not None else []
    besides = [f"{name} {value_told(value)}" for name, value in rest.items() if chance or name != "chance"]
    return Cell(value_told(told["value"]), "\n".join([*between, *besides]))


def _plain(told: Any) -> float | None:
    """Return a figure's number; None where it is none."""
    value = told.get("value") if isinstance(told, Mapping) else told
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _bound(told: Any, side: str) -> float | None:
    return _plain(told.get(side)) if isinstance(told, Mapping) else None
