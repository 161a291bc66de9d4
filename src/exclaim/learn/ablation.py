"""One factor at a time: the same recipe with one thing changed, several seeds each, judged on the same clips.

An ablation is a YAML file: a recipe, seeds, and arms, each of which says what it changes. Every arm is trained once for
each seed and compared with the reference arm on the test speakers, paired by clip, over speakers and seeds.

Where the arms train on condensed sets it may name the recipe that trains on the whole corpus, of which they keep a
share, and how a set is trained on with hard labels and without augmentation, for DD-Ranking's scores; the reference is
then the random subset.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np

from exclaim.errors import CorpusError, RecipeError
from exclaim.evaluate.answers import ClipAnswer, answers_name, data_hash, read_answers
from exclaim.evaluate.dd_ranking import augmentation_robust_score, label_robust_score
from exclaim.evaluate.paired import Difference, Spread, derived, paired_difference, spread
from exclaim.learn.loop import Report
from exclaim.learn.places import Places
from exclaim.learn.recipe import draw_of, load_recipe, read_recipe
from exclaim.learn.recipe_check import check_recipe
from exclaim.learn.train import train

__all__ = ["Ablation", "Arm", "Compared", "Kept", "Ranking", "Whole", "ablate", "compare", "load_ablation", "untrained"]

FIGURES = ("uar", "auroc", "ece_debiased", "brier")
_MOST_ARMS = 12  # with more, one of them is better by chance


class Arm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to train."""

    factor: str  # what it is about: loss, cache, teacher, schedule, noise, ...
    says: str  # what differs, in a few words
    # laid over the recipe; null takes a value away, and {seed} in a text is the training's seed
    changes: dict[str, Any] = {}


class Whole(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What trains on the whole corpus."""

    recipe: str  # relative to the ablation's file
    seeds: tuple[int, ...] = ()  # none: the recipe's own; others have runs of their own, as `exclaim train --seed` has


class Ranking(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What DD-Ranking asks of every arm besides: two more trainings, which are compared with nothing else."""

    hard: dict[str, Any]  # changes that train an arm with hard labels
    plain: dict[str, Any]  # changes that train it without augmentation


class Ablation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of it."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]+$")]
    recipe: str  # relative to the ablation's file
    changes: dict[str, Any] = {}  # to the recipe, in every arm
    tasks: tuple[str, ...]  # heads that are compared
    seeds: tuple[int, ...]
    reference: str  # the arm that the others are compared with
    arms: dict[str, Arm]
    whole: Whole | None = None  # arms are told as a share of it too
    ranking: Ranking | None = None  # needs whole


class Kept(NamedTuple):
    """What an arm on a condensed set keeps of the whole corpus, by UAR."""

    whole: Spread  # trained on the whole corpus
    seeds: int  # of that
    ratio: Spread  # the arm's / the whole's
    label_robust: Spread | None = None  # DD-Ranking's scores, per cent; None where they are not asked or not trained
    augmentation_robust: Spread | None = None
    ranked: int = 0  # seeds of the runs behind those scores, where they have fewest


class Compared(NamedTuple):
    """An arm on one task, beside the reference."""

    arm: str
    task: str
    seeds: tuple[int, ...]
    alone: dict[str, Spread]  # by figure
    difference: dict[str, Difference] | None  # arm - reference; None of the reference itself
    clips: int
    speakers: int
    data_sha256: str
    kept: Kept | None = None  # None where no recipe of the whole corpus is named, or none of its runs is there


def load_ablation(path: Path) -> Ablation:
    """Read and check an ablation; it may lie over a ``base`` as a recipe does.

    Raises:
        RecipeError: when it does not hold together, or has more than 12 arms.
    """
    ablation = read_recipe(path, Ablation)
    if ablation.reference not in ablation.arms:
        raise RecipeError(f"ablation {path}: reference {ablation.reference!r} is none of {', '.join(ablation.arms)}")
    if len(ablation.arms) > _MOST_ARMS:
        raise RecipeError(
            f"ablation {path}: {len(ablation.arms)} arms; at most {_MOST_ARMS}, or one is better by chance"
        )
    if len(set(ablation.seeds)) < max(1, len(ablation.seeds)):
        raise RecipeError(f"ablation {path}: seeds {list(ablation.seeds)}; expected one or more, all different")
    if ablation.ranking is not None and ablation.whole is None:
        raise RecipeError(f"ablation {path}: ranking asks for `whole`, the recipe that trains on the whole corpus")
    for name in ablation.arms:  # all of them, before the first is trained
        for way in _ways(ablation):
            recipe = load_recipe(path.parent / ablation.recipe, _changes(ablation, name, ablation.seeds[0], way))
    if strange := sorted(set(ablation.tasks) - set(recipe.heads)):
        raise RecipeError(
            f"ablation {path}: no task {', '.join(strange)} in recipe {ablation.recipe}, which has "
            f"{', '.join(recipe.heads)}"
        )
    _whole_runs(path, ablation)
    return ablation


