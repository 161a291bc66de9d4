"""The head on frozen vectors: it is the regression, others choose its strength, and nobody is told their own label."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from exclaim.evaluate.metrics import uar
from exclaim.learn.calibrate import softmax
from exclaim.learn.embeddings import head as module
from exclaim.learn.embeddings.head import Labelled, fit_head, head_logits, out_of_fold


def people(
    speakers: int, labels: int = 3, apart: float = 2.0, width: int = 6, seed: int = 0, clips: int = 6
) -> Labelled:
    """Return clips whose label moves one number, in units of the scatter, at other scales and places."""
    rng = np.random.default_rng(seed)
    chosen = np.arange(speakers * clips) % labels
    vectors = rng.standard_normal((len(chosen), width))
    vectors[np.arange(len(chosen)), chosen] += apart
    scale = 10.0 ** (np.arange(width) % 6)
    return Labelled(
        (vectors * scale + 5 * scale).astype(np.float32),
        chosen,
        np.repeat([f"speaker {seed}.{number}" for number in range(speakers)], clips),
    )


@pytest.mark.parametrize("labels", [2, 3])
def test_it_is_the_logistic_regression_along_principal_axes(labels):
    training = people(30, labels)
    fitted = fit_head(training, people(10, labels, seed=1), labels)
    mean, deviation = training.vectors.mean(0), training.vectors.std(0)
    principal = PCA().fit((training.vectors - mean) / deviation)

    def seen(vectors: np.ndarray) -> np.ndarray:
        return principal.transform((vectors - mean) / deviation) / principal.explained_variance_**0.25

    oracle = LogisticRegression(C=fitted.strength).fit(seen(training.vectors), training.labels)
    other = people(5, labels, seed=2).vectors
    assert softmax(head_logits(fitted, other)) == pytest.approx(oracle.predict_proba(seen(other)), abs=2e-3)


def test_it_learns_what_the_people_it_never_heard_do():
    fitted = fit_head(people(60), people(20, seed=1), 3)
    other = people(20, seed=2)
    assert uar(other.labels, head_logits(fitted, other.vectors).argmax(1), 3) > 0.75


def test_where_nothing_can_be_learnt_the_head_says_so():
    training, validation = people(20, apart=0.0, width=60), people(20, apart=0.0, width=60, seed=1)
    fitted = fit_head(training, validation, 3)
    assert fitted.strength < 0.01
    answers = softmax(head_logits(fitted, validation.vectors), fitted.temperature)
    assert answers.max() < 0.5


def test_with_many_speakers_a_weaker_penalty_is_chosen():
    fitted = fit_head(people(200, apart=3.0), people(60, apart=3.0, seed=1), 3)
    assert fitted.strength > module._STRENGTHS[0]


def test_a_label_that_nobody_gave_is_never_answered():
    training = people(20, labels=2)
    fitted = fit_head(Labelled(training.vectors, 2 * training.labels, training.speakers), people(5, 2, seed=1), 4)
    answers = softmax(head_logits(fitted, training.vectors))
    assert answers.shape == (120, 4)
    assert answers[:, [1, 3]].max() < 1e-9
    assert uar(2 * training.labels, answers.argmax(1), 4) > 0.8


def test_a_number_that_never_moves_is_not_blown_up():
    training = people(20)
    training.vectors[:, 5] = 1.0
    fitted = fit_head(training, people(5, seed=1), 3)
    assert np.isfinite(head_logits(fitted, training.vectors)).all()


def test_no_soft_label_depends_on_a_label_of_its_own_speaker():
    training = people(10)
    fitted = fit_head(training, people(5, seed=1), 3)
    before = out_of_fold(training, fitted)
    own = training.speakers == "speaker 0.4"
    lied = np.where(own, (training.labels + 1) % 3, training.labels)
    after = out_of_fold(training._replace(labels=lied), fitted)
    assert np.array_equal(before[own], after[own])
    assert np.abs(before[~own] - after[~own]).max() > 1e-3
    assert before.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_two_speakers_make_two_folds():
    training = people(2, clips=30)
    fitted = fit_head(training, people(5, seed=1), 3)
    assert out_of_fold(training, fitted).shape == (60, 3)
