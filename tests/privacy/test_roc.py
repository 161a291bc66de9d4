"""Figures of scores, against scikit-learn, and what their intervals are over."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from exclaim.privacy.roc import attack_figures, roc, thinned

RNG = np.random.default_rng(0)
MEMBERS = RNG.random((4, 300)) < 0.5
SCORES = np.round(MEMBERS + RNG.normal(size=MEMBERS.shape), 1)  # rounded, so that some are equal
SPEAKERS = [f"speaker {number // 10}" for number in range(300)]


def test_curve_and_figures_are_scikit_learns() -> None:
    curve = roc(SCORES.ravel(), MEMBERS.ravel())
    false, true, _ = roc_curve(MEMBERS.ravel(), SCORES.ravel(), drop_intermediate=False)
    np.testing.assert_allclose(curve.false_positives, false)
    np.testing.assert_allclose(curve.true_positives, true)
    found = attack_figures(SCORES, MEMBERS, SPEAKERS)
    assert found["auc"].value == pytest.approx(roc_auc_score(MEMBERS.ravel(), SCORES.ravel()))
    for name, level in (("true_positives_at_1", 0.01), ("true_positives_at_0.1", 0.001)):
        assert found[name].value == pytest.approx(true[false <= level].max())
        assert found[name].chance == level
        assert found[name].low <= found[name].value <= found[name].high


def test_people_are_drawn_whole() -> None:
    """A speaker whose clips are all alike is one observation, however many clips there are."""
    scores = np.repeat(RNG.normal(size=(4, 30)), 10, axis=1)
    members = np.repeat(RNG.random((4, 30)) < 0.5, 10, axis=1)
    apart = [f"clip {number}" for number in range(300)]
    wide, narrow = (attack_figures(scores, members, names)["auc"] for names in (SPEAKERS, apart))
    assert wide.high - wide.low > 1.2 * (narrow.high - narrow.low)


def test_shadows_are_drawn_too() -> None:
    """Where shadows differ, many clips do not make the interval narrow."""
    members = RNG.random((8, 2000)) < 0.5
    shift = np.array([3, 3, 0, 0, 0, 0, 0, 0])[:, np.newaxis]
    found = attack_figures(members * shift + RNG.normal(size=members.shape), members, [str(n) for n in range(2000)])
    assert found["auc"].high - found["auc"].low > 0.1


def test_what_does_not_count_is_left_out() -> None:
    scores = np.concatenate([SCORES, np.full((4, 5), np.nan)], axis=1)
    members = np.concatenate([MEMBERS, np.ones((4, 5), bool)], axis=1)
    with_nothing = attack_figures(scores, members, [*SPEAKERS, *"abcde"])
    assert with_nothing["auc"].value == attack_figures(SCORES, MEMBERS, SPEAKERS)["auc"].value


def test_one_speaker_or_one_pair_has_no_interval() -> None:
    assert attack_figures(SCORES, MEMBERS, ["one"] * 300)["auc"].high is None
    assert attack_figures(SCORES[:2], MEMBERS[:2], SPEAKERS)["auc"].low is None


def test_a_thinned_curve_lies_on_the_curve() -> None:
    curve = roc(RNG.normal(size=5000), RNG.random(5000) < 0.5)
    few = thinned(curve, 50)
    assert len(few.false_positives) <= 52
    assert (few.false_positives[0], few.true_positives[0]) == (
        0,
        curve.true_positives[curve.false_positives == 0].max(),
    )
    assert (few.false_positives[-1], few.true_positives[-1]) == (1, 1)
    points = set(zip(curve.false_positives, curve.true_positives, strict=True))
    assert set(zip(few.false_positives, few.true_positives, strict=True)) <= points
