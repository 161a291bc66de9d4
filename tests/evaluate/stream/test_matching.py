"""Matching as sed_eval and psds_eval have it (their own counts, frozen), and as an operator feels it."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exclaim.evaluate.stream.matching import (
    ALARM_AFTER,
    ALARM_BEFORE,
    Counts,
    Span,
    alarm_based,
    event_based,
    intersection_based,
)

GOLDEN = json.loads(Path(__file__).with_name("golden_matching.json").read_text("utf-8"))


def spans(*times: tuple[float, float]) -> list[Span]:
    return [Span(*pair) for pair in times]


@pytest.mark.parametrize("case", GOLDEN["cases"])
def test_the_counts_are_those_of_sed_eval(case):
    events, detections = spans(*case["events"]), spans(*case["detections"])
    assert event_based(events, detections, offsets=False) == tuple(case["onset"])
    assert event_based(events, detections) == tuple(case["onset and offset"])


@pytest.mark.parametrize("criteria", [(0.7, 0.7), (0.1, 0.1), (0.5, 0.3)])
@pytest.mark.parametrize("case", GOLDEN["cases"])
def test_the_counts_are_those_of_psds_eval(case, criteria):
    dtc, gtc = criteria
    found = intersection_based(
        spans(*case["events"]), spans(*case["detections"]), detection_tolerance=dtc, ground_truth=gtc
    )
    assert found == tuple(case[f"{dtc:.1f} {gtc:.1f}".replace("0.", ".")])


def test_a_detection_between_two_onsets_goes_where_most_are_matched():
    """The first detection is near both events, the second near the first alone: a greedy matching finds one only."""
    events = spans((1.0, 2.0), (1.3, 2.3))
    detections = spans((0.9, 2.0), (1.15, 2.2))
    assert event_based(events, detections, offsets=False) == Counts(2, 0, 0)


def test_the_offset_of_a_long_event_may_be_half_its_length_off():
    assert event_based(spans((1, 3)), spans((1.1, 3.99))).hits == 1
    assert event_based(spans((1, 3)), spans((1.1, 4.01))).hits == 0
    assert event_based(spans((1.0, 1.2)), spans((1.0, 1.39))).hits == 1  # 200 ms is more than half of 200 ms


def test_a_long_detection_that_covers_an_event_is_false_by_what_it_covers_beyond():
    event, detection = spans((10, 11)), spans((9, 19))
    loose = intersection_based(event, detection, detection_tolerance=0.1, ground_truth=0.1)
    strict = intersection_based(event, detection, detection_tolerance=0.7, ground_truth=0.7)
    assert (loose, strict) == (Counts(1, 0, 0), Counts(0, 1, 1))


def test_shares_of_counts():
    counts = Counts(hits=3, false=1, missed=2)
    assert (counts.precision, counts.recall, counts.f1) == (0.75, 0.6, pytest.approx(2 / 3))
    assert np.isnan([Counts(0, 0, 0).precision, Counts(0, 0, 0).recall, Counts(0, 0, 0).f1]).all()


@pytest.mark.parametrize(
    ("opens", "found"),
    [
        (10 - ALARM_BEFORE - 0.01, False),  # nothing of it was heard
        (10 - ALARM_BEFORE, True),
        (11.0, True),
        (12 + ALARM_AFTER, True),
        (12 + ALARM_AFTER + 0.01, False),  # its window held none of it
    ],
)
def test_an_alarm_finds_an_event_while_its_window_can_hold_some_of_it(opens, found):
    match = alarm_based(spans((10, 12)), spans((opens, opens)))
    assert (match.found_by.tolist(), match.false.tolist()) == ([0 if found else -1], [not found])


def test_several_alarms_in_one_event_count_once():
    match = alarm_based(spans((10, 20)), spans((10.5, 11), (13, 14), (17, 18)))
    assert match.found_by.tolist() == [0]
    assert not match.false.any()


def test_an_alarm_that_rings_already_finds_nothing_and_is_not_false():
    match = alarm_based(spans((10, 12)), spans((5, 11)))
    assert match.found_by.tolist() == [-1]
    assert match.false.tolist() == [False]


def test_an_alarm_between_two_near_events_finds_both():
    match = alarm_based(spans((10, 11), (12, 13)), spans((12.5, 14)))
    assert match.found_by.tolist() == [0, 0]


def test_without_events_every_alarm_is_false_and_without_alarms_nothing_is_found():
    assert alarm_based([], spans((1, 2), (3, 4))).false.tolist() == [True, True]
    assert alarm_based(spans((1, 2)), []).found_by.tolist() == [-1]
    assert event_based([], []) == event_based([], spans()) == Counts(0, 0, 0)
    assert intersection_based(spans((1, 2)), [], detection_tolerance=0.5, ground_truth=0.5) == Counts(0, 0, 1)


times = st.lists(st.floats(0, 60), max_size=12).map(
    lambda t: spans(*zip(sorted(t)[::2], sorted(t)[1::2], strict=False))
)


@given(events=times, alarms=times)
def test_an_alarm_that_found_something_is_never_false(events, alarms):
    match = alarm_based(events, alarms)
    found = match.found_by[match.found_by >= 0]
    assert not match.false[found].any()
    for event, alarm in zip(events, match.found_by, strict=True):
        if alarm >= 0:
            assert event.onset - ALARM_BEFORE <= alarms[alarm].onset <= event.offset + ALARM_AFTER
