"""Scores as figures: how well they tell members from others, with intervals over people and shadows."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from exclaim.evaluate.bootstrap import percentile_interval

__all__ = ["FALSE_POSITIVES", "Figure", "Roc", "attack_figures", "roc", "thinned"]

FALSE_POSITIVES = (0.01, 0.001)  # at which true positives are told
_CELLS = 1_500_000  # draws times scores held at a time
_DRAWS = 500


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A measured figure."""

    value: float
    low: float | None = None  # of the 95 % interval; None where there are too few speakers or shadows
    high: float | None = None
    chance: float  # what a guess reaches


class Roc(NamedTuple):
    """A curve: for falling thresholds, the shares of others and of members at or above them, from (0, 0) to (1, 1)."""

    false_positives: np.ndarray
    true_positives: np.ndarray


def roc(scores: np.ndarray, members: np.ndarray) -> Roc:
    """Return the curve of scores (n,) of members (n,) bool and others; equal scores stand or fall together."""
    order, ends = _ranked(scores)
    hits = np.cumsum(members[order])[ends] / members.sum()
    false = np.cumsum(~members[order])[ends] / (~members).sum()
    return Roc(np.append(0.0, false), np.append(0.0, hits))


def attack_figures(
    scores: np.ndarray,
    members: np.ndarray,
    speakers: Sequence[str],
    *,
    seed: int = 0,
    draws: int = _DRAWS,
    area_only: bool = False,
) -> dict[str, Figure]:
    """Return how well scores tell members, all shadows together.

    Args:
        scores: (shadows, n), the higher the surer of membership; NaN where a clip does not count.
        members: (shadows, n) bool; rows 2k and 2k + 1 are of one pair.
        speakers: (n) names.
        seed: of the draws.
        draws: of the bootstrap.
        area_only: leave out the true positives at few false ones, as where there are too few others to tell.

    Returns:
        ``auc``, and ``true_positives_at_1`` and ``true_positives_at_0.1`` percent of false positives: the highest share
        of members at a threshold that no more of the others pass. Intervals are 95 %, from draws of speakers and, at
        the same time and independently, of pairs of shadows, with replacement, which is rather too wide than too narrow
        (Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 2007).
    """
    counted = ~np.isnan(scores)
    kept_scores, kept_members = scores[counted], members[counted]
    order, ends = _ranked(kept_scores)
    ones = np.ones((1, len(order)))
    levels = () if area_only else FALSE_POSITIVES
    whole = _weighted(kept_members[order], ends, ones, levels)[0]
    drawn = [
        _weighted(kept_members[order], ends, weights[:, counted.ravel()][:, order], levels)
        for weights in _weights(len(scores), speakers, seed, draws)
    ]
    values = np.concatenate(drawn)
    alone = len(set(speakers)) < 2 or len(scores) < 4
    names = ("auc", *(f"true_positives_at_{100 * level:g}" for level in levels))
    return {
        name: _figure(whole[i], None if alone else values[:, i], chance)
        for i, (name, chance) in enumerate(zip(names, (0.5, *levels), strict=True))
    }


def _figure(value: float, draws: np.ndarray | None, chance: float) -> Figure:
    found = None if draws is None else percentile_interval(list(draws), value, 0.95)
    low, high = (None, None) if found is None else (max(0.0, found[0]), min(1.0, found[1]))
    return Figure(value=float(value), low=low, high=high, chance=chance)


def _ranked(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the order of falling scores, and where in it each run of equal ones ends."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    return order, np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))


def _weights(shadows: int, speakers: Sequence[str], seed: int, draws: int) -> Iterator[np.ndarray]:
    """Yield how often each score counts: (m, shadows * n), in blocks of bounded size."""
    names, owner = np.unique(np.asarray(speakers), return_inverse=True)
    pairs = -(-shadows // 2)
    rng = np.random.default_rng(seed)
    block = max(1, _CELLS // (shadows * len(owner)))
    for begin in range(0, draws, block):
        count = min(block, draws - begin)
        people = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), count)[:, owner]
        rows = rng.multinomial(pairs, np.full(pairs, 1 / pairs), count)[:, np.arange(shadows) // 2]
        yield (rows[:, :, np.newaxis] * people[:, np.newaxis, :]).reshape(count, -1).astype(np.float64)


def _weighted(members: np.ndarray, ends: np.ndarray, weights: np.ndarray, levels: Sequence[float]) -> np.ndarray:
    """Return area and true positives (m, 1 + levels) of ordered scores under weights (m, scores)."""
    hits, false = (np.pad(np.cumsum(weights * side, axis=1)[:, ends], ((0, 0), (1, 0))) for side in (members, ~members))
    with np.errstate(invalid="ignore", divide="ignore"):
        hits, false = hits / hits[:, -1:], false / false[:, -1:]
    area = (np.diff(false, axis=1) * (hits[:, 1:] + hits[:, :-1]) / 2).sum(axis=1)
    rows = np.arange(len(weights))
    at = [hits[rows, np.maximum((false <= level + 1e-12).sum(axis=1) - 1, 0)] for level in levels]
    return np.stack([area, *at], axis=1)


def thinned(curve: Roc, points: int = 200) -> Roc:
    """Return a curve at so many false-positive shares at most, evenly spread on a logarithmic scale, ends kept."""
    false = curve.false_positives
    least = false[false > 0].min(initial=1.0)
    wanted = np.append(0.0, np.geomspace(least, 1.0, points))
    chosen = np.unique(np.searchsorted(false, wanted, side="right") - 1)
    return Roc(false[chosen], curve.true_positives[chosen])
