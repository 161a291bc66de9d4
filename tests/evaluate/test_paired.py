"""Two models on the same clips: closed forms, coverage, and McNemar's test beside scipy's."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score

from exclaim.evaluate.bootstrap import difference_intervals
from exclaim.evaluate.metrics import accuracy
from exclaim.evaluate.paired import agreement, flips, kl_divergence, mcnemar, paired_difference, spread


def spoken(right: np.ndarray, sure: float = 0.8) -> np.ndarray:
    """Return probabilities of two classes that are right where they should be; the truth is class 1."""
    hit = np.where(right, sure, 1 - sure)
    return np.stack([1 - hit, hit], axis=-1)


def voices(n: int, clips: int = 4) -> list[str]:
    return [str(i // clips) for i in range(n)]


def test_one_seed_a_side_gives_the_paired_interval_of_the_bootstrap():
    rng = np.random.default_rng(0)
    truth = np.ones(80, int)
    one, other = rng.random(80) < 0.8, rng.random(80) < 0.6
    found = paired_difference(truth, spoken(one), spoken(other), voices(80), draws=200, seed=5)["accuracy"]

    def share(right: np.ndarray):
        return lambda chosen: {"accuracy": accuracy(right[chosen], np.ones(len(chosen)))}

    expected = difference_intervals(share(one), share(other), voices(80), seed=5, draws=200)["accuracy"]
    assert found.difference == pytest.approx(one.mean() - other.mean())
    assert found.interval == pytest.approx(expected)
    assert (found.first, found.second) == pytest.approx((one.mean(), other.mean()))


def test_a_model_beside_itself_differs_by_nothing():
    probabilities = spoken(np.random.default_rng(1).random(40) < 0.7)
    for name, found in paired_difference(np.ones(40, int), probabilities, probabilities, voices(40)).items():
        if name != "auroc":
            assert found.difference == 0, name
            assert found.interval == (0, 0), name
        else:  # all clips have one label
            assert found.difference is found.interval is None


def test_swapped_sides_swap_the_sign():
    rng = np.random.default_rng(2)
    one, other = spoken(rng.random(60) < 0.8), spoken(rng.random(60) < 0.6)
    truth = np.ones(60, int)
    there = paired_difference(truth, one, other, voices(60))["uar"]
    back = paired_difference(truth, other, one, voices(60))["uar"]
    assert there.difference == -back.difference
    assert there.interval == pytest.approx((-back.interval[1], -back.interval[0]))


def test_the_mean_over_seeds_is_compared_and_their_number_is_said():
    truth = np.ones(40, int)
    seeds = np.stack([spoken(np.arange(40) % 4 != k) for k in range(3)])  # each .75
    found = paired_difference(truth, seeds, spoken(np.arange(40) % 2 == 0), voices(40))["accuracy"]
    assert (found.first, found.second) == pytest.approx((0.75, 0.5))
    assert (found.first_seeds, found.second_seeds) == (3, 1)


def test_seeds_that_disagree_widen_the_interval():
    truth, rng = np.ones(200, int), np.random.default_rng(3)
    alike = np.stack([spoken(rng.random(200) < 0.7) for _ in range(5)])
    apart = np.stack([spoken(rng.random(200) < rate) for rate in (0.5, 0.6, 0.7, 0.8, 0.9)])
    other = spoken(rng.random(200) < 0.7)
    widths = []
    for side in (alike, apart):
        low, high = paired_difference(truth, side, other, voices(200), figures=("accuracy",))["accuracy"].interval
        widths.append(high - low)
    assert widths[1] > 1.3 * widths[0]


def test_the_interval_covers_what_other_speakers_and_seeds_would_give():
    rng = np.random.default_rng(4)
    covered, trials = 0, 60
    for trial in range(trials):
        speaker = np.repeat(rng.normal(0, 0.08, 40), 5)
        sides = [
            np.stack([spoken(rng.random(200) < base + speaker + rng.normal(0, 0.05)) for _ in range(4)])
            for base in (0.75, 0.65)
        ]
        found = paired_difference(
            np.ones(200, int), *sides, voices(200, 5), seed=trial, draws=100, figures=("accuracy",)
        )["accuracy"]
        covered += found.interval[0] <= 0.1 <= found.interval[1]
    assert covered / trials >= 0.9


def test_a_threshold_speaks_where_answers_are_given():
    truth = np.array([0, 1, 0, 1])
    probabilities = np.array([[0.7, 0.3], [0.6, 0.4], [0.9, 0.1], [0.2, 0.8]])
    low = (probabilities[:, 1] >= 0.35).astype(int)
    found = paired_difference(truth, probabilities, probabilities, list("abcd"), first_answers=low)["accuracy"]
    assert (found.first, found.second) == (1.0, 0.75)


def test_one_speaker_has_a_difference_and_no_interval():
    found = paired_difference(np.ones(4, int), spoken(np.ones(4)), spoken(np.zeros(4)), ["a"] * 4)["uar"]
    assert found.difference == 1
    assert found.interval is None


def test_one_side_alone_has_a_mean_a_deviation_and_an_interval():
    truth = np.ones(40, int)
    one, other = spoken(np.arange(40) % 4 != 0), spoken(np.arange(40) % 2 != 0)
    alone = spread(truth, one, voices(40, 2))["accuracy"]
    assert (alone.whole, alone.deviation) == (0.75, None)
    assert alone.interval()[0] < 0.75 < alone.interval()[1]
    both = spread(truth, np.stack([one, other]), voices(40, 2))["accuracy"]
    assert both.of_seeds == (0.75, 0.5)
    assert both.whole == 0.625
    assert both.deviation == pytest.approx(np.sqrt(2) / 8)


@pytest.mark.parametrize(("one", "other"), [(0, 0), (1, 0), (5, 5), (9, 2), (40, 61), (700, 640)])
def test_mcnemars_exact_p_is_the_binomial_tests(one, other):
    first = np.array([True] * one + [False] * other + [True, False])
    second = np.array([False] * one + [True] * other + [True, False])
    found = mcnemar(first, second)
    expected = binomtest(min(one, other), one + other).pvalue if one + other else 1.0
    assert (found.only_first, found.only_second) == (one, other)
    assert found.p == pytest.approx(expected, rel=1e-9)


def test_agreement_is_cohens():
    rng = np.random.default_rng(5)
    first, second = (rng.dirichlet(np.ones(3), 50) for _ in range(2))
    found = agreement(first, second)
    one, other = first.argmax(axis=1), second.argmax(axis=1)
    assert found.share == np.mean(one == other)
    assert found.kappa == pytest.approx(cohen_kappa_score(one, other))
    assert agreement(first[:1], first[:1]).kappa is None


def test_the_divergence_of_two_coins():
    first, second = np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([[0.25, 0.75], [0.5, 0.5]])
    expected = np.mean([0.5 * np.log(2) + 0.5 * np.log(0.5 / 0.75), np.log(2)])
    assert kl_divergence(first, second) == pytest.approx(expected)
    assert kl_divergence(first, first) == 0
    assert np.isfinite(kl_divergence(second, first))


def test_flips_are_told_both_ways_surest_first():
    truth = np.array([1, 1, 1, 0])
    first = spoken(np.array([1, 1, 0, 0]), 0.9)
    second = spoken(np.array([0, 0, 1, 1]), np.array([0.6, 0.8, 0.7, 0.95]))
    only_first, only_second = flips(truth, first.argmax(axis=1), first, second.argmax(axis=1), second)
    assert [flip.clip for flip in only_first] == [3, 1, 0]
    assert [flip.sureness for flip in only_first] == pytest.approx([0.9, 0.8, 0.6])
    assert [flip.clip for flip in only_second] == [2]
