"""Two models, or two ways to make one, judged on the same clips: what the difference is and how sure it is."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from exclaim.evaluate.bootstrap import Interval, percentile_interval
from exclaim.evaluate.resamples import FIGURES, resampled, weighted_figures

__all__ = [
    "Agreement",
    "Difference",
    "Flip",
    "McNemar",
    "Spread",
    "agreement",
    "derived",
    "flips",
    "kl_divergence",
    "mcnemar",
    "paired_difference",
    "spread",
]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of both sides. None is what these clips cannot tell."""

    first: float | None  # mean over its seeds
    second: float | None
    difference: float | None  # first - second
    interval: Interval | None  # of the difference
    first_seeds: int = 1
    second_seeds: int = 1


class McNemar(msgspec.Struct, frozen=True, kw_only=True):
    """McNemar's exact test: whether two models that answered the same clips are right equally often."""

    only_first: int  # clips that the first model alone answers rightly
    only_second: int
    p: float  # two-sided; clips of one speaker are alike, so it is smaller than it should be


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """How alike two models answer, right or wrong."""

    share: float  # of the clips that both answer alike
    kappa: float | None  # Cohen's: 0 is what chance gives; None where both answer one label only
    kl: float  # mean Kullback-Leibler divergence of the second's probabilities from the first's, in nats


class Flip(NamedTuple):
    """A clip that one model answers rightly and the other wrongly."""

    clip: int  # its number
    sureness: float  # the lower of both models' probabilities for what they answered


class Spread(NamedTuple):
    """A figure on all clips, and on each draw of speakers and seeds."""

    of_seeds: tuple[float, ...]  # on all clips; NaN where it is not defined
    draws: np.ndarray | None  # (draws,); None where there is only one cluster to draw from

    @property
    def whole(self) -> float:
        """The mean over the seeds."""
        return float(np.mean(self.of_seeds))

    @property
    def deviation(self) -> float | None:
        """The seeds' standard deviation; None of a single one."""
        return float(np.std(self.of_seeds, ddof=1)) if len(self.of_seeds) > 1 else None

    def interval(self, level: float = 0.95) -> Interval | None:
        """The percentiles of the draws."""
        return None if self.draws is None else percentile_interval(self.draws, self.whole, level)

    def __sub__(self, other: "Spread") -> "Spread":
        """The difference, draw by draw."""
        return derived(np.subtract, self, other)

    def __truediv__(self, other: "Spread") -> "Spread":
        """The ratio, draw by draw."""
        return derived(np.divide, self, other)


def derived(made: Callable[..., float | np.ndarray], *spreads: Spread) -> Spread:
    """Return a figure that is made from others, of their means and of every draw.

    Args:
        made: from numbers or from draws (draws,), one for each spread.
        spreads: of the same clips and the same draws of speakers (see :func:`spread`).
    """
    draws = [each.draws for each in spreads]
    whole = float(made(*(each.whole for each in spreads)))
    return Spread((whole,), None if any(each is None for each in draws) else np.asarray(made(*draws)))


def paired_difference(
    truth: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    clusters: Sequence[str],
    *,
    first_answers: np.ndarray | None = None,
    second_answers: np.ndarray | None = None,
    draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    figures: Sequence[str] = FIGURES,
) -> dict[str, Difference]:
    """Return ``first - second`` for each figure, with an interval over speakers and over seeds.

    Both sides see the same draws of speakers. Where a side has k seeds, each draw also takes k - 1 of them with
    replacement and means over these, so that the interval is of what another speaker *and* another training run would
    give; k - 1 and not k, since the spread of means of k would be too small by (k - 1) / k.

    Args:
        truth: (n,) int.
        first: (n, classes) probabilities, or (k, n, classes) of k seeds.
        second: likewise; its number of seeds may be another.
        clusters: (n) each clip's cluster, which is its speaker where known.
        first_answers: (n,) or (k, n) int; None: the most probable class. A detection's threshold speaks here.
        second_answers: likewise.
        draws: how many.
        seed: of the draws.
        level: share of the draws inside.
        figures: of :data:`exclaim.evaluate.resamples.FIGURES`.

    Source: Davison and Hinkley 1997, "Bootstrap Methods and their Application", section 3.8 (clusters drawn whole);
    McCarthy and Snowden 1985, "The Bootstrap and Finite Population Sampling" (n - 1 drawn of n); Owen 2007, "The
    pigeonhole bootstrap" (two crossed factors drawn at once: wide rather than narrow).
    """
    options = {"draws": draws, "seed": seed, "figures": figures}
    one = spread(truth, first, clusters, answers=first_answers, **options)
    other = spread(truth, second, clusters, answers=second_answers, side=1, **options)
    seeds = [1 if np.ndim(side) == 2 else len(side) for side in (first, second)]
    found = {}
    for name in figures:
        difference = one[name] - other[name]
        found[name] = Difference(
            first=_number(one[name].whole),
            second=_number(other[name].whole),
            difference=_number(difference.whole),
            interval=difference.interval(level),
            first_seeds=seeds[0],
            second_seeds=seeds[1],
        )
    return found


