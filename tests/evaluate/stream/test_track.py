"""Alarms from probabilities heard once: the same that listening gives, and known when they can be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from exclaim.card import Head, Thresholds
from exclaim.episodes import EpisodeOptions, EpisodeRules, EpisodeState, WindowResult, advance, close
from exclaim.evaluate.stream import track as tracks
from exclaim.evaluate.stream.track import Track, alarms, hear, known_at
from exclaim.features import FRAME_SECONDS
from exclaim.listen import Analysis, listen_file

STEP_SECONDS = 31 * FRAME_SECONDS
HEAD = Head(
    task="scream-detection",
    output="scream-detection",
    labels=("other", "scream"),
    thresholds=Thresholds(on=0.5, off=0.3),
)
OPTIONS = EpisodeOptions()


def track(*probabilities: float | None) -> Track:
    values = np.array([np.nan if p is None else p for p in probabilities], float)
    return Track(len(values) * STEP_SECONDS, values)


def plain_alarms(heard: Track, thresholds: Thresholds) -> list[tuple[int, int, int]]:
    """Every window through exclaim.episodes, none passed over: (window that opened, onset frame, last frame)."""
    rules = EpisodeRules(detection=replace(HEAD, thresholds=thresholds), options=OPTIONS)
    state, found, opened = EpisodeState(), [], 0
    for k, p in enumerate(heard.probabilities):
        result = WindowResult(end_frame=31 * (k + 1), level_db=0.0, detection=None if np.isnan(p) else float(p))
        state, revisions = advance(state, result, rules, tracks._STREAM)
        for revision in revisions:
            if revision.state == "open" and revision.revision == 1:
                opened = result.end_frame
            if revision.state == "closed":
                found.append((opened, revision.onset_frame, revision.last_frame))
    _, revisions = close(state, rules, tracks._STREAM)
    if revisions:
        found.append((-1 if len(revisions) == 2 else opened, revisions[-1].onset_frame, revisions[-1].last_frame))
    return found


probabilities = st.lists(
    st.none() | st.sampled_from([0.0, 0.1, 0.29, 0.3, 0.45, 0.5, 0.7, 1.0]), min_size=1, max_size=80
)


@given(values=probabilities, on=st.sampled_from([0.1, 0.3, 0.5, 0.7, 1.0]))
@settings(deadline=None)
def test_passing_over_what_changes_nothing_changes_nothing(values, on):
    heard, thresholds = track(*values), Thresholds(on=on, off=0.6 * on)
    found = alarms(heard, HEAD, thresholds, OPTIONS)
    wanted = plain_alarms(heard, thresholds)
    assert [(a.heard.onset, a.last) for a in found] == [
        (onset * FRAME_SECONDS, known_at(last, heard.seconds)) for _, onset, last in wanted
    ]
    opened = [heard.seconds if window < 0 else known_at(window, heard.seconds) for window, _, _ in wanted]
    assert [a.known for a in found] == opened


def test_an_alarm_is_known_at_the_end_of_its_second_window():
    (alarm,) = alarms(track(*[0.0] * 9, 0.9, 0.9, 0.4, *[0.0] * 9), HEAD, HEAD.thresholds, OPTIONS)
    assert alarm.known == pytest.approx(11 * STEP_SECONDS + 0.032)
    assert alarm.last == pytest.approx(12 * STEP_SECONDS + 0.032)
    assert alarm.open == (alarm.known, alarm.last)
    assert alarm.heard.onset < alarm.heard.offset < alarm.last


def test_the_sound_is_placed_where_its_windows_say():
    """A sound of 2 s from 10 s on lies by .4 s or more in the windows that end from 10.4 to 14.6 s."""
    ends = (np.arange(60) + 1) * STEP_SECONDS
    (alarm,) = alarms(track(*np.where((ends >= 10.4) & (ends <= 14.6), 0.9, 0.0)), HEAD, HEAD.thresholds, OPTIONS)
    assert alarm.heard == pytest.approx((10.0, 12.0), abs=STEP_SECONDS / 2)


def test_a_row_that_the_end_cuts_short_is_known_at_the_end():
    heard = track(*[0.0] * 9, 0.9)
    (alarm,) = alarms(heard, HEAD, HEAD.thresholds, OPTIONS)
    assert alarm.known == alarm.last == heard.seconds


def test_windows_below_the_level_floor_alarm_never():
    assert alarms(track(None, None, None), HEAD, Thresholds(on=0.0, off=0.0), OPTIONS) == ()


def test_a_recording_is_heard_as_listen_hears_it(write_scene, quiet_model):
    scene, analysis, told = write_scene("scene", (4, 14, 30, 58), []), Analysis([quiet_model]), []

    heard = hear(scene, analysis, progress=told.append)
    found = alarms(heard, analysis.rules.detection, analysis.rules.detection.thresholds, analysis.rules.options)

    closed = [e for step in listen_file(scene, analysis) for e in step.episodes if e.state == "closed"]
    assert len(found) == len(closed) == 4
    assert [a.heard.onset for a in found] == [e.onset_frame * FRAME_SECONDS for e in closed]
    assert [a.last for a in found] == [known_at(e.last_frame, 60.0) for e in closed]
    assert heard.seconds == told[-1] == 60.0
    assert len(heard.probabilities) == -(-(60 * 16_000 // 256) // 31)


def test_an_alarm_has_the_type_that_listen_gives_its_episode(write_scene, quiet_model):
    scene, analysis = write_scene("scene", (4, 14, 30, 58), []), Analysis([quiet_model])
    rules = analysis.rules
    found = alarms(hear(scene, analysis), rules.detection, rules.detection.thresholds, rules.options, rules.type)
    closed = [e for step in listen_file(scene, analysis) for e in step.episodes if e.state == "closed"]
    assert [a.label for a in found] == [e.type.label for e in closed]


def test_a_type_is_pooled_over_the_windows_that_were_asked_about_it():
    kind = Head(task="scream-type", output="t", labels=("negative", "positive"), abstain_below=0.6)
    silent = np.array([np.nan, np.nan])
    logits = np.stack([silent, [9.0, 0.0], [0.0, 3.0], silent, [0.0, 9.0], [8.5, 0.0], *[silent] * 8])
    values = np.array([0.0, 0.9, 0.9, 0.0, *[0.0] * 10])
    heard = Track(14 * STEP_SECONDS, values, logits)
    assert [a.label for a in alarms(heard, HEAD, HEAD.thresholds, OPTIONS, kind)] == ["negative"]
    even = np.where(np.isnan(logits), np.nan, np.abs(logits - logits[:, ::-1]))
    assert [a.label for a in alarms(heard._replace(types=even), HEAD, HEAD.thresholds, OPTIONS, kind)] == [None]
    assert [a.label for a in alarms(heard, HEAD, HEAD.thresholds, OPTIONS)] == [None]
