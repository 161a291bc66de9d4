"""Several detections in one stream: each has episodes of its own, and speech yields to bursts."""

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exclaim.card import Card, Head, Thresholds
from exclaim.episodes import EpisodeOptions, EpisodeState, Sound, advance, close
from exclaim.errors import ModelError, StoreError
from exclaim.lines import (
    SPEECH,
    SPEECH_OPTIONS,
    Answer,
    Line,
    StreamState,
    WindowAnswers,
    advance_lines,
    close_lines,
    lines_of,
    read_state,
)
from exclaim.wire import Episode, StreamInfo

INFO = StreamInfo(stream="s1", device="kitchen", started=datetime(2026, 1, 1, tzinfo=UTC))
SCREAM = "scream-detection"
EMOTIONS = ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")


class Stub:
    """A model of which only the card is asked for."""

    def __init__(self, name: str, *heads: Head) -> None:
        self.card, self.sha256 = Card(name=name, version="1", heads=heads), name


def detecting(task: str, on: float = 0.6, off: float = 0.4) -> Head:
    return Head(task=task, output=task, labels=("other", task), thresholds=Thresholds(on=on, off=off))


def telling(task: str, *labels: str) -> Head:
    return Head(task=task, output=task, labels=labels, abstain_below=0.4)


BURSTS = Stub("bursts", detecting(SCREAM), telling("scream-type", "negative", "positive"))
TALK = Stub("talk", detecting(SPEECH), telling("speech-emotion", *EMOTIONS))
LINES = lines_of([TALK, BURSTS])


def window(k: int, scream: float | None = None, speech: float | None = None, **more: object) -> WindowAnswers:
    """The k-th window; a scream is negative, speech is angry."""
    answers = {}
    if scream is not None:
        answers[SCREAM] = Answer(detection=scream, type_logits=(2.0, 0.0) if scream >= 0.4 else None)
    if speech is not None:
        answers[SPEECH] = Answer(detection=speech, type_logits=(4.0, *[0.0] * 5) if speech >= 0.4 else None)
    burst = scream is not None and scream >= 0.6
    return WindowAnswers(end_frame=31 * k, level_db=-10.0, answers=answers, **{"burst": burst, **more})


def run(windows: Iterable[WindowAnswers], lines: tuple[Line, ...] = LINES) -> list[Episode]:
    state, revisions = advance_lines(StreamState(), windows, lines, INFO)
    _, closed = close_lines(state, lines, INFO)
    return [*revisions, *closed]


def closed(revisions: Iterable[Episode], task: str) -> list[Episode]:
    return [e for e in revisions if e.state == "closed" and e.detection.task == task]


# ---- which lines models make


def test_each_detection_has_its_own_attribute_and_speech_comes_last() -> None:
    assert [(line.task, line.rules.type.task, line.yields) for line in LINES] == [
        (SCREAM, "scream-type", False),
        (SPEECH, "speech-emotion", True),
    ]
    assert [[reference.sha256 for reference in line.rules.models] for line in LINES] == [["bursts"] * 2, ["talk"] * 2]


def test_the_heads_of_a_line_may_be_in_different_files() -> None:
    one, two = Stub("one", detecting(SPEECH)), Stub("two", telling("speech-emotion", *EMOTIONS))
    (line,) = lines_of([one, two])
    assert (line.detector, line.typer) == (one, two)


def test_a_head_that_tells_of_nothing_detected_is_left_unused() -> None:
    (line,) = lines_of([Stub("one", detecting(SCREAM)), Stub("two", telling("speech-emotion", *EMOTIONS))])
    assert (line.task, line.rules.type, line.typer) == (SCREAM, None, None)


def test_only_speech_episodes_end_while_the_sound_goes_on() -> None:
    assert [line.rules.options for line in LINES] == [EpisodeOptions(), SPEECH_OPTIONS]
    given_options = EpisodeOptions(min_windows=3)
    assert [line.rules.options for line in lines_of([BURSTS, TALK], given_options)] == [given_options] * 2


