"""Runs as rows of a table: seeds of one recipe are one row, and a random split has its speaker-independent twin."""

import re
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import PurePosixPath
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from exclaim.evaluate.answers import data_hash
from exclaim.evaluate.figures import judged
from exclaim.evaluate.paired import Spread, spread
from exclaim.evaluate.report.answered import Answered, in_one_order
from exclaim.evaluate.report.runs import RunFolder
from exclaim.learn.recipe import Recipe, SplitOptions, teachers_of

__all__ = ["Judgement", "Row", "judgements", "rows", "twins"]

_SPLIT_WORDS = re.compile(r"[-_.]?(by[-_.]speakers?|random|speakers?|independent)(?=$|[-_.])")


class Row(NamedTuple):
    """Runs whose recipes differ in name and seed only."""

    name: str
    runs: tuple[RunFolder, ...]  # by seed

    @property
    def recipe(self) -> Recipe:
        """Of the first seed."""
        return self.runs[0].recipe

    @property
    def split(self) -> Literal["speaker", "random"]:
        """Whether test speakers are others than those trained on."""
        return "random" if self.recipe.split.by == "random" else "speaker"

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of the runs."""
        return tuple(run.recipe.seed for run in self.runs)


class Judgement(NamedTuple):
    """A row's answers to one task on its test clips."""

    row: Row
    task: str
    labels: tuple[str, ...]
    truth: np.ndarray  # (n,) int
    answers: np.ndarray  # (k, n) int, a line for each seed
    probabilities: np.ndarray  # (k, n, labels)
    confidence: np.ndarray  # (k, n)
    clusters: tuple[str, ...]  # (n)
    speakers: int | None
    data_sha256: str
    side: int  # the row's number, which its seeds are drawn with
    figures: dict[str, Spread]


def rows(runs: Sequence[RunFolder], found: Mapping[str, Answered]) -> tuple[Row, ...]:
    """Return the rows in the order of their first runs.

    Args:
        runs: that have answers.
        found: by the model file's hash.
    """
    groups: dict[tuple[bytes, str, int], list[RunFolder]] = {}
    for run in runs:
        answers = found[run.sha256].answers
        heard = "".join(data_hash(answers[task]) for task in sorted(answers))
        alike = (_but_for(run.recipe, name="", seed=0), heard)
        again = 0  # the same seed twice is no second seed: it is a row of its own
        while any(run.recipe.seed == other.recipe.seed for other in groups.get((*alike, again), ())):
            again += 1
        groups.setdefault((*alike, again), []).append(run)
    members = [tuple(sorted(group, key=lambda run: run.recipe.seed)) for group in groups.values()]
    return tuple(Row(_common_name([run.recipe.name for run in group]), group) for group in members)


def _but_for(recipe: Recipe, **fields: object) -> bytes:
    """Return a recipe's content, these fields aside."""
    return msgspec.json.encode(msgspec.structs.replace(recipe, **fields), order="deterministic")


def _common_name(names: Sequence[str]) -> str:
    """Return what the names of several seeds begin with: "student" of "student-s1" and "student-s2"."""
    if len(names) == 1:
        return names[0]
    alike = "".join(letters[0] for letters in takewhile(lambda found: len(set(found)) == 1, zip(*names, strict=False)))
    return re.sub(r"[-_.](seed|s)?[-_.]?\d*$", "", alike) or names[0]


def twins(found: Sequence[Row]) -> dict[str, Row]:
    """Return, for each row of a random split, the speaker-independent row of the same recipe, by name."""
    by_recipe = {run.recipe.name: row for row in found for run in row.runs}
    speaker: dict[tuple, list[Row]] = {}
    for row in found:
        if row.split == "speaker":
            speaker.setdefault(_likeness(row, by_recipe), []).append(row)
    pairs = {}
    for row in found:
        alike = speaker.get(_likeness(row, by_recipe), []) if row.split == "random" else []
        if alike:  # of several with the same recipe, the one that is named so
            plain = _SPLIT_WORDS.sub("", row.name)
            pairs[row.name] = next((twin for twin in alike if _SPLIT_WORDS.sub("", twin.name) == plain), alike[0])
    return pairs


def _likeness(row: Row, by_recipe: Mapping[str, Row], depth: int = 0) -> tuple:
    """Return what a row and its twin have in common: all but names, seeds and split, and their teachers' likewise.

    Validation clips and what is chosen by them belong to the split: a random split may have none.
    """
    recipe = row.recipe
    schedule = msgspec.structs.replace(recipe.schedule, keep="last")
    network = msgspec.structs.replace(recipe.network, weights_from=None)
    distil = recipe.distil and msgspec.structs.replace(recipe.distil, teacher="")
    plain = {"name": "", "seed": 0, "version": "", "split": SplitOptions(), "schedule": schedule}
    own = _but_for(recipe, **plain, network=network, distil=distil)
    parents = [*teachers_of(recipe), *([recipe.network.weights_from] if recipe.network.weights_from else [])]
    names = [PurePosixPath(parent).stem for parent in parents]
    return own, tuple(
        _likeness(by_recipe[name], by_recipe, depth + 1)
        if name in by_recipe and depth < 3
        else _SPLIT_WORDS.sub("", name)
        for name in names
    )


def judgements(
    found: Sequence[Row], answers: Mapping[str, Answered], *, draws: int = 1000, seed: int = 0
) -> tuple[Judgement, ...]:
    """Return every row's answers to every task that its test clips have labels of, row by row.

    Args:
        found: the rows.
        answers: by the model file's hash.
        draws: of the intervals.
        seed: of the draws; rows with the same clips are drawn the same speakers.
    """
    return tuple(
        _judge(row, task, [answers[run.sha256].answers[task] for run in row.runs], draws, seed, side)
        for side, row in enumerate(found)
        for task in answers[row.runs[0].sha256].answers
    )


def _judge(row: Row, task: str, of_seeds: list, draws: int, seed: int, side: int) -> Judgement:
    seeds = [judged(in_one_order(answers)) for answers in of_seeds]
    first = seeds[0]
    stacked = np.stack([one.probabilities for one in seeds])
    chosen = np.stack([one.answers for one in seeds])
    speakers = {answer.speaker for answer in of_seeds[0]} - {None}
    return Judgement(
        row=row,
        task=task,
        labels=first.labels,
        truth=first.truth,
        answers=chosen,
        probabilities=stacked,
        confidence=np.stack([one.confidence for one in seeds]),
        clusters=first.clusters,
        speakers=len(speakers) or None,
        data_sha256=data_hash(of_seeds[0]),
        side=side,
        figures=spread(first.truth, stacked, first.clusters, answers=chosen, draws=draws, seed=seed, side=side),
    )
