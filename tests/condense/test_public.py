"""Public clips in the sources' place: labelled as a teacher hears them, and nothing of the sources but its answers."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from exclaim.condense.public import Public, as_heard, most_of_each
from exclaim.condense.recipe import load_condense_recipe
from exclaim.errors import RecipeError


def test_every_label_has_windows_though_one_is_heard_mostly() -> None:
    answers = np.random.default_rng(0).normal(size=(90, 3)) + np.array([5.0, 0, -5])
    labels = most_of_each(answers)
    assert labels.dtype == np.int64
    assert np.bincount(labels, minlength=3).min() > 15
    first = int(answers[:, 2].argmax())
    assert labels[first] == 2


def test_answers_that_never_differ_do_no_harm() -> None:
    assert (most_of_each(np.zeros((4, 3))) == 0).all()


def test_windows_are_as_the_teacher_hears_them() -> None:
    class Listener:
        def labels(self, windows: np.ndarray, temperature: float) -> np.ndarray:
            loud = windows.mean(axis=(1, 2)) > 0
            return np.where(loud[:, None], [[0.9, 0.1]], [[0.2, 0.8]]).astype(np.float32)

    windows = np.repeat(np.array([[[200]], [[10]], [[240]]], np.uint8), 4, axis=1)
    heard = as_heard(Public(windows, ("a", "b", "a"), "ab" * 32, {"librispeech": "CC-BY-4.0"}), Listener())
    assert heard.labels.tolist() == [0, 1, 0]
    assert heard.speakers == ("a", "b", "a")
    assert heard.data == "ab" * 32
    np.testing.assert_array_equal(heard.windows, windows)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"public": ["librispeech"]}, "name a teacher"),
        ({"public": ["librispeech"], "teacher": "t.yaml"}, "soft_labels: teacher"),
        ({"public": ["crema-d-logmel"], "teacher": "t.yaml", "soft_labels": "teacher"}, "both source and public"),
        (
            {
                "public": ["librispeech"],
                "teacher": "t.yaml",
                "soft_labels": "teacher",
                "method": {"name": "distribution-matching", "trained": 0.5},
            },
            "experts learn from the sources",
        ),
    ],
)
def test_what_would_let_the_sources_in_is_refused(change: dict, said: str, make_recipe: Callable[..., Path]) -> None:
    method = change.pop("method", {"name": "distribution-matching"})
    with pytest.raises(RecipeError, match=said):
        load_condense_recipe(make_recipe(method, **change))
