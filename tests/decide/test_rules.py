from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from exclaim.decide.rules import CALLS, decide, heard, is_late, is_test

NOW = datetime(2025, 3, 1, 1, 0, tzinfo=UTC)


def test_negative_alerts_and_says_why(episode_of):
    decision = decide(episode_of("negative"), "care")
    assert (decision.severity, decision.call) == ("alert", "health care")
    assert decision.reasons == ("scream 0.93 over threshold 0.70", "negative 0.81", "profile care → health care")


@pytest.mark.parametrize(("profile", "call"), [("home", "health care"), ("care", "health care"), ("metro", "police")])
def test_the_profile_says_who_is_called(episode_of, profile, call):
    assert decide(episode_of("negative"), profile).call == call


def test_positive_is_recorded_and_calls_nobody(episode_of):
    decision = decide(episode_of("positive"), "metro")
    assert (decision.severity, decision.call) == ("record", None)
    assert "nobody is called" in decision.reasons[-1]


@pytest.mark.parametrize(
    ("label", "typed", "why"),
    [
        (None, True, "type unsure: negative 0.81, positive 0.19"),
        ("ignored", False, "no model here tells negative from positive"),
        ("surprised", True, "the rules know no type 'surprised'"),
    ],
)
def test_what_is_not_understood_goes_to_a_person(episode_of, label, typed, why):
    decision = decide(episode_of(label, typed=typed), "care")
    assert (decision.severity, decision.call) == ("review", "health care")
    assert why in decision.reasons


def speech(episode, label):
    """The same episode, had the speech model heard it."""
    emotions = dict.fromkeys(("DIS", "FEA", "HAP", "NEU", "SAD"), 0.02) | {"ANG": 0.9}
    return replace(
        episode,
        detection=replace(episode.detection, task="speech-detection"),
        type=replace(episode.type, task="speech-emotion", label=label, probabilities=emotions),
    )


@pytest.mark.parametrize("profile", sorted(CALLS))
@pytest.mark.parametrize("label", ["ANG", "DIS", "FEA", "HAP", "NEU", "SAD", None, "negative", "a label of tomorrow"])
def test_speech_is_recorded_and_calls_nobody_whatever_its_emotion(episode_of, label, profile):
    decision = decide(speech(episode_of(), label), profile)
    assert (decision.severity, decision.call) == ("record", None)
    assert decision.reasons[0] == "speech 0.93 over threshold 0.70"
    assert decision.reasons[-1] == "speech is recorded whatever its type, nobody is called"


def test_speech_without_an_emotion_model_is_recorded_too(episode_of):
    unnamed = replace(speech(episode_of(), "ANG"), type=None)
    assert decide(unnamed, "metro").severity == "record"
    assert heard(unnamed) == "speech, type not known"


def test_emotions_have_names_for_people(episode_of):
    assert heard(speech(episode_of(), "ANG")) == "speech, anger"
    assert heard(speech(episode_of(), None)) == "speech, emotion unsure"
    assert decide(speech(episode_of(), "ANG"), "home").reasons[1] == "anger 0.90"


def test_what_was_heard_in_words(episode_of):
    assert heard(episode_of("negative")) == "scream, negative"
    assert heard(episode_of(None)) == "scream, type unsure"
    assert heard(episode_of(typed=False)) == "scream, type not known"


def test_late_is_more_than_the_limit_ago():
    assert not is_late(NOW - timedelta(seconds=900), NOW, 900)
    assert is_late(NOW - timedelta(seconds=900.001), NOW, 900)
    assert not is_late(NOW + timedelta(hours=1), NOW, 900)  # a clock that is ahead must not silence anything


def test_only_the_origin_makes_a_test(episode_of):
    assert is_test(episode_of(origin="test"))
    assert not is_test(episode_of(origin="synthesised"))
