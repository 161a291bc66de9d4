"""A model's quality on labelled clips: whom it is asked about, and what is left out and why."""

import logging
from collections import Counter
from collections.abc import Callable

from exclaim.card import Head
from exclaim.corpora.clip import Clip
from exclaim.corpora.labels import TASKS, map_label
from exclaim.corpora.manifest import Manifest
from exclaim.errors import CorpusError, ModelError
from exclaim.evaluate.clips import clip_logits
from exclaim.evaluate.judge import Evaluation, judge
from exclaim.model import Model

__all__ = ["Evaluation", "clip_label", "evaluate", "matching_head"]

_LOG = logging.getLogger(__name__)
UNREADABLE_LIMIT = 0.05  # share of the labelled clips


def clip_label(head: Head, clip: Clip) -> str | None:
    """Return the head's label of a clip, None where it has none for it.

    Raises:
        CorpusError: when the clip's label is none that the head or the corpus knows.
    """
    if head.task in TASKS:
        label = map_label(head.task, clip)
    else:
        known = {name.casefold(): name for name in head.labels}
        label = known.get((clip.label or "").strip().casefold())
    if label is not None and label not in head.labels:
        raise CorpusError(f"label {label!r} is none of the model's: {', '.join(head.labels)}")
    return label


def matching_head(model: Model, manifest: Manifest, task: str | None = None) -> Head:
    """Return the head to judge: the task's, else the only one, else the only one with labels for these clips.

    Raises:
        ModelError: when there is none, or more than one.
    """
    if task is not None:
        return model.card.head(task)
    heads = model.card.heads
    matching = heads if len(heads) == 1 else [h for h in heads if any(_label_or_error(h, c)[0] for c in manifest)]
    if len(matching) != 1:
        names = ", ".join(head.task for head in matching or heads)
        found = "more than one head has" if matching else "no head has"
        raise ModelError(f"{model.path}: {found} labels for {manifest.corpus}; name one with --task: {names}")
    return matching[0]


def _label_or_error(head: Head, clip: Clip) -> tuple[str | None, str]:
    """Return a clip's label, or None and why it has none."""
    if clip.kind != "audio":
        return None, f"is no audio ({clip.kind})"
    try:
        label = clip_label(head, clip)
    except CorpusError:
        return None, f"label {clip.label!r} is not known for {head.task}"
    return label, "" if label is not None else f"label {clip.label or '(none)'} has no place in {head.task}"


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
    head = matching_head(model, manifest, task)
    reasons = Counter(exclusion.reason for exclusion in manifest.excluded)
    labelled: list[tuple[Clip, str]] = []
    for clip in manifest:
        label, reason = _label_or_error(head, clip)
        if label is None:
            reasons[reason] += 1
        else:
            labelled.append((clip, label))
    if not labelled:
        raise CorpusError(
            f"{data or manifest.corpus}: none of {len(manifest)} clips has a label of {head.task} "
            f"({', '.join(head.labels)}): {_listed(reasons)}"
        )
    answers = list(clip_logits(model, [clip.path for clip, _ in labelled], threads=threads, progress=progress))
    unreadable = [answer.error for answer in answers if answer.error is not None]
    if len(unreadable) > UNREADABLE_LIMIT * len(labelled):
        raise CorpusError(
            f"{data or manifest.corpus}: {len(unreadable)} of {len(labelled)} clips cannot be read, more "
            "than 5 %; "
            f"the first: {unreadable[0]}; `exclaim corpora check` lists them all"
        )
    for error in unreadable:
        _LOG.warning("left out: %s", error)
    reasons["cannot be read"] += len(unreadable)
    read = [(*pair, answer) for pair, answer in zip(labelled, answers, strict=True) if answer.error is None]
    return judge(model, head, read, +reasons, manifest.notes, data=data or manifest.corpus, seed=seed, draws=draws)


def _listed(reasons: Counter[str]) -> str:
    return "; ".join(f"{count} x {reason}" for reason, count in reasons.most_common()) or "the manifest is empty"
