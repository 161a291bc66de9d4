from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exclaim.corpora.clip import Clip
from exclaim.corpora.labels import (
    TASKS,
    Counterparts,
    ScreamRule,
    canonical_label,
    counterparts,
    map_label,
    task_labels,
)
from exclaim.corpora.registry import load_corpus
from exclaim.errors import CorpusError


def clip(corpus: str, label: str | None = None, **extra: float | str) -> Clip:
    return Clip(path=Path("x.wav"), corpus=corpus, label=label, extra=extra)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        *(("Anger", "negative"), ("Fear", "negative"), ("Pain", "negative")),
        *(("Triumph", "positive"), ("Ecstasy", "positive"), ("Surprise (Positive)", "positive")),
        *(("Surprise (Negative)", None), ("Amusement", None), ("Distress", None), (None, None)),
    ],
)
def test_scream_type_on_emogator(label: str | None, expected: str | None) -> None:
    assert map_label("scream-type", clip("emogator", label)) == expected


@pytest.mark.parametrize(
    ("score", "expected"),
    [(1.0, "scream"), (0.3, "scream"), (0.299, None), (0.05, None), (0.049, "other"), (0, "other")],
)
def test_the_taggers_score_makes_a_burst_a_scream(score: float, expected: str | None) -> None:
    assert map_label("scream-detection", clip("emogator", "Fear", tagger_screaming=score)) == expected


def test_shouting_and_crying_are_no_screams() -> None:
    loud = clip("emogator", "Anger", tagger_screaming=0.01, tagger_shouting=0.99, tagger_crying=0.99)
    assert map_label("scream-detection", loud) == "other"


def test_without_the_taggers_score_a_burst_has_no_label() -> None:
    assert map_label("scream-detection", clip("emogator", "Fear")) is None


def test_the_rule_is_an_option() -> None:
    rule = ScreamRule(scream_from=0.1, other_below=0.1)
    assert map_label("scream-detection", clip("emogator", "Fear", tagger_screaming=0.1), rule) == "scream"


@pytest.mark.parametrize(
    ("corpus", "label", "expected"),
    [
        *(("deeply", "screaming", "scream"), ("deeply", "moaning", "other"), ("deeply", "crying", "other")),
        *(("esc-10", "Baby cry", "other"), ("librispeech", None, "other"), ("noise", "a new kind", "other")),
        *(("ravdess", "angry", "other"), ("csv", "scream", "scream"), ("csv", "screaming", "scream")),
    ],
)
def test_scream_detection_elsewhere(corpus: str, label: str | None, expected: str) -> None:
    assert map_label("scream-detection", clip(corpus, label)) == expected


@pytest.mark.parametrize(
    ("label", "channel", "sound", "expected"),
    [
        ("fearful", "without words", "16", "scream"),
        ("fearful", "without words", "", "scream"),
        ("fearful", "speech", "", None),  # the paper's task is on sounds without words
        ("happy", "speech", "", None),
        ("happy", "without words", "13", "other"),
        ("sad", "without words", "14", "other"),
        ("breath", "without words", "", "other"),
        ("pain", "without words", "11", "other"),
        ("pain", "without words", "16", None),  # listeners voted pain, who filed it heard a scream
        ("surprised", "without words", "36", None),
    ],
)
def test_asvp_esds_screams_are_the_fearful_ones_without_words(
    label: str, channel: str, sound: str, expected: str | None
) -> None:
    extra = {"channel": channel, "sound": sound} if sound else {"channel": channel}
    assert map_label("scream-detection", clip("asvp-esd", label, **extra)) == expected


@pytest.mark.parametrize("corpus", ["librispeech", "crema-d", "emodb", "savee", "tess"])
@pytest.mark.parametrize("label", [None, "ANG", "surprise"])
def test_a_corpus_of_speech_is_speech_whatever_emotion_is_acted(corpus: str, label: str | None) -> None:
    assert map_label("speech-detection", clip(corpus, label)) == "speech"


@pytest.mark.parametrize(
    ("corpus", "label", "extra", "expected"),
    [
        ("ravdess", "calm", {"part": "speech"}, "speech"),
        ("ravdess", "calm", {"part": "song"}, None),
        ("asvp-esd", "happy", {"channel": "speech"}, "speech"),
        ("asvp-esd", "happy", {"channel": "without words"}, "other"),
        ("emogator", "Neutral", {"tagger_speech": 0.49}, "other"),
        ("emogator", "Neutral", {"tagger_speech": 0.5}, None),
        ("emogator", "Neutral", {}, None),
        ("deeply", "moaning", {}, "other"),
        ("esc-10", "Baby cry", {}, "other"),
        ("vivae", "fear", {}, "other"),
        ("noise", "street", {}, "other"),
        ("noise", "a new kind", {}, "other"),
        ("noise", "cafe", {}, None),
        ("demand", "traffic", {}, "other"),
        ("demand", "cafeteria", {}, None),
        ("csv", "speech", {}, "speech"),
        ("csv", "dog bark", {}, "other"),
        ("csv", "angry", {}, None),  # may be said or screamed
    ],
)
def test_speech_or_not_elsewhere(corpus: str, label: str, extra: dict[str, float | str], expected: str | None) -> None:
    assert map_label("speech-detection", clip(corpus, label, **extra)) == expected


