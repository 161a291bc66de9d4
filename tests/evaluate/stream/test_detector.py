"""Figures of a detector from probabilities and events that the test writes down."""

import numpy as np
import pytest

from exclaim.card import Head, Thresholds
from exclaim.evaluate.stream.detector import THRESHOLDS, Heard, is_detected, judge_stream
from exclaim.evaluate.stream.events import Event
from exclaim.evaluate.stream.poisson import rate_interval
from exclaim.evaluate.stream.track import Track
from exclaim.features import FRAME_SECONDS

STEP_SECONDS = 31 * FRAME_SECONDS
HEAD = Head(
    task="scream-detection",
    output="scream-detection",
    labels=("other", "scream"),
    thresholds=Thresholds(on=0.5, off=0.25),
)


def heard(seconds: float, sounds: dict[float, float], events: tuple[Event, ...] = (), length: float = 1.0) -> Heard:
    """A recording in which a sound at each second of ``sounds`` has that probability in every window that holds it."""
    probabilities = np.zeros(round(seconds / STEP_SECONDS))
    ends = (np.arange(len(probabilities)) + 1) * STEP_SECONDS
    for at, probability in sounds.items():
        probabilities[(ends >= at + 0.4) & (ends <= at + length + 2.6)] = probability
    return Heard("recording", Track(seconds, probabilities), events)


def scream(onset: float, source: str | None = None, label: str = "scream") -> Event:
    return Event(onset=onset, offset=onset + 1.0, label=label, source=source)


def test_what_the_card_gives():
    events = (scream(100), scream(200), scream(300), scream(400), scream(500, label="esc-10 Rooster"))
    recording = heard(1800, {100: 0.9, 200: 0.6, 300: 0.4, 500: 0.7, 600: 0.8, 700: 0.3}, events)
    found = judge_stream(HEAD, [recording])

    card = found.at_card
    assert (found.hours, found.recordings, found.events, found.others) == (0.5, 1, 4, {"esc-10 Rooster": 1})
    assert (card.threshold, card.off, card.recall, card.false_alarms) == (0.5, 0.25, 0.5, 2)
    assert card.false_alarms_per_hour == 4.0
    assert card.false_alarms_interval == rate_interval(2, 0.5)
    assert found.false_on == {"esc-10 Rooster": 1, "nothing that is marked": 1}
    # the second window that holds .4 s of the sound: from .896 s after the onset, up to a step later
    assert 0.896 <= card.delay_median <= 0.896 + 0.032 + STEP_SECONDS
    assert card.delay_median <= card.delay_90


def test_the_curve_trades_false_alarms_for_recall_and_the_recall_asked_for_is_on_it():
    rng = np.random.default_rng(3)
    sounds, events = {}, []
    for k in range(120):
        at = 20.0 + 29 * k
        sounds[at] = float(np.round(rng.uniform(0.3, 1.0) if k % 2 else rng.uniform(0.0, 0.7), 4))
        events += [scream(at)] * (k % 2)
    found = judge_stream(HEAD, [heard(3600, sounds, tuple(events))], wanted_recall=0.8)

    recalls = [point.recall for point in found.curve]
    false = [point.false_alarms for point in found.curve]
    assert [point.threshold for point in found.curve] == list(THRESHOLDS)[-len(found.curve) :]
    assert found.curve[0].false_alarms > found.curve[1].false_alarms
    assert recalls == sorted(recalls, reverse=True)
    assert false == sorted(false, reverse=True)
    screams = [sounds[event.onset] for event in events]
    others = [p for at, p in sounds.items() if at not in {event.onset for event in events}]
    for point in found.curve:
        assert point.off == pytest.approx(point.threshold / 2)
        assert point.recall == np.mean(np.array(screams) >= point.threshold)
        assert point.false_alarms == np.sum(np.array(others) >= point.threshold)
    assert found.at_recall.recall >= 0.8
    above = [point for point in found.curve if point.threshold > found.at_recall.threshold]
    assert all(point.recall < 0.8 for point in above)


def test_the_curve_leaves_out_where_alarms_run_into_one_that_never_ends():
    """A hum at .1 throughout: below that threshold there is one alarm, which began before all screams."""
    recording = heard(600, {at: 0.9 for at in range(50, 550, 50)}, tuple(scream(at) for at in range(50, 550, 100)))
    track = recording.track._replace(probabilities=np.maximum(recording.track.probabilities, 0.1))
    found = judge_stream(HEAD, [recording._replace(track=track)])

    assert found.curve[0].threshold > 0.1
    assert {(point.recall, point.false_alarms) for point in found.curve} == {(1.0, 5), (0.0, 0)}


