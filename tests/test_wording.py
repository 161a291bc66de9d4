from exclaim.corpora.labels import task_labels
from exclaim.wording import in_words


def test_the_six_emotions_have_names_for_people() -> None:
    names = [in_words(label) for label in task_labels("speech-emotion")]
    assert names == ["anger", "disgust", "fear", "happiness", "neutral", "sadness"]


def test_a_label_that_is_a_word_stays() -> None:
    assert [in_words(label) for label in ("negative", "Surprise (Positive)")] == ["negative", "Surprise (Positive)"]
