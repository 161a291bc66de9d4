"""One factor at a time: the same recipe with one thing changed, several seeds each, judged on the same clips.

An ablation is a YAML file: a recipe, seeds, and arms, each of which says what it changes. Every arm is trained once for
each seed and compared with the reference arm on the test speakers, paired by clip, over speakers and seeds.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np
import yaml

from exclaim.errors import CorpusError, RecipeError
from exclaim.evaluate.answers import ClipAnswer, data_hash, read_answers
from exclaim.evaluate.paired import Difference, Spread, paired_difference, spread
from exclaim.learn.finish import answers_name
from exclaim.learn.loop import Report
from exclaim.learn.recipe import load_recipe
from exclaim.learn.train import Places, Run, train

__all__ = ["Ablation", "Arm", "Compared", "ablate", "compare", "load_ablation"]

FIGURES = ("uar", "auroc", "ece_debiased", "brier")
_MOST_ARMS = 12  # with more, one of them is better by chance


class Arm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to train."""

    factor: str  # what it is about: loss, cache, teacher, schedule, noise, ...
    says: str  # what differs, in a few words
    changes: dict[str, Any] = {}  # laid over the recipe; null takes a value away


class Ablation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of it."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]+$")]
    recipe: str  # relative to the ablation's file
    changes: dict[str, Any] = {}  # to the recipe, in every arm
    tasks: tuple[str, ...]  # heads that are compared
    seeds: tuple[int, ...]
    reference: str  # the arm that the others are compared with
    arms: dict[str, Arm]


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


def load_ablation(path: Path) -> Ablation:
    """Read and check an ablation.

    Raises:
        RecipeError: when it does not hold together, or has more than 12 arms.
    """
    try:
        ablation = msgspec.convert(yaml.safe_load(Path(path).read_text("utf-8")), Ablation, strict=False)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise RecipeError(f"ablation {path}: {error}") from error
    if ablation.reference not in ablation.arms:
        raise RecipeError(f"ablation {path}: reference {ablation.reference!r} is none of {', '.join(ablation.arms)}")
    if len(ablation.arms) > _MOST_ARMS:
        raise RecipeError(
            f"ablation {path}: {len(ablation.arms)} arms; at most {_MOST_ARMS}, or one is better by chance"
        )
    if len(set(ablation.seeds)) < max(1, len(ablation.seeds)):
        raise RecipeError(f"ablation {path}: seeds {list(ablation.seeds)}; expected one or more, all different")
    for name in ablation.arms:  # all of them, before the first is trained
        load_recipe(path.parent / ablation.recipe, _changes(ablation, name, ablation.seeds[0]))
    return ablation


def _changes(ablation: Ablation, arm: str, seed: int) -> dict[str, Any]:
    whole = _merged(ablation.changes, ablation.arms[arm].changes)
    return whole | {"name": f"{ablation.name}-{arm}-{seed}", "seed": seed}


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
) -> list[Compared]:
    """Train every arm with every seed, seed by seed, and compare; go on where an earlier call stopped.

    Args:
        path: the ablation.
        places: where corpora, runs and caches are.
        accelerator: as Lightning Fabric names it.
        report: given a stage's name, returns what is told of its progress.
        only: arms to train; all by default. What earlier calls trained is compared too.

    Raises:
        RecipeError: when the ablation does not hold together.
    """
    ablation = load_ablation(path)
    if unknown := sorted(set(only) - set(ablation.arms)):
        raise RecipeError(f"ablation {path}: no arm {', '.join(unknown)}; its arms are {', '.join(ablation.arms)}")
    for seed in ablation.seeds:
        for name in only or ablation.arms:
            train(path.parent / ablation.recipe, places, accelerator, report, _changes(ablation, name, seed))
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
        found = {name: _answers(ablation, name, task, places) for name in ablation.arms}
        reference = found[ablation.reference]
        if not reference:
            raise RecipeError(f"ablation {path}: its reference {ablation.reference!r} is not trained yet")
        for name, answers in found.items():
            if answers:
                compared.append(_compared(name, task, answers, None if name == ablation.reference else reference))
    return compared


def _answers(ablation: Ablation, arm: str, task: str, places: Places) -> dict[int, tuple[ClipAnswer, ...]]:
    """Return the answers to the test clips by seed."""
    folders = {seed: places.runs / str(_changes(ablation, arm, seed)["name"]) for seed in ablation.seeds}
    whole = {seed: Run(folder=f, model=f / f"{f.name}.onnx", done_before=True) for seed, f in folders.items()}
    return {seed: read_answers(run.folder / answers_name(task)) for seed, run in whole.items() if run.model.is_file()}


def _compared(
    arm: str, task: str, answers: dict[int, tuple[ClipAnswer, ...]], reference: dict[int, tuple[ClipAnswer, ...]] | None
) -> Compared:
    one = next(iter(answers.values()))
    every = [*answers.values(), *(reference or {}).values()]
    if len({data_hash(rows) for rows in every}) > 1:
        raise CorpusError(f"arm {arm!r} and its reference answer other clips of {task}; train them on the same corpora")
    labels = tuple(one[0].probabilities)
    truth = np.array([labels.index(row.label) for row in one])
    clusters = [row.cluster for row in one]
    own = _stacked(answers)
    return Compared(
        arm=arm,
        task=task,
        seeds=tuple(answers),
        alone=spread(truth, own, clusters, figures=FIGURES),
        difference=reference and paired_difference(truth, own, _stacked(reference), clusters, figures=FIGURES),
        clips=len(one),
        speakers=len(set(clusters)),
        data_sha256=data_hash(one),
    )


def _stacked(answers: dict[int, tuple[ClipAnswer, ...]]) -> np.ndarray:
    """Return probabilities: (seeds, n, labels)."""
    return np.array([[list(row.probabilities.values()) for row in rows] for rows in answers.values()])
