"""Windows to episodes: stories with given probabilities, and properties for any."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exclaim.card import Head, Thresholds
from exclaim.episodes import (
    ONSET_FRAMES,
    EpisodeOptions,
    EpisodeRules,
    EpisodeState,
    WindowResult,
    advance,
    close,
    episode_id,
)
from exclaim.wire import Episode, ModelReference, StreamInfo

INFO = StreamInfo(stream="0192-a", device="hall", started=datetime(2025, 1, 1, tzinfo=UTC))
DETECTION = Head(
    task="scream-detection", output="d", labels=("other", "scream"), thresholds=Thresholds(on=0.7, off=0.4)
)
TYPE = Head(task="scream-type", output="t", labels=("negative", "positive"), abstain_below=0.6)
MODEL = ModelReference(task="scream-detection", version="1", sha256="0" * 64)


def rules(**options: float) -> EpisodeRules:
    return EpisodeRules(detection=DETECTION, type=TYPE, models=(MODEL,), options=EpisodeOptions(**options))


def window(k: int, detection: float | None, logit: float | None = None, **more: float) -> WindowResult:
    """The k-th window of a stream (k = 1, 2 ...); ``logit`` is for "positive" over "negative"."""
    logits = None if logit is None else (0.0, logit)
    return WindowResult(
        **{"end_frame": 31 * k, "level_db": -10.0, "detection": detection, "type_logits": logits} | more
    )


def run(
    results: list[WindowResult], given: EpisodeRules | None = None, *, end: bool = True
) -> tuple[EpisodeState, list[Episode]]:
    given = given or rules()
    state, revisions = EpisodeState(), []
    for result in results:
        state, made = advance(state, result, given, INFO)
        revisions += made
    if end:
        state, made = close(state, given, INFO)
        revisions += made
    return state, revisions


def heard(*probabilities: float | None) -> list[WindowResult]:
    return [window(k, p) for k, p in enumerate(probabilities, 1)]


def told(revisions: list[Episode]) -> list[tuple[str, int]]:
    return [(episode.state, episode.revision) for episode in revisions]


def test_a_scream_opens_once_and_closes_once() -> None:
    state, revisions = run(heard(0.1, 0.1, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1), end=False)

    assert told(revisions) == [("open", 1), ("closed", 2)]
    assert len({episode.episode for episode in revisions}) == 1
    assert state.sound is None
    closed = revisions[-1]
    assert closed.last_frame == 31 * 8
    assert closed.detection.probability == 0.9
    assert closed.detection.threshold == 0.7
    assert closed.models == (MODEL,)


def test_it_opens_at_the_second_window_and_its_onset_is_in_the_middle_of_what_can_be() -> None:
    """The first positive window ends at 93: the burst began between 93 - 56 and 93 - 25."""
    _, revisions = run(heard(0.1, 0.1, 0.9, 0.9), end=False)

    opened = revisions[0]
    assert opened.onset_frame == 93 - ONSET_FRAMES == 53
    assert 93 - 56 <= opened.onset_frame <= 93 - 25
    assert opened.onset == INFO.started + timedelta(seconds=53 * 0.016)
    assert opened.last_frame == 124


def test_an_onset_is_not_before_the_stream() -> None:
    assert run(heard(0.9, 0.9))[1][0].onset_frame == 0


def test_ids_come_from_device_stream_task_and_onset() -> None:
    _, revisions = run(heard(0.1, 0.1, 0.9, 0.9))
    assert {episode.episode for episode in revisions} == {episode_id("hall", "0192-a", "scream-detection", 53)}
    others = {
        episode_id("hall", "0192-a", "scream-detection", 54),
        episode_id("hall", "0192-b", "scream-detection", 53),
        episode_id("hall0192-a", "", "scream-detection", 53),
    }
    assert len(others | {revisions[0].episode}) == 4


def test_a_single_window_is_a_false_alarm() -> None:
    assert run(heard(0.1, 0.9, 0.1, 0.1, 0.9, 0.2, 0.1))[1] == []


def test_a_row_goes_on_at_the_off_threshold_but_begins_at_the_on_threshold() -> None:
    assert told(run(heard(0.1, 0.5, 0.5, 0.5), end=False)[1]) == []
    assert told(run(heard(0.1, 0.9, 0.5), end=False)[1]) == [("open", 1)]


def test_one_window_can_be_enough() -> None:
    assert told(run(heard(0.1, 0.9, 0.1), rules(min_windows=1), end=False)[1]) == [("open", 1)]


def test_a_scream_at_the_end_of_a_recording_opens_with_the_window_that_there_is() -> None:
    _, revisions = run(heard(0.1, 0.1, 0.9))
    assert told(revisions) == [("open", 1), ("closed", 2)]


def test_it_goes_on_between_the_thresholds() -> None:
    _, revisions = run(heard(0.9, 0.9, *[0.5] * 20, 0.1, 0.1, 0.1, 0.1), end=False)
    assert told(revisions) == [("open", 1), ("closed", 2)]
    assert revisions[-1].last_frame == 31 * 22


def test_what_comes_within_the_refractory_time_is_the_same_episode() -> None:
    same = run(heard(0.9, 0.9, 0.1, 0.1, 0.1, 0.9, 0.9), end=False)[1]
    another = run(heard(0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.9, 0.9), end=False)[1]

    assert told(same) == [("open", 1)]
    assert told(another) == [("open", 1), ("closed", 2), ("open", 1)]
    assert another[2].onset_frame > another[1].last_frame


def test_below_the_level_floor_is_heard_and_quiet() -> None:
    assert told(run(heard(0.9, None, 0.9), end=False)[1]) == []
    assert told(run(heard(0.9, 0.9, None, None, None, None), end=False)[1]) == [("open", 1), ("closed", 2)]


def lost(k: int) -> WindowResult:
    return window(k, None, valid=False)


def test_dropped_frames_neither_open_nor_break_nor_close() -> None:
    results = [window(1, 0.9), lost(2), lost(3), window(4, 0.9), *map(lost, range(5, 12)), window(12, 0.9)]
    state, revisions = run(results, end=False)
    assert told(revisions) == [("open", 1)]
    assert state.sound.windows == 3


def test_an_episode_that_cannot_be_heard_for_long_closes() -> None:
    results = [window(1, 0.9), window(2, 0.9), *map(lost, range(3, 20))]
    _, revisions = run(results, end=False)
    assert told(revisions) == [("open", 1), ("closed", 2)]
    assert revisions[-1].last_frame == 62


def test_windows_that_are_not_near_make_no_row() -> None:
    assert told(run([window(1, 0.9), window(30, 0.9)], end=False)[1]) == []
    assert told(run([window(1, 0.9), *map(lost, range(2, 30)), window(30, 0.9)], end=False)[1]) == []


def test_a_notable_rise_is_told_and_a_small_one_is_not() -> None:
    _, revisions = run(heard(0.7, 0.72, 0.75, 0.79, 0.83, 0.84, 0.95, 0.9), end=False)
    assert [episode.detection.probability for episode in revisions] == [0.72, 0.83, 0.95]


def test_the_highest_level_travels() -> None:
    results = [window(1, 0.9, level_db=-10.0), window(2, 0.9, level_db=3.0), window(3, 0.9, level_db=-40.0)]
    assert run(results)[1][-1].level_db == 3.0


# ---- the type


def test_type_is_pooled_over_the_windows_logits() -> None:
    results = [window(1, 0.9, 4.0), window(2, 0.9, 2.0), window(3, 0.1, -50.0), window(4, 0.9, None)]
    estimate = run(results)[1][-1].type

    assert estimate.label == "positive"
    assert estimate.windows == 2
    assert estimate.probabilities == pytest.approx({"negative": 0.0474, "positive": 0.9526}, abs=1e-4)  # softmax(0, 3)


def test_type_abstains_where_it_is_unsure() -> None:
    _, revisions = run([window(1, 0.9, 0.1), window(2, 0.9, -0.1)])
    assert revisions[0].type.label is None
    assert revisions[0].type.probabilities == {"negative": 0.5, "positive": 0.5}


def test_a_type_that_changes_is_told_with_hysteresis() -> None:
    """Pooled logits 2, 2, then towards -1: nothing is told until the other label leads by the margin."""
    logits = [2.0, 2.0, -4.0, -0.6, -1.0, -4.0, -4.0]
    _, revisions = run([window(k, 0.9, logit) for k, logit in enumerate(logits, 1)], end=False)

    labels = [episode.type.label for episode in revisions]
    assert labels == ["positive", None, "negative"]
    assert [episode.revision for episode in revisions] == [1, 2, 3]


def test_a_type_that_wavers_around_its_border_makes_no_traffic() -> None:
    border = 0.405  # softmax(0, x) = 0.6 for "positive"
    logits = [1.0, 1.0, -0.7] + [border - 0.05, border + 0.05] * 20
    _, revisions = run([window(k, 0.9, logit) for k, logit in enumerate(logits, 1)], end=False)
    assert [episode.type.label for episode in revisions] == ["positive"]


def test_the_last_revision_has_the_label_that_all_windows_give() -> None:
    results = [window(1, 0.9, 2.0), window(2, 0.9, 2.0), window(3, 0.9, -3.0), window(4, 0.9, 0.1)]
    _, revisions = run(results)
    assert [episode.type.label for episode in revisions] == ["positive", None]
    assert revisions[-1].state == "closed"


def test_without_a_type_model_there_is_no_type() -> None:
    _, revisions = run(heard(0.9, 0.9), EpisodeRules(detection=DETECTION))
    assert revisions[0].type is None


# ---- for any windows

PROBABILITY = st.one_of(st.none(), st.sampled_from([0.0, 0.39, 0.4, 0.5, 0.69, 0.7, 0.75, 0.9, 1.0]))
RESULTS = st.lists(st.tuples(PROBABILITY, st.booleans(), st.floats(-5, 5), st.integers(1, 9)), max_size=40).map(
    lambda rows: [
        WindowResult(
            end_frame=31 * sum(step if step > 7 else 1 for *_, step in rows[: i + 1]),
            level_db=-10.0,
            valid=valid,
            detection=p if valid else None,
            type_logits=(0.0, logit) if valid and p is not None and p >= 0.4 else None,
        )
        for i, (p, valid, logit, _) in enumerate(rows)
    ]
)
OPTIONS = st.builds(rules, min_windows=st.integers(1, 4), refractory_frames=st.sampled_from([0, 31, 124, 500]))


@given(results=RESULTS, given_rules=OPTIONS)
@settings(deadline=None, max_examples=120)
def test_every_episode_is_told_in_order_and_ends(results: list[WindowResult], given_rules: EpisodeRules) -> None:
    state, revisions = run(results, given_rules)

    assert state.sound is None
    current, last = None, 0
    seen = set()
    for episode in revisions:
        if episode.episode != current:
            assert episode.episode not in seen, "an id came back"
            assert (episode.revision, episode.state) == (1, "open")
            seen.add(episode.episode)
            current, last = episode.episode, 1
        else:
            assert episode.revision == last + 1
            last += 1
        assert 0 <= episode.onset_frame <= episode.last_frame
        assert episode.detection.probability >= DETECTION.thresholds.on
        assert msgspec.json.decode(msgspec.json.encode(episode), type=Episode) == episode
    closed = [episode for episode in revisions if episode.state == "closed"]
    assert len(closed) == len(seen)
    for one, next_one in pairwise(closed):
        assert next_one.onset_frame > one.last_frame


@given(results=RESULTS, given_rules=OPTIONS, at=st.integers(0, 40), back=st.integers(0, 10), json=st.booleans())
@settings(deadline=None, max_examples=120)
def test_a_replay_from_a_stored_state_gives_the_same_revisions(
    results: list[WindowResult], given_rules: EpisodeRules, at: int, back: int, json: bool
) -> None:
    """The edge restarts behind any window, reads its state from disk, and is sent some windows again."""
    form = msgspec.json if json else msgspec.msgpack
    whole_state, whole = run(results, given_rules)
    state, before = run(results[:at], given_rules, end=False)

    state = form.decode(form.encode(state), type=EpisodeState)
    after: list[Episode] = []
    for result in results[max(0, at - back) :]:
        state, made = advance(state, form.decode(form.encode(result), type=WindowResult), given_rules, INFO)
        after += made
    state, made = close(state, given_rules, INFO)

    assert [*before, *after, *made] == whole
    assert state == whole_state


@given(results=RESULTS)
@settings(deadline=None, max_examples=60)
def test_closing_twice_says_nothing_new(results: list[WindowResult]) -> None:
    state, _ = run(results)
    assert close(state, rules(), INFO) == (state, ())