def test_a_recall_that_no_threshold_reaches_is_told():
    found = judge_stream(HEAD, [heard(600, {100: 0.9}, (scream(100), scream(300)))])
    assert (found.at_card.recall, found.at_recall) == (0.5, None)


def test_without_events_there_are_false_alarms_only():
    found = judge_stream(HEAD, [heard(3600, {100: 0.9, 200: 0.9}), heard(3600, {})])
    card = found.at_card
    assert (card.recall, card.delay_median, found.at_recall, found.recall_interval) == (None, None, None, None)
    assert (card.false_alarms, card.false_alarms_per_hour, found.hours) == (2, 1.0, 2.0)
    assert found.sources is None
    assert found.matchings["onset within 200 ms"].recall is None


def test_the_interval_of_recall_draws_whole_sources():
    """Twenty events of two speakers, one always found and one never, tell less than twenty speakers do."""
    at = [20.0 + 29 * k for k in range(20)]
    sounds = {t: 0.9 for t in at[::2]}
    of_two = judge_stream(HEAD, [heard(1800, sounds, tuple(scream(t, f"s{k % 2}") for k, t in enumerate(at)))])
    of_all = judge_stream(HEAD, [heard(1800, sounds, tuple(scream(t) for t in at))])

    assert (of_two.sources, of_all.sources) == (2, None)
    assert of_two.at_card.recall == of_all.at_card.recall == 0.5
    assert of_two.recall_interval == pytest.approx((0.0, 1.0), abs=0.05)  # its bias is taken off
    low, high = of_all.recall_interval
    assert 0.2 < low < 0.4 < 0.6 < high < 0.8


@pytest.mark.parametrize(
    ("probability", "interval"), [(0.9, (0.025 ** (1 / 5), 1.0)), (0.1, (0.0, 1 - 0.025 ** (1 / 5)))]
)
def test_all_or_nothing_found_has_an_exact_interval_over_sources(probability, interval):
    at = [20.0 + 29 * k for k in range(10)]
    events = tuple(scream(t, f"s{k % 5}") for k, t in enumerate(at))
    found = judge_stream(HEAD, [heard(600, dict.fromkeys(at, probability), events)])
    assert found.recall_interval == pytest.approx(interval)


def test_others_count_what_a_three_second_window_can_know_of_onset_and_offset():
    found = judge_stream(HEAD, [heard(600, {100: 0.9, 200: 0.9, 300: 0.9}, (scream(100), scream(200)))])
    loose = found.matchings["intersection, DTC .1, GTC .1"]
    assert (loose.hits, loose.false, loose.missed) == (2, 1, 0)
    assert (loose.precision, loose.recall) == (pytest.approx(2 / 3, abs=1e-6), 1.0)


@pytest.mark.parametrize(
    ("label", "detected"),
    [("scream", True), (" Scream ", True), ("screaming", True), ("laughing", False), ("?", False)],
)
def test_a_label_is_what_is_detected_by_the_tasks_word_or_a_corpus_s(label, detected):
    assert is_detected(HEAD, label) is detected


def test_alarms_are_counted_by_what_they_are_taken_for():
    kind = Head(task="scream-type", output="t", labels=("negative", "positive"), abstain_below=0.6)
    recording = heard(1800, {100: 0.9, 200: 0.9, 300: 0.9, 400: 0.9}, (scream(100), scream(200)))
    ends = (np.arange(len(recording.track.probabilities)) + 1) * STEP_SECONDS
    logits = np.full((len(ends), 2), np.nan)
    for at, said in ((100, (5, 0)), (200, (0, 0)), (300, (0, 5)), (400, (5, 0))):
        logits[(ends >= at) & (ends <= at + 4)] = said
    track = recording.track._replace(types=logits)
    found = judge_stream(HEAD, [recording._replace(track=track)], type_head=kind)
    assert [(count.label, count.found, count.false_alarms) for count in found.types] == [
        ("negative", 1, 1),
        ("positive", 0, 1),
        ("unsure", 1, 0),
    ]
    assert found.types[0].false_alarms_per_hour == 2.0
    assert found.types[0].false_alarms_interval == rate_interval(1, 0.5)
    assert judge_stream(HEAD, [recording]).types == ()