def spread(
    truth: np.ndarray,
    probabilities: np.ndarray,
    clusters: Sequence[str],
    *,
    answers: np.ndarray | None = None,
    draws: int = 1000,
    seed: int = 0,
    side: int = 0,
    figures: Sequence[str] = FIGURES,
) -> dict[str, Spread]:
    """Return each figure's mean over the seeds, and what it would be with other speakers and other seeds.

    Two spreads of the same clips with the same ``seed`` are of the same draws of speakers: their difference is paired.

    Args:
        truth: (n,) int.
        probabilities: (n, classes), or (k, n, classes) of k seeds.
        clusters: (n) names.
        answers: (n,) or (k, n) int; None: the most probable class.
        draws: how many.
        seed: of the draws.
        side: two sides draw their training seeds each for itself; 0, 1, ...
        figures: of :data:`exclaim.evaluate.resamples.FIGURES`.
    """
    stacked = np.asarray(probabilities)
    stacked = stacked[np.newaxis] if stacked.ndim == 2 else stacked
    chosen = stacked.argmax(axis=2) if answers is None else np.asarray(answers).reshape(stacked.shape[:2])
    seeds = len(stacked)
    wholes = [weighted_figures(truth, a, p, figures=figures) for a, p in zip(chosen, stacked, strict=True)]
    found = [
        resampled(truth, a, p, clusters, seed=seed, draws=draws, figures=figures)
        for a, p in zip(chosen, stacked, strict=True)
    ]
    drawn = np.random.default_rng([seed, side]).integers(seeds, size=(draws, max(1, seeds - 1)))
    rows = np.arange(draws)[:, np.newaxis]
    several = len(set(clusters)) > 1
    return {
        name: Spread(
            tuple(float(whole[name][0]) for whole in wholes),
            np.stack([of_seed[name] for of_seed in found], axis=1)[rows, drawn].mean(axis=1) if several else None,
        )
        for name in figures
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def mcnemar(first_right: np.ndarray, second_right: np.ndarray) -> McNemar:
    """Return McNemar's exact test of two models' right answers to the same clips.

    Args:
        first_right: (n,) bool.
        second_right: (n,) bool.

    Source: McNemar 1947, "Note on the sampling error of the difference between correlated proportions"; the exact
    form is the two-sided binomial test of the clips on which they differ.
    """
    first_right, second_right = np.asarray(first_right, bool), np.asarray(second_right, bool)
    one, other = int((first_right & ~second_right).sum()), int((~first_right & second_right).sum())
    differing = one + other
    # Sums of binomial terms as exact integers: no rounding, and quick for as many clips as a corpus has.
    term, tail = 1, 0
    for k in range(min(one, other) + 1):
        tail += term
        term = term * (differing - k) // (k + 1)
    return McNemar(only_first=one, only_second=other, p=min(1.0, tail / 2 ** max(differing - 1, 0)))


def agreement(
    first: np.ndarray,
    second: np.ndarray,
    first_answers: np.ndarray | None = None,
    second_answers: np.ndarray | None = None,
) -> Agreement:
    """Return how alike two models answer.

    Args:
        first: (n, classes) probabilities.
        second: likewise.
        first_answers: (n,) int; None: the most probable class.
        second_answers: likewise.
    """
    one = first.argmax(axis=1) if first_answers is None else np.asarray(first_answers)
    other = second.argmax(axis=1) if second_answers is None else np.asarray(second_answers)
    share = float(np.mean(one == other))
    classes = first.shape[1]
    counts = [np.bincount(answers, minlength=classes) / len(answers) for answers in (one, other)]
    chance = float(np.dot(*counts))
    kappa = None if chance >= 1 else (share - chance) / (1 - chance)
    return Agreement(share=share, kappa=kappa, kl=kl_divergence(first, second))


def kl_divergence(first: np.ndarray, second: np.ndarray) -> float:
    """Return the mean of KL(first || second) over the clips, in nats.

    Args:
        first: (n, classes) probabilities.
        second: likewise; a probability of nothing counts as the least that a float can say.
    """
    least = np.finfo(np.float64).tiny
    ratio = np.log(np.maximum(first, least)) - np.log(np.maximum(second, least))
    return float(np.mean(np.sum(first * ratio, axis=1)))


def flips(
    truth: np.ndarray,
    first_answers: np.ndarray,
    first: np.ndarray,
    second_answers: np.ndarray,
    second: np.ndarray,
) -> tuple[list[Flip], list[Flip]]:
    """Return the clips that the first model alone answers rightly, and those that the second alone does, surest first.

    Args:
        truth: (n,) int.
        first_answers: (n,) int.
        first: (n, classes) probabilities.
        second_answers: (n,) int.
        second: (n, classes) probabilities.
    """
    clips = np.arange(len(truth))
    sureness = np.minimum(first[clips, first_answers], second[clips, second_answers])

    def surest(chosen: np.ndarray) -> list[Flip]:
        numbers = np.flatnonzero(chosen)
        return [Flip(int(i), float(sureness[i])) for i in numbers[np.argsort(-sureness[numbers], kind="stable")]]

    right, other_right = first_answers == truth, second_answers == truth
    return surest(right & ~other_right), surest(~right & other_right)
