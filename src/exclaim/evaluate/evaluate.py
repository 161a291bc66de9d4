"""A model's quality on labelled clips: they are labelled, heard and judged."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from exclaim.corpora.clip import Clip
from exclaim.corpora.manifest import Manifest
from exclaim.errors import CorpusError
from exclaim.evaluate.answers import ClipAnswer, clip_answers
from exclaim.evaluate.clips import ClipLogits, clip_logits
from exclaim.evaluate.judge import Evaluation, judge
from exclaim.evaluate.labelling import Labelled, label_clips
from exclaim.model import Model

__all__ = ["Evaluation", "Heard", "evaluate", "hear", "judge_heard", "read_clips"]

_LOG = logging.getLogger(__name__)
UNREADABLE_LIMIT = 0.05  # share of the labelled clips


class Heard(NamedTuple):
    """A head's answers to the clips that could be read."""

    labelled: Labelled
    clips: tuple[Clip, ...]
    answers: tuple[ClipAnswer, ...]  # in the order of the clips
    excluded: Counter[str]  # how many clips were left out, by reason


def evaluate(
    model: Model,
    manifest: Manifest,
    *,
    task: str | None = None,
    data: str | None = None,
    seed: int = 0,
    draws: int = 1000,
    threads: int | None = None,
    progress: Callable[[int, int], None] = lambda done, whole: None,
) -> Evaluation:
    """Judge a model on a manifest.

    Args:
        model: a loaded model.
        manifest: clips with labels, as the task or their corpus names them.
        task: the head; None: the one whose labels match.
        data: what the clips are, for the record; None: the manifest's corpus.
        seed: of the intervals' draws.
        draws: how many.
        threads: that decode; None: one for each core.
        progress: called with (clips done, clips in all).

    Raises:
        ModelError: when no head, or more than one, fits.
        CorpusError: when no clip has a label of the task, or more than 5 % of those that have cannot be read.
    """
    labelled = label_clips(model, manifest, task, data)
    return judge_heard(model, hear(model, labelled, threads=threads, progress=progress), seed=seed, draws=draws)


def hear(
    model: Model,
    labelled: Labelled,
    *,
    root: Path = Path(),
    threads: int | None = None,
    progress: Callable[[int, int], None] = lambda done, whole: None,
) -> Heard:
    """Run a model over labelled clips.

    Args:
        model: a loaded model.
        labelled: the clips.
        root: folder that the answers tell the clips' paths from.
        threads: that decode; None: one for each core.
        progress: called with (clips done, clips in all).

    Raises:
        CorpusError: when more than 5 % of the clips cannot be read.
    """
    paths = [clip.path for clip, _ in labelled.clips]
    found = list(clip_logits(model, paths, threads=threads, progress=progress))
    read, excluded = read_clips(labelled, found)
    answers = clip_answers(labelled.head, read, model.card.level_floor_db, root)
    return Heard(labelled, tuple(clip for clip, _, _ in read), answers, excluded)


def read_clips(
    labelled: Labelled, found: Sequence[ClipLogits]
) -> tuple[list[tuple[Clip, str, ClipLogits]], Counter[str]]:
    """Return the clips that could be read, with label and logits, and what was left out in all.

    Raises:
        CorpusError: when more than 5 % of the clips could not be read.
    """
    unreadable = [answer.error for answer in found if answer.error is not None]
    if len(unreadable) > UNREADABLE_LIMIT * len(labelled.clips):
        raise CorpusError(
            f"{labelled.data}: {len(unreadable)} of {len(labelled.clips)} clips cannot be read, more than 5 %; "
            f"the first: {unreadable[0]}; `exclaim corpora check` lists them all"
        )
    for error in unreadable:
        _LOG.warning("left out: %s", error)
    read = [(*pair, answer) for pair, answer in zip(labelled.clips, found, strict=True) if answer.error is None]
    return read, +(labelled.excluded + Counter({"cannot be read": len(unreadable)}))


def judge_heard(model: Model, heard: Heard, *, seed: int = 0, draws: int = 1000) -> Evaluation:
    """Turn what was heard into figures; pure."""
    head, data, notes = heard.labelled.head, heard.labelled.data, heard.labelled.notes
    return judge(model, head, heard.clips, heard.answers, heard.excluded, notes, data=data, seed=seed, draws=draws)
