"""DD-Ranking's scores, against values worked out by hand from the definitions of arXiv 2505.13300."""

import numpy as np
import pytest

from exclaim.evaluate.dd_ranking import augmentation_robust_score, label_robust_score

E = 2.718281828459045


def test_the_scale_goes_from_all_lost_to_all_won() -> None:
    assert label_robust_score(1.0, 0.0, 0.0, 1.0) == pytest.approx(0)
    assert label_robust_score(0.0, 1.0, 1.0, 0.0) == pytest.approx(100)
    assert label_robust_score(0.6, 0.6, 0.4, 0.4) == pytest.approx(100 * (1 - 1 / E) / (E - 1 / E))


def test_golden_values() -> None:
    """Gains of -0.075 (0.5 x 0.05 - 0.5 x 0.2) and of 0.065 (0.5 x 0.05 + 0.5 x 0.08)."""
    assert label_robust_score(0.5, 0.3, 0.40, 0.35) == pytest.approx(23.8199, abs=1e-4)
    assert augmentation_robust_score(0.40, 0.35, 0.30, 0.22) == pytest.approx(29.7515, abs=1e-4)


def test_the_weight_moves_between_both_aspects() -> None:
    alone = label_robust_score(0.9, 0.1, 0.40, 0.35, weight=1.0)
    assert alone == pytest.approx(100 * (E**0.05 - 1 / E) / (E - 1 / E))
    assert augmentation_robust_score(0.5, 0.4, 0.9, 0.1, weight=1.0) == pytest.approx(
        100 * (E**0.1 - 1 / E) / (E - 1 / E)
    )


def test_draws_are_scored_one_by_one() -> None:
    low, high = np.array([0.3, 0.4]), np.array([0.35, 0.35])
    found = augmentation_robust_score(low, high, low, high)
    assert found.tolist() == pytest.approx(
        [augmentation_robust_score(float(a), float(b), float(a), float(b)) for a, b in zip(low, high, strict=True)]
    )
