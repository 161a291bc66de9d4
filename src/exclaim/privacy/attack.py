"""From a privacy recipe to a report: clips, halves, shadows, attacks, figures."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from lightning.fabric import Fabric

from exclaim.condense.real import Real, load_real
from exclaim.condense.recipe import CondenseRecipe
from exclaim.errors import RecipeError
from exclaim.learn.loop import Report
from exclaim.learn.run_folder import claim, logged
from exclaim.learn.train import Places
from exclaim.privacy.halves import balanced_halves
from exclaim.privacy.lira import deviations, likelihood_ratios
from exclaim.privacy.recipe import PrivacyRecipe, Target, condensed_by, load_privacy_recipe, privacy_hash
from exclaim.privacy.report import Attack, PrivacyReport, Quality, write_report
from exclaim.privacy.roc import Roc, attack_figures, roc, thinned
from exclaim.privacy.shadow import Answers, attack_key, make_shadow, parts, read_answers

__all__ = ["AttackRun", "attack", "halves_of"]

Reports = Callable[[str], Report]
_HALF, _SET = "membership of the half", "membership of the set"


class AttackRun(msgspec.Struct, frozen=True, kw_only=True):
    """What a run left behind."""

    folder: Path
    report: PrivacyReport | None  # None while shadows are missing
    missing: tuple[int, ...]  # shadows that are not whole yet


class _Attacked(NamedTuple):
    """What attacks found, before it is a report."""

    attacks: list[Attack]
    curves: dict[tuple[Target, str], Roc]


def attack(
    path: Path,
    places: Places,
    accelerator: str = "auto",
    report: Reports = lambda name: lambda *numbers: None,
    only: Sequence[int] = (),
    compare: bool = False,
) -> AttackRun:
    """Make the shadows that a recipe asks for and attack them; go on where an earlier call stopped.

    Args:
        path: the recipe.
        places: where corpora, runs and caches are.
        accelerator: as Lightning Fabric names it: auto, cpu, cuda, mps.
        report: given a stage's name, returns what is told of its progress.
        only: shadows to make, from 0; all by default. The attacks follow when none is missing.
        compare: make no shadow, attack those that are there.

    Raises:
        RecipeError: when the recipe does not hold together, or its run folder holds another recipe's run.
        CorpusError: when a corpus is not there.
        StoreError: when a shadow's file is damaged or of other clips.
    """
    recipe = load_privacy_recipe(path)
    condensed = condensed_by(path, recipe)
    if strange := [number for number in only if not 0 <= number < recipe.shadows]:
        raise RecipeError(f"recipe {path}: no shadow {strange[0]}; its shadows are 0 to {recipe.shadows - 1}")
    folder = places.runs / recipe.name
    claim(folder, recipe)
    with logged(folder / "log.txt"):
        fabric = Fabric(accelerator=accelerator, devices=1)
        real = load_real(condensed, places.data, places.cache, _teller(report, recipe.name))
        halves = halves_of(recipe, real)
        for number in () if compare else only or range(recipe.shadows):
            make_shadow(recipe, condensed, real, halves[number], number, folder, places.cache, fabric, report)
        shadows = _read(recipe, condensed, real, folder)
        missing = tuple(number for number, shadow in enumerate(shadows) if None in shadow.values())
        if missing:
            return AttackRun(folder=folder, report=None, missing=missing)
        found, curves = _reported(recipe, condensed, real, halves, shadows)
        write_report(folder, found, curves)
    return AttackRun(folder=folder, report=found, missing=())


def halves_of(recipe: PrivacyRecipe, real: Real) -> np.ndarray:
    """Return who is in each shadow, (shadows, n) bool: clips, half of each label; or speakers with all their clips."""
    if recipe.halves == "clips":
        return balanced_halves(np.arange(len(real.labels)), real.labels, recipe.shadows, recipe.seed)
    _, owner = np.unique(np.asarray(real.speakers), return_inverse=True)
    return balanced_halves(owner, np.zeros(len(owner), int), recipe.shadows, recipe.seed)


def _teller(report: Reports, name: str) -> Callable[[str, int, int], None]:
    return lambda what, done, whole: report(f"{name}: {what}")(0, 1, done, whole, {})


def _read(recipe: PrivacyRecipe, condensed: CondenseRecipe, real: Real, folder: Path) -> list[dict[Target, Answers]]:
    key = attack_key(recipe, condensed, real)
    return [
        {target: read_answers(folder, number, target, key, len(real.labels)) for target in parts(recipe, condensed)}
        for number in range(recipe.shadows)
    ]


def _reported(
    recipe: PrivacyRecipe,
    condensed: CondenseRecipe,
    real: Real,
    halves: np.ndarray,
    shadows: list[dict[Target, Answers]],
) -> tuple[PrivacyReport, dict[tuple[Target, str], Roc]]:
    found = _Attacked([], {})
    quality = []
    for target in recipe.targets:
        if recipe.networks:
            answers = [shadow[target] for shadow in shadows]
            quality.append(_quality(target, answers, halves))
            _infer_membership(found, recipe, real, halves, target, answers)
    report = PrivacyReport(
        name=recipe.name,
        recipe=privacy_hash(recipe),
        condense=condensed.name,
        changes=recipe.changes,
        method=str(msgspec.to_builtins(condensed.method)["name"]),
        task=condensed.task,
        labels=condensed.labels,
        view=condensed.view,
        items=condensed.items,
        sources=condensed.sources,
        data_sha256=real.data,
        halves=recipe.halves,
        shadows=recipe.shadows,
        clips=len(real.labels),
        speakers=len(set(real.speakers)),
        network=(recipe.network or condensed.network).name if recipe.networks else "",
        attacks=tuple(found.attacks),
        quality=tuple(quality),
        seconds=round(sum(sum(made.seconds.values()) for shadow in shadows for made in shadow.values()), 1),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return report, found.curves


def _quality(target: Target, answers: Sequence[Answers], halves: np.ndarray) -> Quality:
    right = np.stack([answer.right for answer in answers])
    return Quality(target=target, accuracy_in=float(right[halves].mean()), accuracy_out=float(right[~halves].mean()))


def _infer_membership(
    found: _Attacked,
    recipe: PrivacyRecipe,
    real: Real,
    halves: np.ndarray,
    target: Target,
    answers: Sequence[Answers],
) -> None:
    """Ask whether a clip was in the half and, where clips became a set's items or these began as clips, in the set."""
    confidence = np.stack([answer.confidence for answer in answers]).astype(np.float64)
    ratios = likelihood_ratios(confidence, halves, recipe.shared_variance)
    _add(found, target, _HALF, ratios, halves, real.speakers, recipe.seed)
    own = np.zeros(halves.shape, bool)
    for row, answer in zip(own, answers, strict=True):
        row[answer.own] = True
    if own.any():
        _add(found, target, _SET, deviations(confidence, own, recipe.shared_variance), own, real.speakers, recipe.seed)


def _add(
    found: _Attacked,
    target: Target,
    name: str,
    scores: np.ndarray,
    members: np.ndarray,
    speakers: Sequence[str],
    seed: int,
) -> None:
    counted = ~np.isnan(scores)
    found.attacks.append(
        Attack(
            target=target,
            attack=name,
            figures=attack_figures(scores, members, speakers, seed=seed),
            members=int(members[counted].sum()),
            others=int((~members[counted]).sum()),
        )
    )
    found.curves[target, name] = thinned(roc(scores[counted], members[counted]))
