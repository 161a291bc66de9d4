"""Metrics agree with scikit-learn, and with closed forms where it has none."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exclaim.evaluate import metrics

sklearn_metrics = pytest.importorskip("sklearn.metrics", reason="the oracle; extra `learn`")


def drawn(seed: int, n: int, classes: int, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(classes), n)
    if ties:
        probabilities = np.round(probabilities, 1) + 1e-9
        probabilities /= probabilities.sum(axis=1, keepdims=True)
    return rng.integers(classes, size=n), probabilities


@pytest.mark.parametrize("classes", [2, 3, 6])
@given(seed=st.integers(0, 2**32), n=st.integers(2, 60))
@settings(max_examples=25, deadline=None)
def test_answers_are_judged_as_scikit_learn_does(classes, seed, n):
    truth, probabilities = drawn(seed, n, classes)
    answers = probabilities.argmax(axis=1)
    assert metrics.accuracy(truth, answers) == pytest.approx(sklearn_metrics.accuracy_score(truth, answers))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of classes that are not there
        balanced = sklearn_metrics.balanced_accuracy_score(truth, answers)
    assert metrics.uar(truth, answers, classes) == pytest.approx(balanced)
    f1 = sklearn_metrics.f1_score(truth, answers, average="macro", zero_division=0)
    assert metrics.macro_f1(truth, answers, classes) == pytest.approx(f1)
    matrix = sklearn_metrics.confusion_matrix(truth, answers, labels=range(classes))
    np.testing.assert_array_equal(metrics.confusion(truth, answers, classes), matrix)


@given(seed=st.integers(0, 2**32), n=st.integers(2, 80), ties=st.booleans())
@settings(max_examples=50, deadline=None)
def test_auroc_is_scikit_learns_with_ties_too(seed, n, ties):
    truth, probabilities = drawn(seed, n, 2, ties)
    found = metrics.macro_auroc(truth, probabilities)
    if len(set(truth)) < 2:
        assert math.isnan(found)
    else:
        assert found == pytest.approx(sklearn_metrics.roc_auc_score(truth, probabilities[:, 1]))


def test_auroc_of_several_classes_is_the_mean_of_each_against_the_rest():
    truth, probabilities = drawn(3, 200, 4)
    expected = sklearn_metrics.roc_auc_score(truth, probabilities, multi_class="ovr", average="macro")
    assert metrics.macro_auroc(truth, probabilities) == pytest.approx(expected)
    there = truth != 2  # scikit-learn refuses when one is missing; we take the mean of the others
    areas = [sklearn_metrics.roc_auc_score(truth[there] == k, probabilities[there, k]) for k in (0, 1, 3)]
    assert metrics.macro_auroc(truth[there], probabilities[there]) == pytest.approx(np.mean(areas))


def test_brier_is_scikit_learns():
    truth, probabilities = drawn(5, 100, 2)
    expected = sklearn_metrics.brier_score_loss(truth, probabilities[:, 1])
    assert metrics.brier(truth, probabilities) == pytest.approx(expected)


def test_recall_of_a_class_that_is_not_there_is_not_a_number():
    np.testing.assert_array_equal(metrics.recalls(np.array([0, 0]), np.array([0, 1]), 3), [0.5, np.nan, np.nan])


def test_nothing_gives_no_numbers():
    none, probabilities = np.empty(0, int), np.empty((0, 2))
    for value in (
        metrics.accuracy(none, none),
        metrics.uar(none, none, 2),
        metrics.macro_f1(none, none, 2),
        metrics.macro_auroc(none, probabilities),
        metrics.ece(none, probabilities),
        metrics.ece_debiased(none, probabilities),
        metrics.brier(none, probabilities),
        metrics.aurc(none.astype(bool), none),
    ):
        assert math.isnan(value)


def test_ece_by_hand():
    # 0.9 twice, one right: gap 0.4; 0.6 twice, both right: gap 0.4; 1.0 once, right: gap 0
    probabilities = np.array([[0.9, 0.1], [0.1, 0.9], [0.6, 0.4], [0.4, 0.6], [1.0, 0.0]])
    truth = np.array([0, 0, 0, 1, 0])
    assert metrics.ece(truth, probabilities) == pytest.approx((2 * 0.4 + 2 * 0.4) / 5)


def calibrated(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.uniform(size=n)
    return (rng.uniform(size=n) < p).astype(int), np.stack([1 - p, p], axis=1)


def test_debiasing_takes_away_a_part_of_what_chance_adds():
    plain = [metrics.ece(*calibrated(seed, 100)) for seed in range(200)]
    debiased = [metrics.ece_debiased(*calibrated(seed, 100)) for seed in range(200)]
    assert np.mean(debiased) < 0.7 * np.mean(plain)


def test_debiasing_keeps_what_is_really_wrong():
    truth, probabilities = calibrated(1, 20_000)
    wrong = np.where(truth[:, None] == 9, probabilities, probabilities**3)
    wrong /= wrong.sum(axis=1, keepdims=True)
    assert metrics.ece_debiased(truth, wrong) == pytest.approx(metrics.ece(truth, wrong), rel=0.05)


def test_debiasing_is_the_limit_of_resampling():
    """The closed form against Kumar et al.'s own procedure: resample each bin's accuracy, take off the
    mean excess.
    """
    truth, probabilities = calibrated(2, 400)
    counts, confidence, right = metrics._bins(truth, probabilities, 15)
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(40_000, len(counts))) * np.sqrt(right * (1 - right) / counts)
    resampled = np.mean(np.sum(counts * np.abs(confidence - right - noise), axis=1) / 400)
    plain = metrics.ece(truth, probabilities)
    assert metrics.ece_debiased(truth, probabilities) == pytest.approx(max(0, 2 * plain - resampled), abs=2e-4)


def test_risk_and_coverage_by_hand():
    right = np.array([True, False, True, True])
    coverage, risk = metrics.risk_coverage(right, np.array([0.9, 0.6, 0.8, 0.6]))
    np.testing.assert_allclose(coverage, [0.25, 0.5, 1.0])
    np.testing.assert_allclose(risk, [0, 0, 0.25])
    assert metrics.aurc(right, np.array([0.9, 0.6, 0.8, 0.6])) == pytest.approx(0.5 * 0.25)


@given(seed=st.integers(0, 2**32), n=st.integers(1, 50))
@settings(deadline=None)
def test_full_coverage_has_the_risk_of_all_answers(seed, n):
    truth, probabilities = drawn(seed, n, 3, ties=True)
    right = probabilities.argmax(axis=1) == truth
    coverage, risk = metrics.risk_coverage(right, probabilities.max(axis=1))
    assert coverage[-1] == 1
    assert risk[-1] == pytest.approx(1 - metrics.accuracy(truth, probabilities.argmax(axis=1)))
    assert (np.diff(coverage) > 0).all()


@pytest.mark.parametrize("ties", [False, True])
@given(seed=st.integers(0, 2**32), n=st.integers(2, 60))
@settings(max_examples=40, deadline=None)
def test_average_precision_is_scikit_learns(ties, seed, n):
    truth, probabilities = drawn(seed, n, 3, ties)
    each = [
        sklearn_metrics.average_precision_score(truth == label, probabilities[:, label])
        for label in range(3)
        if (truth == label).any()
    ]
    for label in set(truth.tolist()):
        found = metrics.average_precision(truth == label, probabilities[:, label])
        expected = sklearn_metrics.average_precision_score(truth == label, probabilities[:, label])
        assert found == pytest.approx(expected)
    assert metrics.macro_average_precision(truth, probabilities) == pytest.approx(np.mean(each))


def test_of_two_classes_the_average_precision_is_the_seconds():
    truth, probabilities = drawn(5, 30, 2)
    expected = sklearn_metrics.average_precision_score(truth == 1, probabilities[:, 1])
    assert metrics.macro_average_precision(truth, probabilities) == pytest.approx(expected)


def test_without_a_positive_there_is_no_average_precision():
    assert math.isnan(metrics.average_precision(np.zeros(3, bool), np.arange(3)))
    assert math.isnan(metrics.macro_average_precision(np.zeros(0, int), np.zeros((0, 2))))


@pytest.mark.parametrize("n", [1, 2, 3, 10, 30, 90, 110])
def test_the_surest_are_as_many_as_asked(n):
    confidence = np.random.default_rng(n).permutation(n)
    stands = metrics.surest(confidence, 0.7)
    assert stands.sum() == -(-7 * n // 10)
    assert not (~stands).any() or confidence[stands].min() > confidence[~stands].max()


def test_the_surest_do_not_depend_on_the_order_of_equals():
    np.testing.assert_array_equal(metrics.surest(np.array([0.9, 0.5, 0.5, 0.5, 0.1]), 0.4), [1, 1, 1, 1, 0])
    assert metrics.surest(np.zeros(0), 0.7).shape == (0,)


@given(seed=st.integers(0, 2**32), n=st.integers(1, 50))
@settings(deadline=None)
def test_the_surest_have_the_risk_of_the_curve(seed, n):
    truth, probabilities = drawn(seed, n, 3, ties=True)
    right, confidence = probabilities.argmax(axis=1) == truth, probabilities.max(axis=1)
    coverage, risk = metrics.risk_coverage(right, confidence)
    stands = metrics.surest(confidence, 0.7)
    place = int(np.argmax(coverage >= 0.7 - 1e-9))
    assert stands.mean() == pytest.approx(coverage[place])
    assert np.mean(~right[stands]) == pytest.approx(risk[place])
