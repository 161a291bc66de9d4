"""Recall by sex, age, race and ethnicity, where the corpus says them: whom a model hears worse."""

import math
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec
import numpy as np

from exclaim.corpora.clip import Clip
from exclaim.evaluate import metrics
from exclaim.evaluate.bootstrap import Interval, intervals
from exclaim.evaluate.figures import Judged, rounded, share_interval

__all__ = ["AGE_BANDS", "GroupRecall", "age_band", "fairness_notes", "group_recalls"]

AGE_BANDS = (("under 20", 0), ("20-39", 20), ("40-59", 40), ("60 and over", 60))  # name, from years on
_Z = 1.959964  # of 95 %
Attribute = Literal["sex", "age", "race", "ethnicity"]


class GroupRecall(msgspec.Struct, frozen=True, kw_only=True):
    """How well the clips of one group of people are heard."""

    attribute: Attribute
    group: str  # "female", "male"; a band of years; a race or an ethnicity in the corpus's words
    n: int  # clips
    speakers: int  # clusters: speakers, and recordings whose speaker is not known
    support: dict[str, int]  # clips of each label
    recalls: dict[str, float | None]  # by label
    intervals: dict[str, Interval | None]  # 95 %, by label
    uar: float | None  # None where a label is not there: it would not compare with the other groups'
    uar_interval: Interval | None


def age_band(years: float) -> str:
    """Return the name of the band that an age lies in."""
    return next(name for name, least in reversed(AGE_BANDS) if years >= least)


def _told(clip: Clip, name: str) -> str | None:
    """Return what a corpus or a column of a CSV says of the speaker beyond sex and age."""
    text = str(clip.extra.get(name, "")).strip()
    return text or None


# attribute, its groups in their order (none: those that the clips tell, by the alphabet), a clip's group
_ATTRIBUTES: tuple[tuple[Attribute, tuple[str, ...], Callable[[Clip], str | None]], ...] = (
    ("sex", ("female", "male"), lambda clip: clip.sex),
    ("age", tuple(name for name, _ in AGE_BANDS), lambda clip: None if clip.age is None else age_band(clip.age)),
    ("race", (), lambda clip: _told(clip, "race")),
    ("ethnicity", (), lambda clip: _told(clip, "ethnicity")),
)


def group_recalls(clips: Sequence[Clip], found: Judged, seed: int, draws: int) -> tuple[GroupRecall, ...]:
    """Return each group that has clips: sex, age, race, ethnicity.

    Args:
        clips: (n).
        found: their answers, in the same order.
        seed: of the intervals' draws.
        draws: how many.
    """
    groups = []
    for attribute, names, group_of in _ATTRIBUTES:
        member = [group_of(clip) for clip in clips]
        for name in names or sorted({group for group in member if group is not None}):
            chosen = np.array([i for i, group in enumerate(member) if group == name], dtype=int)
            if len(chosen):
                groups.append(_group(attribute, name, _part(found, chosen), seed, draws))
    return tuple(groups)


def fairness_notes(clips: Sequence[Clip]) -> list[str]:
    """Say of how many clips sex, age, race or ethnicity is not known, where it is known of others."""
    notes = []
    for attribute, _, group_of in _ATTRIBUTES:
        unknown = sum(group_of(clip) is None for clip in clips)
        if 0 < unknown < len(clips):
            notes.append(f"{unknown} clips do not tell {attribute}: they are in no group by {attribute}")
    return notes


def _part(found: Judged, chosen: np.ndarray) -> Judged:
    return found._replace(
        truth=found.truth[chosen],
        answers=found.answers[chosen],
        clusters=tuple(found.clusters[i] for i in chosen),
    )


def _group(attribute: Attribute, name: str, part: Judged, seed: int, draws: int) -> GroupRecall:
    labels = part.labels

    def recalls(chosen: np.ndarray) -> dict[str, float]:
        each = metrics.recalls(part.truth[chosen], part.answers[chosen], len(labels))
        return {"": float(each.mean()), **dict(zip(labels, each.tolist(), strict=True))}

    whole = recalls(np.arange(len(part.truth)))
    spread = intervals(recalls, part.clusters, seed, draws)
    people = {label: _people(part, number) for number, label in enumerate(labels)}
    return GroupRecall(
        attribute=attribute,
        group=name,
        n=len(part.truth),
        speakers=len(set(part.clusters)),
        support=dict(zip(labels, np.bincount(part.truth, minlength=len(labels)).tolist(), strict=True)),
        recalls={label: rounded(whole[label]) for label in labels},
        intervals={label: _interval(whole[label], spread[label], people[label]) for label in labels},
        uar=rounded(whole[""]),
        uar_interval=share_interval(spread[""]),
    )


def _people(part: Judged, label: int) -> int:
    """Return how many clusters have a clip of a label."""
    return len({cluster for cluster, truth in zip(part.clusters, part.truth, strict=True) if truth == label})


def _interval(recall: float, interval: Interval | None, people: int) -> Interval | None:
    """Return the interval of a recall. Where all clips agree no draw differs, which is no certainty: then Wilson's.

    Source: Wilson 1927, "Probable Inference, the Law of Succession, and Statistical Inference"; a speaker counts once.
    """
    if math.isnan(recall) or recall not in (0, 1):
        return share_interval(interval)
    width = _Z**2 / (people + _Z**2)
    return (round(1 - width, 6), 1.0) if recall == 1 else (0.0, round(width, 6))