def _ways(ablation: Ablation) -> tuple[str, ...]:
    """Return the ways in which every arm is trained: as it is, and what a ranking asks for besides."""
    return ("",) if ablation.ranking is None else ("", "hard", "plain")


def _whole_runs(path: Path, ablation: Ablation) -> dict[int, dict[str, Any]]:
    """Return by seed what is laid over the recipe of the whole corpus, its run's name among it."""
    if ablation.whole is None:
        return {}
    recipe = load_recipe(path.parent / ablation.whole.recipe)
    seeds = ablation.whole.seeds or (recipe.seed,)
    return {
        seed: {"name": recipe.name, "seed": seed} if seed == recipe.seed else draw_of(recipe.name, seed)
        for seed in seeds
    }


def _changes(ablation: Ablation, arm: str, seed: int, way: str = "") -> dict[str, Any]:
    whole = _merged(ablation.changes, ablation.arms[arm].changes)
    if way:
        whole = _merged(whole, getattr(ablation.ranking, way))
    whole = _with_seed(whole, seed)
    return whole | {"name": "-".join(filter(None, (ablation.name, arm, way, str(seed)))), "seed": seed}


def _with_seed(value: Any, seed: int) -> Any:
    """Return changes with the seed where their texts say so: each training then has a set of its own draw."""
    if isinstance(value, Mapping):
        return {key: _with_seed(each, seed) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_seed(each, seed) for each in value]
    return value.replace("{seed}", str(seed)) if isinstance(value, str) else value


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return both changes as one; where they meet in a mapping, both hold."""
    whole = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(whole.get(key), Mapping)
        whole[key] = _merged(whole[key], value) if both else value
    return whole


def ablate(
    path: Path,
    places: Places,
    accelerator: str = "auto",
    report: Callable[[str], Report] = lambda name: lambda *numbers: None,
    only: Sequence[str] = (),
    seeds: Sequence[int] = (),
) -> list[Compared]:
    """Train every arm with every seed, seed by seed, and compare; go on where an earlier call stopped.

    Args:
        path: the ablation.
        places: where corpora, runs and caches are.
        accelerator: as Lightning Fabric names it.
        report: given a stage's name, returns what is told of its progress.
        only: arms to train; all by default. What earlier calls trained is compared too.
        seeds: of the ablation's, to train now; all by default. So machines, or evenings, may share an ablation.

    Raises:
        RecipeError: when the ablation does not hold together.
        CorpusError: when a set that an arm is trained on is not there.
    """
    ablation = load_ablation(path)
    if unknown := sorted(set(only) - set(ablation.arms)):
        raise RecipeError(f"ablation {path}: no arm {', '.join(unknown)}; its arms are {', '.join(ablation.arms)}")
    if strange := sorted(set(seeds) - set(ablation.seeds)):
        raise RecipeError(
            f"ablation {path}: no seed {', '.join(map(str, strange))}; its seeds are "
            f"{', '.join(map(str, ablation.seeds))}"
        )
    trainings = [
        (path.parent / ablation.whole.recipe, changes)
        for changes in _whole_runs(path, ablation).values()
        if ablation.whole is not None
    ]
    trainings += [
        (path.parent / ablation.recipe, _changes(ablation, name, seed, way))
        for seed in seeds or ablation.seeds
        for name in only or ablation.arms
        for way in _ways(ablation)
    ]
    for recipe, changes in trainings:  # all of them, before the first is trained
        check_recipe(recipe, places.runs, changes)
    for recipe, changes in trainings:
        train(recipe, places, accelerator, report, changes)
    return compare(path, places)


def compare(path: Path, places: Places) -> list[Compared]:
    """Compare the arms that are trained, each on the seeds that are.

    Raises:
        RecipeError: when the ablation does not hold together, or its reference is not trained.
        CorpusError: when two arms did not answer the same clips.
    """
    ablation = load_ablation(path)
    compared = []
    for task in ablation.tasks:
        found = {
            (name, way): _answers(ablation, name, task, places, way)
            for name in ablation.arms
            for way in _ways(ablation)
        }
        whole = _read({seed: str(run["name"]) for seed, run in _whole_runs(path, ablation).items()}, task, places)
        reference = found[ablation.reference, ""]
        if not reference:
            raise RecipeError(f"ablation {path}: its reference {ablation.reference!r} is not trained yet")
        for name in ablation.arms:
            if answers := found[name, ""]:
                one = _compared(name, task, answers, None if name == ablation.reference else reference)
                compared.append(one._replace(kept=_kept(ablation, name, task, found, whole)) if whole else one)
    return compared


def untrained(path: Path, places: Places) -> dict[str, tuple[int, ...]]:
    """Return the seeds that each arm is not trained with yet, its rankings among it; arms that lack none left out.

    Raises:
        RecipeError: when the ablation does not hold together.
    """
    ablation = load_ablation(path)
    missing = {
        name: tuple(
            seed
            for seed in ablation.seeds
            if not all(
                _model(places.runs / str(_changes(ablation, name, seed, way)["name"])).is_file()
                for way in _ways(ablation)
            )
        )
        for name in ablation.arms
    }
    return {name: seeds for name, seeds in missing.items() if seeds}


def _model(folder: Path) -> Path:
    return folder / f"{folder.name}.onnx"


Runs = dict[int, tuple[ClipAnswer, ...]]  # answers to the test clips by seed


def _answers(ablation: Ablation, arm: str, task: str, places: Places, way: str = "") -> Runs:
    names = {seed: str(_changes(ablation, arm, seed, way)["name"]) for seed in ablation.seeds}
    return _read(names, task, places)


def _read(names: Mapping[int, str], task: str, places: Places) -> Runs:
    """Return the answers of the runs that are there."""
    folders = {seed: places.runs / name for seed, name in names.items()}
    return {seed: read_answers(f / answers_name(task)) for seed, f in folders.items() if _model(f).is_file()}


def _refuse_other_clips(arm: str, task: str, *several: Runs) -> None:
    if len({data_hash(rows) for runs in several for rows in runs.values()}) > 1:
        raise CorpusError(
            f"arm {arm!r} and what it is compared with answer other clips of {task}; train them on the same corpora"
        )


def _compared(arm: str, task: str, answers: Runs, reference: Runs | None) -> Compared:
    _refuse_other_clips(arm, task, answers, reference or {})
    truth, clusters = _truth(answers)
    own = _stacked(answers)
    return Compared(
        arm=arm,
        task=task,
        seeds=tuple(answers),
        alone=spread(truth, own, clusters, figures=FIGURES),
        difference=reference and paired_difference(truth, own, _stacked(reference), clusters, figures=FIGURES),
        clips=len(truth),
        speakers=len(set(clusters)),
        data_sha256=data_hash(next(iter(answers.values()))),
    )


def _kept(ablation: Ablation, arm: str, task: str, found: Mapping[tuple[str, str], Runs], whole: Runs) -> Kept:
    """Return what an arm keeps of the whole corpus; each kind of run draws its seeds for itself."""
    kinds = {("whole", ""): whole} | {
        (name, way): found[name, way] for name in (ablation.reference, arm) for way in _ways(ablation)
    }
    kinds = {kind: runs for kind, runs in kinds.items() if runs}
    _refuse_other_clips(arm, task, *kinds.values())
    truth, clusters = _truth(whole)
    uar = {
        kind: spread(truth, _stacked(runs), clusters, side=side, figures=("uar",))["uar"]
        for side, (kind, runs) in enumerate(kinds.items())
    }
    own, random = uar[arm, ""], uar[ablation.reference, ""]
    kept = Kept(uar["whole", ""], len(whole), own / uar["whole", ""])
    if (arm, "hard") in uar:
        kept = kept._replace(label_robust=derived(label_robust_score, uar["whole", ""], uar[arm, "hard"], own, random))
    if (arm, "plain") in uar and (ablation.reference, "plain") in uar:
        plain = uar[arm, "plain"], uar[ablation.reference, "plain"]
        kept = kept._replace(augmentation_robust=derived(augmentation_robust_score, own, random, *plain))
    return kept._replace(ranked=min(len(runs) for (kind, _), runs in kinds.items() if kind != "whole"))


def _truth(answers: Runs) -> tuple[np.ndarray, list[str]]:
    """Return the labels of the clips (n,) and their clusters (n)."""
    one = next(iter(answers.values()))
    labels = tuple(one[0].probabilities)
    return np.array([labels.index(row.label) for row in one]), [row.cluster for row in one]


def _stacked(answers: Runs) -> np.ndarray:
    """Return probabilities: (seeds, n, labels)."""
    return np.array([[list(row.probabilities.values()) for row in rows] for rows in answers.values()])
