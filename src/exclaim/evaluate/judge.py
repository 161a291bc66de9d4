"""Clips, their labels and a network's logits, turned into figures; pure."""

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import msgspec
import numpy as np

from exclaim.card import Head
from exclaim.corpora.clip import Clip
from exclaim.evaluate import metrics
from exclaim.evaluate.bootstrap import Interval, intervals
from exclaim.evaluate.clips import ClipLogits
from exclaim.model import Model, predict_head

__all__ = ["FIGURES", "Evaluation", "judge"]

FIGURES = (
    "accuracy",
    "balanced_accuracy",
    "uar",
    "macro_f1",
    "auroc",
    "ece",
    "ece_debiased",
    "brier",
    "coverage",
    "risk",
    "aurc",
)


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome. Shares are in [0, 1]; None is what these clips cannot tell, and ``notes`` say why."""

    task: str
    model: str
    model_version: str
    model_sha256: str
    data: str
    data_sha256: str  # of the files' hashes with their labels
    n: int  # clips judged
    excluded: int  # clips left out
    excluded_reasons: dict[str, int]
    speakers: int | None
    labels: tuple[str, ...]
    support: dict[str, int]  # clips of each label
    accuracy: float | None
    balanced_accuracy: float | None
    uar: float | None
    macro_f1: float | None
    auroc: float | None
    ece: float | None
    ece_debiased: float | None
    brier: float | None
    coverage: float | None  # share of clips that the model does not abstain on
    risk: float | None  # share of wrong answers among them
    aurc: float | None  # mean risk over all coverages
    recalls: dict[str, float | None]
    # a row for each truth, a column for each answer, in the order of labels
    confusion: tuple[tuple[int, ...], ...]
    intervals: dict[str, Interval | None]  # 95 %
    protocol: str
    notes: tuple[str, ...] = ()


class _Judged(NamedTuple):
    """Clips with their truth and the head's answers."""

    truth: np.ndarray  # (n,) int
    answers: np.ndarray  # (n,) int: abstentions answered by the most probable label
    probabilities: np.ndarray  # (n, c)
    covered: np.ndarray  # (n,) bool: neither abstained nor below the level floor


def judge(
    model: Model,
    head: Head,
    answered: Sequence[tuple[Clip, str, ClipLogits]],
    excluded: Counter[str],
    notes: Sequence[str],
    *,
    data: str,
    seed: int,
    draws: int,
) -> Evaluation:
    """Turn clips, their labels and the network's logits into figures; pure.

    Args:
        model: whose card says how to answer.
        head: one of its heads.
        answered: clip, label and logits of each clip that was read.
        excluded: how many were not, by reason.
        notes: on the data.
        data: what the clips are.
        seed: of the intervals' draws.
        draws: how many.
    """
    clips = [clip for clip, _, _ in answered]
    judged = _judged(head, answered, model.card.level_floor_db)
    speakers = {clip.speaker_key for clip in clips} - {None}
    figures = _figures(judged, len(head.labels), np.arange(len(clips)))
    spread = intervals(partial(_figures, judged, len(head.labels)), [_cluster(clip) for clip in clips], seed, draws)
    recalls = metrics.recalls(judged.truth, judged.answers, len(head.labels))
    support = np.bincount(judged.truth, minlength=len(head.labels))
    confusion = metrics.confusion(judged.truth, judged.answers, len(head.labels))
    return Evaluation(
        task=head.task,
        model=model.card.name,
        model_version=model.card.version,
        model_sha256=model.sha256,
        data=data,
        data_sha256=_data_hash(answered),
        n=len(clips),
        excluded=sum(excluded.values()),
        excluded_reasons=dict(excluded.most_common()),
        speakers=len(speakers) or None,
        labels=head.labels,
        support=dict(zip(head.labels, support.tolist(), strict=True)),
        recalls=dict(zip(head.labels, map(_number, recalls), strict=True)),
        confusion=tuple(map(tuple, confusion.tolist())),
        intervals={name: _share(spread[name]) for name in FIGURES if _number(figures[name]) is not None},
        protocol=_protocol(head, len(speakers), draws),
        notes=(*notes, *_notes(head, support, clips)),
        **{name: _number(figures[name]) for name in FIGURES},
    )


