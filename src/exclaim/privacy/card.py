"""What attacks reached, in a set's card: the file is sealed and pinned anew, its items and labels untouched."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from safetensors.numpy import load_file

from exclaim.condense.recipe import CondenseRecipe, condense_hash
from exclaim.corpora.condensed import read_set, write_set
from exclaim.corpora.condensed_card import SetCard
from exclaim.errors import RecipeError
from exclaim.pins import pin
from exclaim.privacy.recipe import Target
from exclaim.privacy.report import Attack, Neighbours, PrivacyReport
from exclaim.privacy.roc import Figure
from exclaim.privacy.verdict import verdict

__all__ = ["attacks_in", "check_kind", "fill_card", "target_of"]

_PARTS = ("clips", "speakers")  # by which halves were drawn


def check_kind(card: SetCard, condensed: CondenseRecipe) -> None:
    """Refuse a set that a recipe does not make; name, version and the seeds of set and teacher may be others.

    Of a subset only its size, labels and sources have to be the recipe's.

    Raises:
        RecipeError: saying so.
    """
    own = msgspec.structs.replace(condensed, name=card.name, version=card.version, seed=card.seed)
    drawn = re.search(r"-(\d+)$", card.teacher.name) if card.teacher is not None else None
    seeds = (None, int(drawn[1]) if drawn else None)  # of the teacher: none of its own, or what its run is named by
    made = [msgspec.structs.replace(own, teacher_seed=seed) for seed in seeds]
    items = len(condensed.labels) * condensed.items
    told = (card.task, card.labels, card.view, card.items, {use.name for use in card.sources})
    alike = told == (condensed.task, condensed.labels, condensed.view, items, set(condensed.sources))
    if not (card.recipe in map(condense_hash, made) if card.networks else alike):
        raise RecipeError(
            f"set {card.name} was not made as recipe {condensed.name} makes sets, which is what was attacked; name the "
            "privacy recipe of its own kind"
        )


def target_of(card: SetCard, report: PrivacyReport) -> Target:
    """Return which target of a run a set is like.

    Raises:
        RecipeError: when the run attacked sets of another kind.
    """
    own = (card.task, card.labels, card.view, card.items, card.source_items, {use.name for use in card.sources})
    theirs = (
        report.task,
        report.labels,
        report.view,
        report.items * len(report.labels),
        report.clips,
        set(report.sources),
    )
    target: Target = card.start if card.networks else "subset"
    method = report.method if card.networks else "random"
    if own != theirs or card.method != method:
        raise RecipeError(
            f"set {card.name} ({card.method}, {card.items} items of {card.source_items} clips, {card.task}) is not of "
            f"the kind that run {report.name} attacked (made as {report.condense}, {theirs[3]} items of {report.clips} "
            f"clips, {report.task}); name a recipe whose `condense` makes it"
        )
    if not any(each.target == target for each in report.attacks):
        raise RecipeError(f"run {report.name} did not attack the target {target!r}, which set {card.name} is")
    return target


def fill_card(path: Path, report: PrivacyReport, neighbours: Sequence[Neighbours] = ()) -> SetCard:
    """Write a run's figures into a set's card; what a run on the other kind of halves wrote stays.

    Args:
        path: of the set, which ends up with another SHA-256; models that were trained on it before name the old one.
        report: of the run.
        neighbours: of this very set's items.

    Returns:
        The card as written.

    Raises:
        CorpusError: when the set cannot be read or written.
        RecipeError: when the run attacked sets of another kind.
    """
    found = read_set(path)
    target = target_of(found.card, report)
    own = [each for each in report.attacks if each.target == target]
    said: dict[str, Any] = {part: found.card.privacy[part] for part in _PARTS if part in found.card.privacy}
    said[report.halves] = {
        "how": _how(report),
        **{each.attack: {name: _told(figure) for name, figure in each.figures.items()} for each in own},
        **_near(each for each in report.neighbours if each.target == target),
    }
    attacks = _attacks(target, said)
    passed = verdict(target, attacks)
    shorter = f" The attacked sets were changed to {report.changes}." if report.changes else ""
    nearest = _near(neighbours) or found.card.privacy.get("this set", {})
    privacy = {
        "passes": passed.passes,
        "says": passed.says + shorter,
        **said,
        **({"this set": nearest} if nearest else {}),
    }
    targets = found.targets
    if found.card.soft_labels != "hard":  # as they are in the file: reading divides by their sum, which rounds
        targets = load_file(path)["distributions"]
    card = write_set(path, found.items, targets, msgspec.structs.replace(found.card, privacy=privacy))
    pin(path)
    return card


def _how(report: PrivacyReport) -> str:
    changes = f", changed to {report.changes}" if report.changes else ""
    network = f"; attacked network {report.network}" if report.network else ""
    return (
        f"{report.name}: {report.shadows} sets like this one, each of a half of the {report.clips} clips, halves by "
        f"{report.halves[:-1]}, made as {report.condense}{changes}{network}"
    )


def _told(figure: Figure) -> dict[str, float | None]:
    return {name: None if value is None else round(value, 5) for name, value in msgspec.structs.asdict(figure).items()}


def _near(neighbours: Any) -> dict[str, dict[str, Any]]:
    return {
        f"nearest clip, {each.measure}": {
            "distance": round(each.to_clips, 4),
            "unit": each.unit,
            "of strangers": None if each.strangers is None else round(each.strangers, 4),
            "ratio": None if each.ratio is None else round(each.ratio, 4),
            "least ratio": None if each.least_ratio is None else round(each.least_ratio, 4),
            "nearer": _told(each.nearer),
        }
        for each in neighbours
    }


def attacks_in(card: SetCard) -> list[Attack]:
    """Return the attacks that a set's card tells of, as the verdict takes them."""
    return _attacks(card.start if card.networks else "subset", card.privacy)


def _attacks(target: Target, privacy: Mapping[str, Any]) -> list[Attack]:
    parts = [part for key in _PARTS if isinstance(part := privacy.get(key), Mapping)]
    return [
        Attack(
            target=target,
            attack=name,
            figures={key: msgspec.convert(value, Figure) for key, value in figures.items()},
            members=0,
            others=0,
        )
        for part in parts
        for name, figures in part.items()
        if isinstance(figures, Mapping) and isinstance(figures.get("auc"), Mapping)
    ]
