import numpy as np
import pytest

from exclaim.errors import RecipeError
from exclaim.learn.calibrate import (
    abstain_below,
    detection_thresholds,
    softmax,
    temperature,
    threshold_for_false_alarms,
)


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_scaled_the_logits_is_found_again(true_temperature: float) -> None:
    rng = np.random.default_rng(0)
    honest = rng.normal(0, 2, (20_000, 3))
    labels = np.array([rng.choice(3, p=p) for p in softmax(honest)])
    assert temperature(honest * true_temperature, labels) == pytest.approx(true_temperature, rel=0.05)


def test_thresholds_lie_between_what_can_be_told_apart() -> None:
    on, off = detection_thresholds(np.array([0.1, 0.2, 0.3, 0.7, 0.8]), np.array([0, 0, 0, 1, 1], bool))
    assert 0.3 < on < 0.7
    assert 0 < off < on


def test_the_threshold_has_the_best_balanced_accuracy() -> None:
    rng = np.random.default_rng(1)
    positive = rng.random(400) < 0.1
    probabilities = np.clip(rng.normal(0.35 + 0.25 * positive, 0.15), 0, 1)
    on, _ = detection_thresholds(probabilities, positive)

    def balanced(threshold: float) -> float:
        answers = probabilities >= threshold
        return (answers[positive].mean() + (~answers[~positive]).mean()) / 2

    assert balanced(on) == pytest.approx(max(balanced(t) for t in np.linspace(0, 1, 2001)), abs=1e-9)


def test_abstention_leaves_the_coverage_asked_for() -> None:
    probabilities = softmax(np.random.default_rng(2).normal(0, 2, (1000, 2)))
    below = abstain_below(probabilities, 0.7)
    assert (probabilities.max(axis=1) >= below).mean() == pytest.approx(0.7, abs=0.01)


@pytest.mark.parametrize(
    ("budget", "on"),
    [(100, 0.1), (10, 0.3), (1.5, 0.4), (1, 0.7), (0, 0.9)],  # at .4 there is 1 an hour, but at .5 are 1.5
)
def test_the_lowest_threshold_that_stays_within_a_budget_of_false_alarms(budget: float, on: float) -> None:
    thresholds = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9])
    false_alarms = np.array([90, 40, 9, 2, 3, 1, 0])
    assert threshold_for_false_alarms(thresholds, false_alarms, 2.0, budget) == (on, pytest.approx(0.6 * on))


def test_a_budget_that_no_threshold_keeps_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"no threshold up to 0\.9 keeps 1 false alarms an hour \(4 in 2 h there\)"):
        threshold_for_false_alarms(np.array([0.5, 0.9]), np.array([9, 4]), 2.0, 1.0)
