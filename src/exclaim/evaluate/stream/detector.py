"""A detector's tracks and the events that sounded, turned into figures; pure.

Alarms are matched to events by :func:`~exclaim.evaluate.stream.matching.alarm_based`, over thresholds from windows that
were heard once; the off threshold keeps its share of the on threshold.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from exclaim.card import Head, Thresholds
from exclaim.corpora.labels import TASKS, canonical_label
from exclaim.episodes import EpisodeOptions
from exclaim.errors import CorpusError
from exclaim.evaluate.bootstrap import Interval, intervals
from exclaim.evaluate.stream.events import Event
from exclaim.evaluate.stream.matching import (
    ALARM_AFTER,
    Counts,
    Span,
    alarm_based,
    event_based,
    intersection_based,
)
from exclaim.evaluate.stream.poisson import rate_interval
from exclaim.evaluate.stream.track import Alarm, Track, alarms

__all__ = [
    "THRESHOLDS",
    "Heard",
    "Matching",
    "OperatingPoint",
    "StreamFigures",
    "TypeCount",
    "is_detected",
    "judge_stream",
    "sweep",
]

# Evenly in log-odds from .001 to .9999, the last that four decimals can tell from 1: a step is a seventh of a neper.
_LOG_ODDS = np.linspace(-6.9, 9.2, 116)
THRESHOLDS = tuple(np.round(1 / (1 + np.exp(-_LOG_ODDS)), 4).tolist())

# Definitions that others count by, in the words of the results: collars of 200 ms, and the criteria of both scenarios
# of DCASE 2021 to 2023, task 4: react soon (.7, .7), and do not confuse (.1, .1).
_INTERSECTIONS = {"intersection, DTC .7, GTC .7": (0.7, 0.7), "intersection, DTC .1, GTC .1": (0.1, 0.1)}


class Heard(NamedTuple):
    """A recording: what was said of its windows, and what sounded."""

    name: str
    track: Track
    events: tuple[Event, ...]


class OperatingPoint(msgspec.Struct, frozen=True, kw_only=True):
    """What a threshold gives."""

    threshold: float  # opens at or above
    off: float  # closes below
    recall: float | None  # share of events found; None where there is no event
    false_alarms: int
    false_alarms_per_hour: float
    false_alarms_interval: Interval  # 95 %, Poisson
    delay_median: float | None  # seconds from onset to alarm, of the events found
    delay_90: float | None  # 90 % of the events found had their alarm within these seconds


class Matching(msgspec.Struct, frozen=True, kw_only=True):
    """Counts by a definition that others use."""

    hits: int
    false: int
    missed: int
    precision: float | None
    recall: float | None
    f1: float | None


class TypeCount(msgspec.Struct, frozen=True, kw_only=True):
    """Alarms at the card's thresholds that closed with one type."""

    label: str  # "unsure" where the model abstained
    found: int  # events found by an alarm of this type
    false_alarms: int
    false_alarms_per_hour: float
    false_alarms_interval: Interval  # 95 %, Poisson


class StreamFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome. Shares are in [0, 1]; None is what these recordings cannot tell."""

    hours: float  # heard
    recordings: int
    events: int  # of what is detected
    sources: int | None  # that the events come from; None where an event does not say
    others: dict[str, int]  # events of other labels: an alarm on them is false
    at_card: OperatingPoint  # at the card's thresholds
    recall_interval: Interval | None  # 95 %, at the card's thresholds, over sources
    false_on: dict[str, int]  # false alarms at the card's thresholds by what sounded in their window
    wanted_recall: float
    at_recall: OperatingPoint | None  # the highest threshold with the recall wanted; None where none has it
    curve: tuple[OperatingPoint, ...]  # DET: thresholds rising; see sweep
    matchings: dict[str, Matching]  # at the card's thresholds
    types: tuple[TypeCount, ...] = ()  # what alarms and false alarms are taken for; empty without a type


def is_detected(head: Head, label: str) -> bool:
    """Whether an event's label is what a head detects: its second label, or a corpus's word for it."""
    if label.strip().casefold() == head.labels[1].casefold():
        return True
    try:
        return head.task in TASKS and canonical_label(head.task, label) == head.labels[1]
    except CorpusError:
        return False


def judge_stream(
    head: Head,
    recordings: Sequence[Heard],
    options: EpisodeOptions | None = None,
    *,
    type_head: Head | None = None,
    wanted_recall: float = 0.9,
    seed: int = 0,
    draws: int = 1000,
) -> StreamFigures:
    """Turn tracks and events into figures.

    Args:
        head: that detects.
        recordings: at least one, of some length.
        options: how windows become episodes.
        type_head: that told the types of the tracks.
        wanted_recall: at which false alarms are asked for.
        seed: of the recall's interval.
        draws: how many.
    """
    options = options or EpisodeOptions()
    detected = [_detected(head, recording.events) for recording in recordings]
    events = [event for theirs in detected for event in theirs]
    others = Counter(event.label for recording in recordings for event in recording.events)
    others.subtract(event.label for event in events)
    sources = {event.source for event in events}
    found = [
        _found(recording.track, theirs, head, head.thresholds, options, type_head)
        for recording, theirs in zip(recordings, detected, strict=True)
    ]
    curve = sweep(head, recordings, options)
    enough = [point for point in curve if point.recall is not None and point.recall >= wanted_recall]
    return StreamFigures(
        hours=_hours(recordings),
        recordings=len(recordings),
        events=len(events),
        sources=len(sources) if events and None not in sources else None,
        others=dict((+others).most_common()),
        at_card=_point(found, head.thresholds, _hours(recordings)),
        recall_interval=_recall_interval(events, [delay for one in found for delay in one.delays], seed, draws),
        false_on=dict(_false_on(recordings, found).most_common()),
        wanted_recall=wanted_recall,
        at_recall=enough[-1] if enough else None,
        curve=curve,
        matchings=_matchings(detected, found),
        types=() if type_head is None else _types(found, type_head, _hours(recordings)),
    )


def sweep(head: Head, recordings: Sequence[Heard], options: EpisodeOptions) -> tuple[OperatingPoint, ...]:
    """Return what :data:`THRESHOLDS` give, rising, the off threshold at the head's share of each.

    They begin where false alarms are most frequent: at lower thresholds alarms run into each other, until one alarm
    that never ends is all that is left, which would look like quiet.

    Args:
        head: that detects; its on threshold is over 0.
        recordings: at least one, of some length.
        options: how windows become episodes.
    """
    share = head.thresholds.off / head.thresholds.on
    heard = [(recording.track, _detected(head, recording.events)) for recording in recordings]
    points = []
    for on in THRESHOLDS:
        thresholds = Thresholds(on=on, off=on * share)
        found = [_found(track, events, head, thresholds, options) for track, events in heard]
        points.append(_point(found, thresholds, _hours(recordings)))
    return tuple(points[int(np.argmax([point.false_alarms for point in points])) :])


class _Found(NamedTuple):
    """What a threshold gives on one recording."""

    alarms: tuple[Alarm, ...]
    found_by: tuple[Alarm, ...]  # of each event that was found, its alarm
    false: tuple[Alarm, ...]
    delays: tuple[float | None, ...]  # of each event, seconds from its onset to its alarm; None: it has none


def _found(
    track: Track,
    events: Sequence[Event],
    head: Head,
    thresholds: Thresholds,
    options: EpisodeOptions,
    type_head: Head | None = None,
) -> _Found:
    given = alarms(track, head, thresholds, options, type_head)
    match = alarm_based(_spans(events), [alarm.open for alarm in given])
    found_by = zip(events, match.found_by, strict=True)
    return _Found(
        alarms=given,
        found_by=tuple(given[k] for k in match.found_by.tolist() if k >= 0),
        false=tuple(alarm for alarm, false in zip(given, match.false, strict=True) if false),
        delays=tuple(given[k].known - event.onset if k >= 0 else None for event, k in found_by),
    )


def _detected(head: Head, events: Sequence[Event]) -> list[Event]:
    return [event for event in events if is_detected(head, event.label)]


def _spans(events: Sequence[Event]) -> list[Span]:
    return [Span(event.onset, event.offset) for event in events]


def _hours(recordings: Sequence[Heard]) -> float:
    return sum(recording.track.seconds for recording in recordings) / 3600


def _point(found: Sequence[_Found], thresholds: Thresholds, hours: float) -> OperatingPoint:
    delays = [delay for one in found for delay in one.delays]
    known = [delay for delay in delays if delay is not None]
    false = sum(len(one.false) for one in found)
    return OperatingPoint(
        threshold=thresholds.on,
        off=thresholds.off,
        recall=len(known) / len(delays) if delays else None,
        false_alarms=false,
        false_alarms_per_hour=false / hours,
        false_alarms_interval=rate_interval(false, hours),
        delay_median=float(np.quantile(known, 0.5)) if known else None,
        delay_90=float(np.quantile(known, 0.9)) if known else None,
    )


def _types(found: Sequence[_Found], type_head: Head, hours: float) -> tuple[TypeCount, ...]:
    """Count alarms by the type that they closed with, in the order of the labels; the unsure last."""
    right = Counter(alarm.label for one in found for alarm in one.found_by)
    false = Counter(alarm.label for one in found for alarm in one.false)
    return tuple(
        TypeCount(
            label="unsure" if label is None else label,
            found=right[label],
            false_alarms=false[label],
            false_alarms_per_hour=false[label] / hours,
            false_alarms_interval=rate_interval(false[label], hours),
        )
        for label in (*type_head.labels, None)
    )


def _recall_interval(events: Sequence[Event], delays: Sequence[float | None], seed: int, draws: int) -> Interval | None:
    """Return the recall's interval: sources drawn whole; where all or nothing was found, exact over sources.

    An event that does not say where it is from is a source by itself.

    Source: of the exact interval Clopper and Pearson 1934, Biometrika 26.
    """
    from scipy.stats import beta  # here: only who evaluates streams has it

    clusters = [event.source or f"\0{number}" for number, event in enumerate(events)]
    hits, n = np.array([delay is not None for delay in delays], float), len(set(clusters))
    if n < 2:
        return None
    if hits.all():
        return float(beta.ppf(0.025, n, 1)), 1.0
    if not hits.any():
        return 0.0, float(beta.ppf(0.975, 1, n))
    drawn = intervals(lambda chosen: {"recall": float(hits[chosen].mean())}, clusters, seed, draws)["recall"]
    return None if drawn is None else (max(0.0, drawn[0]), min(1.0, drawn[1]))


def _false_on(recordings: Sequence[Heard], found: Sequence[_Found]) -> Counter[str]:
    """Count false alarms by the labels that sounded in the window that opened them."""
    counts: Counter[str] = Counter()
    for recording, theirs in zip(recordings, found, strict=True):
        for alarm in theirs.false:
            begin = alarm.known - ALARM_AFTER
            sounding = {e.label for e in recording.events if e.onset <= alarm.known and e.offset >= begin}
            counts[" and ".join(sorted(sounding)) or "nothing that is marked"] += 1
    return counts


def _matchings(detected: Sequence[Sequence[Event]], found: Sequence[_Found]) -> dict[str, Matching]:
    pairs = [(_spans(e), [alarm.heard for alarm in f.alarms]) for e, f in zip(detected, found, strict=True)]
    counted = {
        "onset within 200 ms": [event_based(*pair, offsets=False) for pair in pairs],
        "onset and offset within collars": [event_based(*pair) for pair in pairs],
    }
    for name, (dtc, gtc) in _INTERSECTIONS.items():
        counted[name] = [intersection_based(*pair, detection_tolerance=dtc, ground_truth=gtc) for pair in pairs]
    return {name: _matching(Counts(*map(sum, zip(*counts, strict=True)))) for name, counts in counted.items()}


def _matching(counts: Counts) -> Matching:
    shares = {name: getattr(counts, name) for name in ("precision", "recall", "f1")}
    return Matching(
        hits=counts.hits,
        false=counts.false,
        missed=counts.missed,
        **{name: None if value != value else round(value, 6) for name, value in shares.items()},
    )
