"""The likelihood ratio, against a closed form, where there is much to find, and where there is nothing."""

import numpy as np
import pytest
from scipy.stats import norm

from exclaim.privacy.halves import balanced_halves
from exclaim.privacy.lira import deviations, likelihood_ratios, logit_confidence
from exclaim.privacy.roc import attack_figures

CLIPS, SHADOWS = 400, 16
SPEAKERS = [f"speaker {number % 40}" for number in range(CLIPS)]


def halves(clips: int = CLIPS, shadows: int = SHADOWS) -> np.ndarray:
    return balanced_halves(np.arange(clips), np.zeros(clips, int), shadows, 0)


def test_confidence_is_the_logit_of_the_labels_probability() -> None:
    logits = np.random.default_rng(0).normal(size=(50, 6)) * 3
    labels = np.arange(50) % 6
    probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    own = probability[np.arange(50), labels]
    np.testing.assert_allclose(logit_confidence(logits, labels), np.log(own / (1 - own)), rtol=1e-9)


def test_confidence_stays_a_number_where_the_probability_is_one_or_nothing() -> None:
    logits = np.array([[900.0, 0.0, 0.0], [-900.0, 0.0, 0.0]])
    found = logit_confidence(logits, np.array([0, 0]))
    np.testing.assert_allclose(found, [900 - np.log(2), -900 - np.log(2)])


@pytest.mark.parametrize("shared", [True, False])
def test_the_ratio_is_that_of_two_gaussians(shared: bool) -> None:
    inside = halves(20, 8)
    confidence = np.random.default_rng(1).normal(size=(8, 20)) + inside
    found = likelihood_ratios(confidence, inside, shared)
    target, clip = 5, 7
    others = [number for number in range(8) if number not in (4, 5)]
    told = []
    for side in (True, False):
        residuals = []
        for column in range(20):
            values = [confidence[n, column] for n in others if inside[n, column] == side]
            assert len(values) == 3
            residuals.append(np.var(values, ddof=1))
            if column == clip:
                mean, variance = np.mean(values), np.var(values, ddof=1)
        deviation = np.sqrt(np.mean(residuals) if shared else variance)
        told.append(norm.logpdf(confidence[target, clip], mean, deviation))
    assert found[target, clip] == pytest.approx(told[0] - told[1])


def test_overfitted_members_are_found() -> None:
    """Each clip has its own difficulty, larger than what membership adds: only the ratio sees through it."""
    rng = np.random.default_rng(2)
    inside = halves()
    confidence = 5 * rng.normal(size=CLIPS) + 1.5 * inside + 0.5 * rng.normal(size=inside.shape)
    found = attack_figures(likelihood_ratios(confidence, inside), inside, SPEAKERS)
    plain = attack_figures(confidence, inside, SPEAKERS)
    assert found["auc"].value > 0.95
    assert found["true_positives_at_1"].value > 0.5
    assert found["true_positives_at_1"].low > 0.3
    assert plain["true_positives_at_1"].value < 0.1


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("seed", [3, 4])
def test_answers_that_know_nothing_of_membership_reach_chance(shared: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    inside = halves()
    confidence = 5 * rng.normal(size=CLIPS) + rng.normal(size=inside.shape)
    found = attack_figures(likelihood_ratios(confidence, inside, shared), inside, SPEAKERS)
    for figure in found.values():
        assert figure.low <= figure.chance <= figure.high
    assert found["auc"].value == pytest.approx(0.5, abs=0.02)
    assert found["true_positives_at_1"].high < 0.03


def test_a_few_chosen_clips_are_found_without_answers_in() -> None:
    rng = np.random.default_rng(5)
    chosen = np.zeros((SHADOWS, CLIPS), bool)
    for row in chosen:
        row[rng.choice(CLIPS, 10, replace=False)] = True
    confidence = 5 * rng.normal(size=CLIPS) + 4 * chosen + rng.normal(size=chosen.shape)
    found = attack_figures(deviations(confidence, chosen), chosen, SPEAKERS)
    assert found["auc"].value > 0.95
    nothing = attack_figures(deviations(confidence - 4 * chosen, chosen), chosen, SPEAKERS)
    assert nothing["auc"].low <= 0.5 <= nothing["auc"].high


def test_answers_that_never_differ_tell_nothing() -> None:
    inside = halves(20, 6)
    scores = likelihood_ratios(np.ones((6, 20)), inside)
    assert (scores == 0).all()
    figures = attack_figures(scores, inside, SPEAKERS[:20])
    assert figures["auc"].value == 0.5
    assert figures["true_positives_at_1"].value == 0, "all are equal: a threshold passes all or none"
