"""Intervals from resampling speakers: clips of one speaker are alike, so a speaker is drawn whole or not
at all.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

__all__ = ["Interval", "cluster_members", "difference_intervals", "intervals", "percentile_interval"]

Interval = tuple[float, float]
Statistic = Callable[[np.ndarray], dict[str, float]]  # from the numbers of the clips drawn to named figures

_LEAST_DEFINED = 0.5  # share of draws in which a figure must be defined


def intervals(
    statistic: Statistic, clusters: Sequence[str], seed: int = 0, draws: int = 1000, level: float = 0.95
) -> dict[str, Interval | None]:
    """Return percentile intervals of figures, clustered.

    Args:
        statistic: given (m,) clip numbers, with repetition, returns the figures on them; NaN where one is not
            defined.
        clusters: each clip's cluster, which is its speaker where known.
        seed: of the draws.
        draws: how many samples of as many clusters, with replacement.
        level: share of the draws inside.

    Returns:
        (low, high) by figure; None with fewer than two clusters, or where the figure is not defined in half
        of the draws. The percentiles are shifted by the draws' bias (their mean less the figure): nothing for a share,
        but a calibration error grows with every draw, since a draw repeats clips and its bins scatter more.

    Source: Davison and Hinkley 1997, "Bootstrap Methods and their Application", sections 3.8 and 5.3
    (clusters drawn whole, percentile limits).
    """
    members = cluster_members(clusters)
    if len(members) < 2:
        return dict.fromkeys(statistic(np.arange(len(clusters))))
    whole = statistic(np.arange(len(clusters)))
    samples = [statistic(chosen) for chosen in _draw(members, np.random.default_rng(seed), draws)]
    return {
        name: percentile_interval([sample[name] for sample in samples], value, level) for name, value in whole.items()
    }


def difference_intervals(
    first: Statistic,
    second: Statistic,
    clusters: Sequence[str],
    seed: int = 0,
    draws: int = 1000,
    level: float = 0.95,
) -> dict[str, Interval | None]:
    """Return percentile intervals of ``first - second`` for the figures of both, on the same draws (paired)."""

    def difference(chosen: np.ndarray) -> dict[str, float]:
        one, other = first(chosen), second(chosen)
        return {name: one[name] - other[name] for name in one if name in other}

    return intervals(difference, clusters, seed, draws, level)


def cluster_members(clusters: Sequence[str]) -> list[np.ndarray]:
    """Return the numbers of each cluster's clips, clusters sorted by name."""
    numbers: dict[str, list[int]] = {}
    for number, cluster in enumerate(clusters):
        numbers.setdefault(cluster, []).append(number)
    return [np.array(numbers[cluster]) for cluster in sorted(numbers)]


def _draw(members: list[np.ndarray], rng: np.random.Generator, draws: int):
    for _ in range(draws):
        yield np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))])


def percentile_interval(values: Sequence[float], whole: float, level: float) -> Interval | None:
    """Return the percentiles of draws, shifted by their bias (see :func:`intervals`).

    Args:
        values: the figure on each draw, NaN where it is not defined.
        whole: the figure on all clips.
        level: share of the draws inside.

    Returns:
        (low, high); None where the figure is not defined on the whole, or in half of the draws.
    """
    defined = [value for value in values if not math.isnan(value)]
    if math.isnan(whole) or len(defined) < _LEAST_DEFINED * len(values):
        return None
    bias = float(np.mean(defined)) - whole
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2]) - bias
    return float(low), float(high)
