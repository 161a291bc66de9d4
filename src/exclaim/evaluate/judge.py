"""Labelled clips and a head's answers to them, turned into an evaluation; pure."""

from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np

from exclaim.card import Head
from exclaim.corpora.clip import Clip
from exclaim.evaluate import metrics
from exclaim.evaluate.answers import ClipAnswer, cluster, data_hash
from exclaim.evaluate.bootstrap import Interval
from exclaim.evaluate.centring import centred_uar
from exclaim.evaluate.fairness import GroupRecall, fairness_notes, group_recalls
from exclaim.evaluate.figures import (
    FIGURES,
    SELECTIVE_COVERAGE,
    Judged,
    figure_intervals,
    figures,
    judged,
    rounded,
)
from exclaim.evaluate.noise.table import NoiseTable
from exclaim.model import Model

__all__ = ["Evaluation", "judge"]

_CURVE_POINTS = 101


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
    auprc: float | None  # average precision: of the second of two labels, else the mean over the labels
    ece: float | None
    ece_debiased: float | None
    brier: float | None
    coverage: float | None  # share of clips that the model does not abstain on
    risk: float | None  # share of wrong answers among them
    aurc: float | None  # mean risk over all coverages
    selective_accuracy: float | None  # of the surest 70 % of the clips
    selective_uar: float | None  # of the surest 70 % of the clips
    recalls: dict[str, float | None]
    # a row for each truth, a column for each answer, in the order of labels
    confusion: tuple[tuple[int, ...], ...]
    intervals: dict[str, Interval | None]  # 95 %
    risk_coverage: tuple[tuple[float, float], ...]  # (coverage, risk) by rising coverage, 101 points at most
    # UAR with each speaker's mean answer taken away, and its interval; None without 20 clips of every speaker
    speaker_centred_uar: float | None = None
    speaker_centred_interval: Interval | None = None
    groups: tuple[GroupRecall, ...] = ()  # by sex, age, race and ethnicity, where the clips say them
    noise: NoiseTable | None = None  # the same clips under noise, where that was asked for
    protocol: str
    notes: tuple[str, ...] = ()


def judge(
    model: Model,
    head: Head,
    clips: Sequence[Clip],
    answers: Sequence[ClipAnswer],
    excluded: Counter[str],
    notes: Sequence[str],
    *,
    data: str,
    seed: int,
    draws: int,
) -> Evaluation:
    """Turn clips and a head's answers to them into figures; pure.

    Args:
        model: whose card says how to answer.
        head: one of its heads.
        clips: that were read, one at least.
        answers: to them, in the same order.
        excluded: how many were not read, by reason.
        notes: on the data.
        data: what the clips are.
        seed: of the intervals' draws.
        draws: how many.
    """
    found = judged(answers)
    speakers = {clip.speaker_key for clip in clips} - {None}
    told = figures(found)
    recalls = metrics.recalls(found.truth, found.answers, len(head.labels))
    support = np.bincount(found.truth, minlength=len(head.labels))
    confusion = metrics.confusion(found.truth, found.answers, len(head.labels))
    named = all(clip.speaker_key for clip in clips)
    centred = centred_uar(found, seed, draws) if named else None
    return Evaluation(
        task=head.task,
        model=model.card.name,
        model_version=model.card.version,
        model_sha256=model.sha256,
        data=data,
        data_sha256=data_hash(answers),
        n=len(clips),
        excluded=sum(excluded.values()),
        excluded_reasons=dict(excluded.most_common()),
        speakers=len(speakers) or None,
        labels=head.labels,
        support=dict(zip(head.labels, support.tolist(), strict=True)),
        recalls=dict(zip(head.labels, map(rounded, recalls), strict=True)),
        confusion=tuple(map(tuple, confusion.tolist())),
        intervals=figure_intervals(found, seed, draws),
        risk_coverage=_curve(found),
        speaker_centred_uar=centred and rounded(centred[0]),
        speaker_centred_interval=centred and centred[1],
        groups=group_recalls(clips, found, seed, draws),
        protocol=_protocol(head, len(speakers), draws),
        notes=(*notes, *_notes(head, support, clips), *fairness_notes(clips)),
        **{name: rounded(told[name]) for name in FIGURES},
    )


def _curve(found: Judged) -> tuple[tuple[float, float], ...]:
    """Return the risk-coverage curve at 101 of its points at most, the first and the last among them."""
    coverage, risk = metrics.risk_coverage(found.truth == found.answers, found.confidence)
    kept = np.unique(np.linspace(0, len(coverage) - 1, min(len(coverage), _CURVE_POINTS)).round().astype(int))
    return tuple((round(float(coverage[i]), 6), round(float(risk[i]), 6)) for i in kept)


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
        f"ECE of the most probable label over 15 bins; selective figures on the surest {SELECTIVE_COVERAGE:.0%} of the "
        f"clips; 95 % percentile intervals from {draws} draws of "
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
    if len(set(map(cluster, clips))) < 2:
        notes.append("all clips are of one speaker: there are no intervals")
    return notes