def _judged(head: Head, answered: Sequence[tuple[Clip, str, ClipLogits]], level_floor_db: float) -> _Judged:
    logits = np.stack([answer.logits[head.output] for _, _, answer in answered])
    levels = np.array([answer.level_db for _, _, answer in answered])
    probabilities, labels, _ = predict_head(head, logits, levels, level_floor_db)
    if head.detects:  # what is too quiet is not detected
        answers = np.array([label == head.labels[1] for label in labels]).astype(int)
        covered = np.ones(len(answers), bool)
    else:
        answers, covered = probabilities.argmax(axis=1), np.array([label is not None for label in labels])
    truth = np.array([head.labels.index(label) for _, label, _ in answered])
    return _Judged(truth, answers, probabilities, covered)


def _figures(judged: _Judged, classes: int, chosen: np.ndarray) -> dict[str, float]:
    """Return every figure on the clips chosen (numbers, with repetition)."""
    truth, answers, probabilities, covered = (part[chosen] for part in judged)
    right = truth == answers
    recall = metrics.uar(truth, answers, classes)
    return {
        "accuracy": metrics.accuracy(truth, answers),
        "balanced_accuracy": recall,
        "uar": recall,
        "macro_f1": metrics.macro_f1(truth, answers, classes),
        "auroc": metrics.macro_auroc(truth, probabilities),
        "ece": metrics.ece(truth, probabilities),
        "ece_debiased": metrics.ece_debiased(truth, probabilities),
        "brier": metrics.brier(truth, probabilities),
        "coverage": float(covered.mean()),
        "risk": float(np.mean(~right[covered])) if covered.any() else math.nan,
        "aurc": metrics.aurc(right, probabilities.max(axis=1)),
    }


def _cluster(clip: Clip) -> str:
    """Return what a clip is resampled with: its speaker, else its recording, else itself alone."""
    return clip.speaker_key or clip.recording_key or str(clip.path)


def _data_hash(answered: Sequence[tuple[Clip, str, ClipLogits]]) -> str:
    lines = sorted(f"{answer.sha256} {label}\n" for _, label, answer in answered)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _share(interval: Interval | None) -> Interval | None:
    """Keep an interval of a share within what a share can be."""
    return None if interval is None else (round(max(0.0, interval[0]), 6), round(min(1.0, interval[1]), 6))


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 6)


def _protocol(head: Head, speakers: int, draws: int) -> str:
    decision = (
        f"detected at a probability of {head.thresholds.on:.3g}"
        if head.thresholds is not None
        else "the most probable label, abstentions answered too (reported apart as coverage and risk)"
    )
    clusters = f"{speakers} speakers" if speakers else "recordings (speakers are not known)"
    return (
        "whole clips; up to 3 s one zero-padded window, longer ones the mean of logits on the 31-frame "
        f"grid; {decision}; "
        f"ECE of the most probable label over 15 bins; 95 % percentile intervals from {draws} draws of "
        f"{clusters}"
    )


def _notes(head: Head, support: np.ndarray, clips: Sequence[Clip]) -> list[str]:
    notes = []
    absent = [label for label, count in zip(head.labels, support, strict=True) if not count]
    if absent:
        notes.append(f"no clip is {', '.join(absent)}: averages are over the labels that are there")
    if np.count_nonzero(support) < 2:
        notes.append("all clips have one label: there is no AUROC")
    unknown = sum(clip.speaker is None for clip in clips)
    if unknown:
        notes.append(f"{unknown} clips name no speaker; each counts as its recording in the intervals")
    if len({_cluster(clip) for clip in clips}) < 2:
        notes.append("all clips are of one speaker: there are no intervals")
    return notes
