"""Cross-validation over speakers: a recipe trained once for each fold, judged on all clips, each answered once by a
model that never heard its speaker.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from exclaim.errors import CorpusError, RecipeError
from exclaim.evaluate.answers import ClipAnswer, answers_name, data_hash, read_answers
from exclaim.evaluate.bootstrap import Interval
from exclaim.evaluate.centring import centred_uar
from exclaim.evaluate.figures import FIGURES, figure_intervals, figures, judged
from exclaim.learn.loop import Report
from exclaim.learn.places import Places
from exclaim.learn.recipe import Recipe, load_recipe
from exclaim.learn.train import train

__all__ = ["Pooled", "cross_validate", "pooled"]

CENTRED = "speaker_centred_uar"
_DRAWS = 1000


class Pooled(NamedTuple):
    """All folds' answers of one head, taken together."""

    task: str
    folds: int
    clips: int
    speakers: int
    figures: dict[str, float]
    intervals: dict[str, Interval | None]  # 95 %, over speakers
    data_sha256: str


def cross_validate(
    path: Path,
    places: Places,
    accelerator: str = "auto",
    report: Callable[[str], Report] = lambda name: lambda *numbers: None,
) -> tuple[Recipe, list[Pooled]]:
    """Train a recipe once for each fold, in runs NAME-fold-N, and pool what they answer; go on where a call stopped.

    Args:
        path: the recipe; its split is by ``speaker-folds``.
        places: where corpora, runs and caches are.
        accelerator: as Lightning Fabric names it.
        report: given a stage's name, returns what is told of its progress.

    Returns:
        The recipe, and for each head that it ships the pooled figures.

    Raises:
        RecipeError: when the recipe does not hold together, or splits otherwise.
        CorpusError: when a clip is in the test part of two folds.
    """
    recipe = load_recipe(path)
    if recipe.split.by != "speaker-folds":
        raise RecipeError(
            f"recipe {recipe.name} splits by {recipe.split.by}; give it `split: {{by: speaker-folds, folds: 5}}`"
        )
    runs = [
        train(path, places, accelerator, report, {"name": f"{recipe.name}-fold-{fold}", "split": {"fold": fold}})
        for fold in range(1, recipe.split.folds + 1)
    ]
    tasks = [name for name, head in recipe.heads.items() if head.ship]
    return recipe, [pooled([read_answers(run.folder / answers_name(task)) for run in runs]) for task in tasks]


def pooled(answers: Sequence[Sequence[ClipAnswer]], seed: int = 0, draws: int = _DRAWS) -> Pooled:
    """Judge all folds' answers of one head as one.

    Args:
        answers: of each fold, to its test clips.
        seed: of the intervals' draws.
        draws: how many.

    Raises:
        CorpusError: when two folds answer one clip, or one speaker's clips.
    """
    rows = [row for fold in answers for row in fold]
    if len({row.path for row in rows}) < len(rows):
        raise CorpusError("two folds answer the same clip; train them all by one recipe, on the same corpora")
    heard = [{row.cluster for row in fold} for fold in answers]
    if sum(map(len, heard)) > len(set().union(*heard)):
        raise CorpusError("a speaker is tested in two folds; train them all by one recipe, on the same corpora")
    found = judged(rows)
    told = figures(found)
    intervals = figure_intervals(found, seed, draws)
    if centred := centred_uar(found, seed, draws):
        told[CENTRED], intervals[CENTRED] = centred
    return Pooled(
        task=rows[0].task,
        folds=len(answers),
        clips=len(rows),
        speakers=len(set().union(*heard)),
        figures={name: told[name] for name in (*FIGURES, CENTRED) if name in intervals},
        intervals=intervals,
        data_sha256=data_hash(rows),
    )
