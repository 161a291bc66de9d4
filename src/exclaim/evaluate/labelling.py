"""Which clips of a manifest a model is asked about, and what the right answers are; pure."""

from collections import Counter
from typing import NamedTuple

from exclaim.card import Head
from exclaim.corpora.clip import Clip
from exclaim.corpora.labels import TASKS, map_label
from exclaim.corpora.manifest import Manifest
from exclaim.errors import CorpusError, ModelError
from exclaim.model import Model

__all__ = ["Labelled", "clip_label", "label_clips", "matching_head"]


class Labelled(NamedTuple):
    """The clips to ask a head about."""

    head: Head
    data: str  # what the clips are
    clips: tuple[tuple[Clip, str], ...]  # each with its label, one at least
    excluded: Counter[str]  # how many were left out, by reason
    notes: tuple[str, ...]  # on the data


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


def label_clips(model: Model, manifest: Manifest, task: str | None = None, data: str | None = None) -> Labelled:
    """Return the clips that have a label of the head.

    Args:
        model: a loaded model.
        manifest: clips with labels, as the task or their corpus names them.
        task: the head; None: the one whose labels match.
        data: what the clips are, for the record; None: the manifest's corpus.

    Raises:
        ModelError: when no head, or more than one, fits.
        CorpusError: when no clip has a label of the task.
    """
    head = matching_head(model, manifest, task)
    data = data or manifest.corpus
    excluded = Counter(exclusion.reason for exclusion in manifest.excluded)
    clips: list[tuple[Clip, str]] = []
    for clip in manifest:
        label, reason = _label_or_error(head, clip)
        if label is None:
            excluded[reason] += 1
        else:
            clips.append((clip, label))
    if not clips:
        raise CorpusError(
            f"{data}: none of {len(manifest)} clips has a label of {head.task} "
            f"({', '.join(head.labels)}): {_listed(excluded)}"
        )
    return Labelled(head, data, tuple(clips), excluded, manifest.notes)


def _label_or_error(head: Head, clip: Clip) -> tuple[str | None, str]:
    """Return a clip's label, or None and why it has none."""
    try:
        label = clip_label(head, clip)
    except CorpusError:
        return None, f"label {clip.label!r} is not known for {head.task}"
    return label, "" if label is not None else f"label {clip.label or '(none)'} has no place in {head.task}"


def _listed(reasons: Counter[str]) -> str:
    return "; ".join(f"{count} x {reason}" for reason, count in reasons.most_common()) or "the manifest is empty"
