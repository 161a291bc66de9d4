"""All draws at once: the same figures, on the same draws, as one draw after the other."""

import numpy as np
import pytest

from exclaim.evaluate import metrics, resamples
from exclaim.evaluate.bootstrap import intervals, percentile_interval
from exclaim.evaluate.resamples import FIGURES, cluster_weights, resampled, weighted_figures


def answered(classes: int, n: int = 120, seed: int = 0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(classes, size=n)
    logits = rng.normal(size=(n, classes)) + 1.5 * np.eye(classes)[truth]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return truth, probabilities.argmax(axis=1), np.round(probabilities, 2), [f"speaker-{i % 11}" for i in range(n)]


def one_by_one(truth, answers, probabilities):
    """Return the statistic of the plain metrics."""
    classes = probabilities.shape[1]

    def statistic(chosen: np.ndarray) -> dict[str, float]:
        t, a, p = truth[chosen], answers[chosen], probabilities[chosen]
        return {
            "accuracy": metrics.accuracy(t, a),
            "uar": metrics.uar(t, a, classes),
            "macro_f1": metrics.macro_f1(t, a, classes),
            "auroc": metrics.macro_auroc(t, p),
            "ece": metrics.ece(t, p),
            "ece_debiased": metrics.ece_debiased(t, p),
            "brier": metrics.brier(t, p),
        }

    return statistic


@pytest.mark.parametrize("classes", [2, 5])
def test_a_clip_that_counts_thrice_is_a_clip_that_is_there_thrice(classes):
    truth, answers, probabilities, _ = answered(classes)
    weights = np.random.default_rng(1).integers(4, size=(7, len(truth))).astype(float)
    found = weighted_figures(truth, answers, probabilities, weights)
    statistic = one_by_one(truth, answers, probabilities)
    for draw in range(7):
        expected = statistic(np.repeat(np.arange(len(truth)), weights[draw].astype(int)))
        assert {name: found[name][draw] for name in FIGURES} == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("classes", [2, 4])
def test_the_draws_are_the_bootstraps(classes, monkeypatch):
    monkeypatch.setattr(resamples, "_CELLS", 1000)  # several blocks
    truth, answers, probabilities, clusters = answered(classes)
    expected = intervals(one_by_one(truth, answers, probabilities), clusters, seed=3, draws=50)
    spread = resampled(truth, answers, probabilities, clusters, seed=3, draws=50)
    whole = weighted_figures(truth, answers, probabilities)
    for name in FIGURES:
        assert percentile_interval(spread[name], whole[name][0], 0.95) == pytest.approx(expected[name], abs=1e-12)


def test_every_draw_has_whole_speakers():
    clusters = ["a", "b", "a", "c", "b", "a"]
    weights = np.concatenate(list(cluster_weights(clusters, seed=0, draws=40)))
    assert weights.shape == (40, 6)
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, 0] == weights[:, 5]).all()
    assert (weights[:, 0] + weights[:, 1] + weights[:, 3] == 3).all()


def test_a_draw_of_one_label_has_no_area():
    truth, probabilities = np.array([0, 1]), np.array([[0.6, 0.4], [0.3, 0.7]])
    found = weighted_figures(truth, truth, probabilities, np.array([[2.0, 0.0], [1.0, 1.0]]))
    assert np.isnan(found["auroc"][0])
    assert found["auroc"][1] == 1
    assert found["uar"].tolist() == [1, 1]