@pytest.mark.parametrize("task", ["scream-type", "scream-type-sorrow"])
def test_vivaes_screams_are_as_the_corpus_divides_them(task: str) -> None:
    emotions = ("achievement", "pleasure", "surprise", "anger", "fear", "pain")
    assert [map_label(task, clip("vivae", emotion)) for emotion in emotions] == ["positive"] * 3 + ["negative"] * 3


def test_what_the_papers_corpora_say_of_other_tasks() -> None:
    emotions = ("achievement", "anger", "fear", "pain", "pleasure", "surprise")
    bursts = [map_label("vocal-burst", clip("vivae", emotion)) for emotion in emotions]
    assert bursts == ["Triumph", "Anger", "Fear", "Pain", None, "Surprise (Positive)"]
    assert map_label("vocal-burst", clip("asvp-esd", "happy", channel="without words")) is None
    assert map_label("scream-type", clip("asvp-esd", "fearful", channel="without words")) is None
    assert map_label("scream-detection", clip("vivae", "fear")) is None
    assert map_label("scream-detection", clip("demand", "station")) == "other"
    assert map_label("scream-type", clip("demand", "bus")) is None


def test_a_clip_already_called_as_the_task_does_keeps_its_label() -> None:
    assert map_label("scream-detection", clip("emogator", "scream")) == "scream"
    assert map_label("scream-type", clip("deeply", "positive")) == "positive"


def test_a_corpus_that_a_task_does_not_speak_of_has_no_labels_there() -> None:
    assert map_label("scream-type", clip("deeply", "screaming")) is None
    assert map_label("speech-emotion", clip("emogator", "Anger")) is None
    assert map_label("vocal-burst", clip("noise", "bus")) is None


def test_speech_emotion_on_ravdess() -> None:
    emotions = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
    labels = [map_label("speech-emotion", clip("ravdess", emotion)) for emotion in emotions]
    assert labels == ["NEU", None, "HAP", "SAD", "ANG", "FEA", "DIS", None]


def test_corpora_of_speech_agree_on_what_an_emotion_is_called() -> None:
    spoken = {"ravdess": "happy", "crema-d": "HAP", "emodb": "happiness", "tess": "happy", "savee": "happiness"}
    assert {map_label("speech-emotion", clip(corpus, label)) for corpus, label in spoken.items()} == {"HAP"}
    assert {map_label("scream-detection", clip(corpus, label)) for corpus, label in spoken.items()} == {"other"}


def test_a_task_that_does_not_know_a_label_of_ones_own_is_not_spoken_of() -> None:
    own = [clip("csv", "growl"), clip("csv", "scream")]
    assert counterparts(own) == {}
    told = counterparts([clip("emogator", "Anger"), clip("emogator", "Awe"), clip("emogator")])["scream-type"]
    assert told == Counterparts(labels={"negative": 1}, without={"(none)": 1, "Awe": 1})


@pytest.mark.parametrize(
    ("task", "text", "expected"),
    [
        *(
            ("scream-type", "Anger", "negative"),
            ("scream-type", "03", "negative"),
            ("scream-type", " PAIN ", "negative"),
        ),
        *(("scream-type", "30", "positive"), ("scream-type", "Awe", None), ("scream-type", "Positive", "positive")),
        *(("scream-detection", "screaming", "scream"), ("scream-detection", "throat_clearing", "other")),
        *(("scream-detection", "Scream", "scream"), ("scream-detection", "dog bark", "other")),
        *(("speech-emotion", "03", "HAP"), ("speech-emotion", "fearful", "FEA"), ("speech-emotion", "ang", "ANG")),
        *(("vocal-burst", "surprise (positive)", "Surprise (Positive)"), ("vocal-burst", "Awe", None)),
    ],
)
def test_a_label_may_be_given_as_the_corpus_names_it(task: str, text: str, expected: str | None) -> None:
    assert canonical_label(task, text) == expected


def test_unknown_labels_and_tasks_are_told_with_the_known_ones() -> None:
    with pytest.raises(CorpusError, match=r"label 'screem' is not known for scream-type; known are negative, positive"):
        canonical_label("scream-type", "screem")
    with pytest.raises(CorpusError, match="task 'screams' is not known; known are scream-detection"):
        task_labels("screams")
    with pytest.raises(CorpusError, match="'31' is not known"):
        canonical_label("scream-type", "31")
    with pytest.raises(CorpusError, match="'growl' is not known"):
        map_label("scream-detection", clip("csv", "growl"))


@settings(max_examples=40, deadline=None)
@given(task=st.sampled_from(sorted(TASKS)), text=st.text("abcdefgnorst ()-_0123٣²", max_size=20))
def test_any_text_gives_a_label_of_the_task_or_none_or_an_error(task: str, text: str) -> None:
    try:
        label = canonical_label(task, text)
    except CorpusError:
        return
    assert label is None or label in TASKS[task]


@pytest.mark.data
def test_the_labels_of_the_development_corpora(data_root: Path) -> None:
    emogator = load_corpus("emogator", data_root)
    assert Counter(map_label("scream-type", c) for c in emogator)["negative"] == 3 * 858
    assert Counter(map_label("scream-detection", c) for c in emogator)["scream"] == 78
    assert len({map_label("vocal-burst", c) for c in emogator} - {None}) == 10
    assert Counter(map_label("scream-detection", c) for c in load_corpus("deeply", data_root)) == {
        "scream": 37,
        "other": 184,
    }
