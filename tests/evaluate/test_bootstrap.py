"""Clustered intervals: they hold what they promise where the truth is known, and draw speakers whole."""

import math

import numpy as np
import pytest

from exclaim.evaluate.bootstrap import difference_intervals, intervals


def mean_of(values: np.ndarray):
    return lambda chosen: {"mean": float(values[chosen].mean())}


def test_clips_of_their_own_agree_with_the_normal_interval():
    values = np.random.default_rng(0).normal(size=400)
    low, high = intervals(mean_of(values), [str(i) for i in range(400)], draws=4000)["mean"]
    half = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.15 * half)


def test_copies_of_a_speaker_add_no_certainty():
    values = np.random.default_rng(1).normal(size=40)
    speakers = [str(i) for i in range(40)]
    once = intervals(mean_of(values), speakers, seed=3)["mean"]
    tenfold = intervals(mean_of(np.repeat(values, 10)), [s for s in speakers for _ in range(10)], seed=3)["mean"]
    assert tenfold == pytest.approx(once)


def test_an_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(2)
    covered = 0
    for trial in range(150):
        speaker = np.repeat(rng.normal(size=40), 5)
        values = speaker + 0.3 * rng.normal(size=200)
        low, high = intervals(mean_of(values), [str(i // 5) for i in range(200)], seed=trial, draws=200)["mean"]
        covered += low <= 0 <= high
    assert 0.87 <= covered / 150 <= 0.99


def test_the_same_seed_gives_the_same_interval():
    values, speakers = np.random.default_rng(3).normal(size=60), [str(i % 15) for i in range(60)]
    assert intervals(mean_of(values), speakers, seed=5) == intervals(mean_of(values), speakers, seed=5)
    assert intervals(mean_of(values), speakers, seed=5) != intervals(mean_of(values), speakers, seed=6)


def test_one_speaker_has_no_interval():
    assert intervals(mean_of(np.arange(5.0)), ["a"] * 5) == {"mean": None}


def test_a_figure_that_is_seldom_defined_has_no_interval():
    def seldom(chosen: np.ndarray) -> dict[str, float]:
        return {"x": 1.0 if (chosen == 0).sum() != 2 and (chosen == 1).sum() == 1 else math.nan}

    assert intervals(seldom, list("abcdefgh")) == {"x": None}


def test_a_paired_difference_is_narrower_than_its_parts():
    rng = np.random.default_rng(4)
    values = rng.normal(size=100)
    better = values + 0.1 + 0.01 * rng.normal(size=100)
    clusters = [str(i // 4) for i in range(100)]
    low, high = difference_intervals(mean_of(better), mean_of(values), clusters)["mean"]
    assert 0.09 < low < (better - values).mean() < high < 0.11
    one = intervals(mean_of(values), clusters)["mean"]
    assert high - low < 0.1 * (one[1] - one[0])


def test_a_biased_figure_lies_in_its_interval():
    values = np.random.default_rng(6).normal(scale=0.3, size=200)
    low, high = intervals(lambda chosen: {"gap": float(abs(values[chosen].mean()))}, [str(i) for i in range(200)])[
        "gap"
    ]
    assert low <= abs(values.mean()) <= high


def test_a_figure_that_is_not_defined_on_the_whole_has_no_interval():
    assert intervals(lambda chosen: {"x": math.nan}, list("abc")) == {"x": None}
