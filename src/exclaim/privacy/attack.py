"""From a privacy recipe to a report: clips, halves, shadows, attacks, figures."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np
from lightning_fabric import Fabric

from exclaim.condense.public import Public, load_public
from exclaim.condense.real import Real, load_real
from exclaim.condense.recipe import CondenseRecipe
from exclaim.corpora.condensed import read_set
from exclaim.errors import RecipeError
from exclaim.learn.device import fabric_on
from exclaim.learn.loop import Report
from exclaim.learn.places import Places
from exclaim.learn.run_folder import claim, logged
from exclaim.privacy.card import check_kind, fill_card, target_of
from exclaim.privacy.encoder import SpeakerEncoder, train_encoder
from exclaim.privacy.findings import Case, findings, neighbours_of_set
from exclaim.privacy.halves import balanced_halves
from exclaim.privacy.recipe import PrivacyRecipe, Target, condensed_by, load_privacy_recipe
from exclaim.privacy.report import Encoder, PrivacyReport, write_report
from exclaim.privacy.shadow import Answers, attack_key, make_shadow, parts, read_answers

__all__ = ["AttackRun", "attack", "halves_of"]

Reports = Callable[[str], Report]


class AttackRun(msgspec.Struct, frozen=True, kw_only=True):
    """What a run left behind."""

    folder: Path
    report: PrivacyReport | None  # None while shadows are missing
    missing: tuple[int, ...]  # shadows that are not whole yet


def attack(
    path: Path,
    places: Places,
    accelerator: str = "auto",
    report: Reports = lambda name: lambda *numbers: None,
    only: Sequence[int] = (),
    compare: bool = False,
    into: Sequence[Path] = (),
) -> AttackRun:
    """Make the shadows that a recipe asks for and attack them; go on where an earlier call stopped.

    Args:
        path: the recipe.
        places: where corpora, runs and caches are.
        accelerator: as Lightning Fabric names it: auto, cpu, cuda, mps.
        report: given a stage's name, returns what is told of its progress.
        only: shadows to make, from 0; all by default. The attacks follow when none is missing.
        compare: make no shadow, attack those that are there.
        into: condensed sets of the attacked kind, whose cards get the figures; the attacks must be whole.

    Raises:
        RecipeError: when the recipe does not hold together, its run folder holds another recipe's run, or a set is of
            another kind or cannot be told of yet.
        CorpusError: when a corpus is not there.
        StoreError: when a shadow's file is damaged or of other clips.
    """
    recipe = load_privacy_recipe(path)
    condensed = condensed_by(path, recipe)
    if strange := [number for number in only if not 0 <= number < recipe.shadows]:
        raise RecipeError(f"recipe {path}: no shadow {strange[0]}; its shadows are 0 to {recipe.shadows - 1}")
    for file in into:
        check_kind(read_set(file).card, condensed_by(path, recipe, changed=False))  # before the work
    folder = places.runs / recipe.name
    claim(folder, recipe)
    with logged(folder / "log.txt"):
        fabric = fabric_on(accelerator)
        real = load_real(condensed, places.data, places.cache, _teller(report, recipe.name))
        halves = halves_of(recipe, real)
        tell = _teller(report, recipe.name)
        public = load_public(condensed, places.data, places.cache, tell) if condensed.public else None
        for number in () if compare else only or range(recipe.shadows):
            make_shadow(recipe, condensed, real, halves[number], number, folder, places.cache, fabric, report, public)
        shadows = _read(recipe, condensed, real, folder, public)
        missing = tuple(number for number, shadow in enumerate(shadows) if None in shadow.values())
        if missing:
            if into:
                raise RecipeError(
                    f"run {recipe.name}: shadows {', '.join(map(str, missing))} are missing; make them first"
                )
            return AttackRun(folder=folder, report=None, missing=missing)
        strangers = _strangers(condensed, places, _teller(report, recipe.name))
        encoder, told = _encoder(recipe, condensed, real, places.cache, fabric, report)
        directions = encoder.directions(real.windows) if encoder is not None else np.zeros((len(real.labels), 0))
        case = Case(recipe, condensed, real, halves, shadows, strangers, encoder, directions)
        found, curves = findings(case, told, report(f"{recipe.name}: attacks"))
        write_report(folder, found, curves)
        for file in into:
            made = read_set(file)
            fill_card(file, found, neighbours_of_set(case, made, target_of(made.card, found)))
    return AttackRun(folder=folder, report=found, missing=())


def halves_of(recipe: PrivacyRecipe, real: Real) -> np.ndarray:
    """Return who is in each shadow, (shadows, n) bool: clips, half of each label; or speakers with all their clips."""
    if recipe.halves == "clips":
        return balanced_halves(np.arange(len(real.labels)), real.labels, recipe.shadows, recipe.seed)
    _, owner = np.unique(np.asarray(real.speakers), return_inverse=True)
    return balanced_halves(owner, np.zeros(len(owner), int), recipe.shadows, recipe.seed)


def _teller(report: Reports, name: str) -> Callable[[str, int, int], None]:
    return lambda what, done, whole: report(f"{name}: {what}")(0, 1, done, whole, {})


def _read(
    recipe: PrivacyRecipe, condensed: CondenseRecipe, real: Real, folder: Path, public: Public | None
) -> list[dict[Target, Answers]]:
    key = attack_key(recipe, condensed, real, public)
    return [
        {target: read_answers(folder, number, target, key, len(real.labels)) for target in parts(recipe, condensed)}
        for number in range(recipe.shadows)
    ]


def _strangers(condensed: CondenseRecipe, places: Places, progress: Callable[[str, int, int], None]) -> np.ndarray:
    """Return the clips of speakers who are held out: (k, bands, frames) uint8."""
    found = [
        load_real(condensed, places.data, places.cache, progress, part).windows
        for part in ("validation", "test")
        if getattr(condensed.split, part) or (part == "test" and condensed.split.by == "speaker-folds")
    ]
    return np.concatenate(found) if found else np.zeros((0, *condensed.view), np.uint8)


def _encoder(
    recipe: PrivacyRecipe, condensed: CondenseRecipe, real: Real, cache: Path, fabric: Fabric, report: Reports
) -> tuple[SpeakerEncoder | None, Encoder | None]:
    """Return the attacker's speaker encoder; none where clips tell no speakers apart."""
    if recipe.halves == "clips" and not 1 < len(set(real.speakers)) < len(real.speakers):
        return None, None
    return train_encoder(recipe.encoder, condensed, real, cache, fabric, report(f"{recipe.name}: speaker encoder"))