@pytest.mark.parametrize(
    ("models", "words"),
    [
        ([], r"\(none\) have no head that detects; expected at least one"),
        ([Stub("x", telling("scream-type", "a", "b"))], r"\(x: scream-type\) have no head that detects"),
        ([BURSTS, Stub("y", detecting(SCREAM))], "have 2 heads scream-detection; expected one"),
        ([TALK, Stub("y", telling("speech-type", "a", "b"))], "have 2 heads speech-type or speech-emotion; expected"),
    ],
)
def test_models_that_make_no_lines(models: list[Stub], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        lines_of(models)


# ---- the choice between burst and speech


def test_a_talk_and_a_scream_after_it_are_an_episode_each() -> None:
    talk = [window(k, scream=0.1, speech=0.9) for k in range(1, 11)]
    scream = [window(k, scream=0.9) for k in range(11, 16)]
    revisions = run(talk + scream + [window(k, 0.1, 0.1) for k in range(16, 40)])

    (spoken,), (screamed,) = closed(revisions, SPEECH), closed(revisions, SCREAM)
    assert (spoken.type.task, spoken.type.label, spoken.last_frame) == ("speech-emotion", "ANG", 310)
    assert (screamed.type.task, screamed.type.label, screamed.last_frame) == ("scream-type", "negative", 465)
    assert len({e.episode for e in revisions}) == 2


def test_a_scream_opens_no_episode_of_speech() -> None:
    """However certain the speech model would be: such a window is the burst model's."""
    revisions = run([window(k, scream=0.9, speech=1.0) for k in range(1, 6)])
    assert {e.detection.task for e in revisions} == {SCREAM}


def test_a_scream_does_not_cut_a_talk_in_two() -> None:
    """While it is heard nobody knows whether people talk: that is not silence."""
    windows = [window(k, scream=0.9 if 10 <= k < 18 else 0.0, speech=None if 10 <= k < 18 else 0.9) for k in range(40)]
    (spoken,) = closed(run(windows), SPEECH)
    assert (spoken.last_frame, spoken.type.windows) == (39 * 31, 40 - 8)
    assert len(closed(run(windows), SCREAM)) == 1


def test_after_a_long_scream_a_talk_is_another_one() -> None:
    windows = [window(k, scream=0.9 if 10 <= k < 30 else 0.0, speech=None if 10 <= k < 30 else 0.9) for k in range(40)]
    first, second = closed(run(windows), SPEECH)
    assert (first.last_frame, second.last_frame) == (9 * 31, 39 * 31)


def test_below_its_on_threshold_a_scream_takes_no_window_from_speech() -> None:
    revisions = run([window(k, scream=0.59, speech=0.9) for k in range(1, 6)])
    assert {e.detection.task for e in revisions} == {SPEECH}


probabilities = st.none() | st.floats(0, 1).map(lambda p: round(p, 4))


@given(heard=st.lists(st.tuples(probabilities, probabilities), max_size=80))
@settings(max_examples=60, deadline=None)
def test_speech_takes_nothing_from_a_scream(heard: list[tuple[float | None, float | None]]) -> None:
    both = [e for e in run(window(k, *one) for k, one in enumerate(heard, 1)) if e.detection.task == SCREAM]
    alone = run([window(k, one[0]) for k, one in enumerate(heard, 1)], LINES[:1])
    assert both == alone


@given(heard=st.lists(st.tuples(probabilities, probabilities), max_size=80), at=st.integers(0, 80))
@settings(max_examples=60, deadline=None)
def test_a_state_that_went_through_a_store_goes_on_the_same(heard: list, at: int) -> None:
    windows = [window(k, *one) for k, one in enumerate(heard, 1)]
    state, before = advance_lines(StreamState(), windows[:at], LINES, INFO)
    state = read_state(msgspec.msgpack.encode(state))
    state, after = advance_lines(state, windows[max(0, at - 3) :], LINES, INFO)  # some come again
    assert [*before, *after, *close_lines(state, LINES, INFO)[1]] == run(windows)


# ---- talk without end


def test_a_talk_without_end_is_told_of_every_half_minute() -> None:
    windows = [window(k, speech=0.9) for k in range(1, 151)]
    spoken = closed(run(windows), SPEECH)
    assert [e.type.windows for e in spoken] == [60, 60, 30]
    assert [e.last_frame for e in spoken] == [60 * 31, 120 * 31, 150 * 31]
    assert [e.onset_frame for e in spoken[1:]] == [60 * 31 + 1, 120 * 31 + 1]  # they do not overlap


def test_a_scream_without_end_is_one() -> None:
    (screamed,) = closed(run([window(k, scream=0.9) for k in range(1, 151)]), SCREAM)
    assert screamed.type.windows == 150


# ---- states that an older release, or other models, left


def test_the_state_of_the_single_line_goes_on_as_the_bursts() -> None:
    """An edge was killed while somebody screamed, and its next start knows of speech too: nothing is lost."""
    windows = [window(k, scream=0.9 if 5 <= k < 15 else 0.0) for k in range(1, 30)]
    rules = LINES[0].rules
    old, before = EpisodeState(), []
    for one in windows[:8]:
        old, made = advance(old, one.of(LINES[0]), rules, INFO)
        before += made
    assert old.open

    state = read_state(msgspec.msgpack.encode(old))
    assert state.sounding
    _, after = advance_lines(state, windows[8:], LINES, INFO)
    assert [*before, *after] == run(windows)
    _, ended = close_lines(state, LINES, INFO)
    assert ended == close(old, rules, INFO)[1]


@pytest.mark.parametrize("data", [b"", b"\xc1", msgspec.msgpack.encode({"lines": 3}), msgspec.msgpack.encode([1])])
def test_a_state_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(StoreError, match="stored state of a stream is not understood"):
        read_state(data)


def test_a_line_that_no_model_makes_any_more_is_kept_until_its_stream_falls_silent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    state, _ = advance_lines(StreamState(), [window(k, speech=0.9) for k in range(1, 6)], LINES, INFO)
    state, revisions = advance_lines(state, [window(6, scream=0.1)], LINES[:1], INFO)
    assert (revisions, state.sounding, state.lines[SPEECH].open) == ((), True, True)
    assert advance_lines(state, [window(7, speech=0.9)], LINES, INFO)[0].lines[SPEECH].sound.windows == 6

    state, revisions = close_lines(state, LINES[:1], INFO)
    assert (revisions, state.sounding) == ((), False)
    assert "no model makes speech-detection any more" in caplog.text


def test_a_type_that_another_model_told_is_not_mixed_with_todays() -> None:
    sound = Sound(
        onset_frame=0,
        last_frame=31,
        windows=2,
        probability=0.9,
        level_db=0.0,
        type_sum=(1.0, 2.0, 3.0),
        type_windows=2,
        revision=1,
        reported_probability=0.9,
        label="cheerful",
    )
    state = StreamState(lines={SCREAM: EpisodeState(last_end=31, sound=sound)})
    _, revisions = advance_lines(state, [window(2, scream=0.9)], LINES, INFO)
    assert [(e.type.label, e.type.windows) for e in revisions] == [("negative", 1)]
    (ended,) = close_lines(state, LINES, INFO)[1]
    assert (ended.episode, ended.type.label, ended.type.windows) == (revisions[0].episode, None, 0)
