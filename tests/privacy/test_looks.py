"""Whoever looks at a set sees whose clips moved its means, and what lies beside an item; in noise there is nothing."""

import numpy as np
import pytest

from exclaim.privacy.halves import balanced_halves
from exclaim.privacy.lira import likelihood_ratios, raised
from exclaim.privacy.looks import by_means, by_nearest, looks_of, of_speakers
from exclaim.privacy.roc import attack_figures

SPEAKERS, EACH, SHADOWS, LABELS = 30, 8, 12, 2
OWNER = np.repeat(np.arange(SPEAKERS), EACH)
KINDS = np.tile(np.repeat(np.arange(LABELS), EACH // LABELS), SPEAKERS)
NAMES = [f"speaker {number}" for number in OWNER]


def clips() -> np.ndarray:
    """Windows of 16 x 24 cells: a pattern of the label, another of the speaker, and the clip's own."""
    rng = np.random.default_rng(0)
    kinds, voices = rng.normal(size=(LABELS, 16, 24)), rng.normal(size=(SPEAKERS, 16, 24))
    own = rng.normal(size=(len(OWNER), 16, 24))
    return np.clip(128 + 12 * kinds[KINDS] + 12 * voices[OWNER] + 12 * own, 0, 255).astype(np.uint8)


def areas(windows: np.ndarray, sets: np.ndarray, inside: np.ndarray) -> dict[str, float]:
    looks = looks_of(windows, sets, LABELS)
    scores = by_means(looks, KINDS, inside) | by_nearest(looks, KINDS)
    return {
        way: attack_figures(each, inside, NAMES, area_only=True, draws=50)["auc"].value for way, each in scores.items()
    }


@pytest.fixture(scope="module")
def halves() -> np.ndarray:
    return balanced_halves(OWNER, np.zeros(len(OWNER), int), SHADOWS, 3)


def test_means_tell_whose_clips_they_are_of(halves: np.ndarray) -> None:
    """No item is like any clip, but those of a label have the mean of its clips, and noise."""
    windows, rng = clips(), np.random.default_rng(1)
    means = np.stack([[windows[row & (kind == KINDS)].mean(axis=0) for kind in range(LABELS)] for row in halves])
    sets = np.repeat(means, 5, axis=1) + rng.normal(0, 4, (SHADOWS, LABELS * 5, 16, 24))
    found = areas(windows, np.clip(sets, 0, 255).astype(np.uint8), halves)
    assert found["the set's means"] > 0.75
    assert found["the set's means, fitted"] > 0.75


def test_an_item_tells_the_clip_that_it_is(halves: np.ndarray) -> None:
    windows = clips()
    chosen = [np.concatenate([np.flatnonzero(row & (kind == KINDS))[::6] for kind in range(LABELS)]) for row in halves]
    few = min(len(each) // LABELS for each in chosen)
    picked = np.stack([each.reshape(LABELS, -1)[:, :few].ravel() for each in chosen])
    own = np.zeros(halves.shape, bool)
    for row, each in zip(own, picked, strict=True):
        row[each] = True
    scores = by_nearest(looks_of(windows, windows[picked], LABELS), KINDS)
    for each in scores.values():
        assert attack_figures(each, own, NAMES, draws=50)["true_positives_at_1"].value > 0.99


def test_noise_tells_nothing(halves: np.ndarray) -> None:
    sets = np.random.default_rng(2).integers(0, 256, (SHADOWS, LABELS * 5, 16, 24)).astype(np.uint8)
    for way, area in areas(clips(), sets, halves).items():
        assert area == pytest.approx(0.5, abs=0.06), way


def test_an_attack_never_asks_the_pair_that_it_attacks(halves: np.ndarray) -> None:
    """What is known of the attacked half and its complement, who was in, changes no score of theirs."""
    windows, rng = clips(), np.random.default_rng(1)
    sets = rng.integers(0, 256, (SHADOWS, LABELS * 5, 16, 24)).astype(np.uint8)
    looks, other = looks_of(windows, sets, LABELS), halves.copy()
    other[:2] = ~other[:2]
    for way, scores in by_means(looks, KINDS, halves).items():
        np.testing.assert_array_equal(scores[:2], by_means(looks, KINDS, other)[way][:2])


def test_cells_that_never_differ_do_no_harm(halves: np.ndarray) -> None:
    windows = clips()
    windows[:, 3:] = 0
    sets = np.zeros((SHADOWS, LABELS, 16, 24), np.uint8)
    assert all(np.isfinite(area) for area in areas(windows, sets, halves).values())


def test_speakers_are_the_mean_of_their_clips() -> None:
    scores = {"x": np.array([[1.0, 3.0, 5.0]])}
    np.testing.assert_array_equal(of_speakers(scores, np.array([0, 0, 1]))["x"], [[2.0, 5.0]])


def test_raised_confidence_tells_more_than_a_ratio_where_members_are_a_little_surer() -> None:
    rng = np.random.default_rng(0)
    inside = balanced_halves(np.arange(len(KINDS)), KINDS, SHADOWS, 0)
    confidence = 2 * rng.normal(size=len(KINDS)) + rng.normal(size=inside.shape) + 0.4 * inside
    confidence += 3 * rng.normal(size=(SHADOWS, LABELS))[:, KINDS]  # a shadow is surer of one label than of another
    one, other = (
        attack_figures(scores, inside, NAMES, area_only=True, draws=50)["auc"].value
        for scores in (raised(confidence, KINDS), likelihood_ratios(confidence, inside))
    )
    assert one > 0.58
    assert one > other + 0.03
