"""Which detections and which events belong together: three definitions, pure functions of times in seconds.

- :func:`event_based`: onsets, and if wanted offsets, lie within a collar of each other (Mesaros, Heittola and Virtanen
  2016, "Metrics for polyphonic sound event detection", Applied Sciences 6(6), section 3.2; the package sed_eval).
- :func:`intersection_based`: detections and events cover enough of each other, however they are cut (Bilen et al. 2020,
  "A framework for the robust evaluation of sound event detection", arXiv 1910.08440, section 3; the package psds_eval).
- :func:`alarm_based`: an alarm opens while the event is in the window that opens it. This is what an operator feels.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from exclaim.features import HOP_LENGTH, N_FFT, SAMPLE_RATE, WINDOW_FRAMES

__all__ = [
    "ALARM_AFTER",
    "ALARM_BEFORE",
    "AlarmMatch",
    "Counts",
    "Span",
    "alarm_based",
    "event_based",
    "intersection_based",
]

# An alarm can be owed to an event as long as the window that opened it holds some of the event. A window reaches back
# 187 hops and, with the transforms of its first and last frame, 1024 samples: 3.056 s, so an alarm known later than
# that after an event's offset has heard nothing of it.
ALARM_AFTER = ((WINDOW_FRAMES - 1) * HOP_LENGTH + N_FFT) / SAMPLE_RATE  # seconds
# An alarm known before an event's onset has heard nothing of it either: this much is left to who marked the onset, and
# is sed_eval's collar.
ALARM_BEFORE = 0.2  # seconds


class Span(NamedTuple):
    """From when to when something lasts, in seconds."""

    onset: float
    offset: float


class Counts(NamedTuple):
    """Hits and misses of a matching."""

    hits: int  # events that were found
    false: int  # detections that found nothing
    missed: int  # events that were not found

    @property
    def precision(self) -> float:
        """Hits among hits and false detections; NaN where there is neither."""
        return _share(self.hits, self.hits + self.false)

    @property
    def recall(self) -> float:
        """Hits among events; NaN where there is none."""
        return _share(self.hits, self.hits + self.missed)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, ``2 hits / (2 hits + false + missed)``."""
        return _share(2 * self.hits, 2 * self.hits + self.false + self.missed)


class AlarmMatch(NamedTuple):
    """What alarms found."""

    found_by: np.ndarray  # (events,) int: number of the first alarm that found the event, -1 where none did
    false: np.ndarray  # (alarms,) bool: the alarm overlaps no event


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def _times(spans: Sequence[Span]) -> tuple[np.ndarray, np.ndarray]:
    onsets, offsets = np.array([(span.onset, span.offset) for span in spans], float).reshape(-1, 2).T
    return onsets, offsets


def event_based(
    events: Sequence[Span],
    detections: Sequence[Span],
    *,
    collar: float = 0.2,
    offset_share: float = 0.5,
    offsets: bool = True,
) -> Counts:
    """Count with collars, each detection matched to one event at most and so many as can be.

    Args:
        events: of one label.
        detections: of the same.
        collar: seconds that onsets, and offsets, may differ by.
        offset_share: offsets may differ by this share of the event's length, where that is more than the collar.
        offsets: whether they count.

    Source: sed_eval's EventBasedMetrics with ``event_matching_type="optimal"``.
    """
    from scipy.sparse import csr_array  # here: only who evaluates streams has it
    from scipy.sparse.csgraph import maximum_bipartite_matching

    begins, ends = _times(events)
    onsets, closings = _times(detections)
    near = np.abs(begins[:, None] - onsets) <= collar
    if offsets:
        near &= np.abs(ends[:, None] - closings) <= np.maximum(collar, offset_share * (ends - begins))[:, None]
    hits = int(np.count_nonzero(maximum_bipartite_matching(csr_array(near)) >= 0)) if near.any() else 0
    return Counts(hits, len(detections) - hits, len(events) - hits)


def intersection_based(
    events: Sequence[Span], detections: Sequence[Span], *, detection_tolerance: float, ground_truth: float
) -> Counts:
    """Count by what detections and events cover of each other.

    A detection counts where events cover at least ``detection_tolerance`` of it, else it is false. An event is found
    where the detections that count cover at least ``ground_truth`` of it.

    Args:
        events: of one label, which do not overlap.
        detections: of the same.
        detection_tolerance: psds_eval's ``dtc_threshold``, in (0, 1].
        ground_truth: psds_eval's ``gtc_threshold``, in (0, 1].
    """
    begins, ends = _times(events)
    onsets, offsets = _times(detections)
    common = np.minimum(ends[:, None], offsets) - np.maximum(begins[:, None], onsets)
    common = np.maximum(common, 0)
    counting = common.sum(axis=0) / (offsets - onsets) >= detection_tolerance
    hits = int(np.count_nonzero(common[:, counting].sum(axis=1) / (ends - begins) >= ground_truth))
    return Counts(hits, int(np.count_nonzero(~counting)), len(events) - hits)


def alarm_based(
    events: Sequence[Span], alarms: Sequence[Span], *, before: float = ALARM_BEFORE, after: float = ALARM_AFTER
) -> AlarmMatch:
    """Say which events alarms found, and which alarms are false.

    An event is found where an alarm opens within [onset - before, offset + after]; further alarms in there change
    nothing, and one alarm may find several events. An alarm that overlaps no such span is false. One that is open
    already when an event begins is neither: it finds nothing, since nobody is called anew, and rings for something.

    Args:
        events: of what is detected.
        alarms: by time, each from the moment that it could be known to the end of its last window.
        before: seconds; see :data:`ALARM_BEFORE`.
        after: seconds; see :data:`ALARM_AFTER`.
    """
    begins, ends = _times(events)
    opened, closed = _times(alarms)
    begins, ends = begins - before, ends + after
    opens_within = (begins[:, None] <= opened) & (opened <= ends[:, None])
    overlaps = (begins[:, None] <= closed) & (opened <= ends[:, None])
    found_by = np.full(len(events), -1)
    if len(alarms):
        found_by = np.where(opens_within.any(axis=1), opens_within.argmax(axis=1), found_by)
    return AlarmMatch(found_by, ~overlaps.any(axis=0))
