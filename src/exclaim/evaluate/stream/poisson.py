"""How often something happens, from how often it was counted: a rate with its exact interval."""

from exclaim.evaluate.bootstrap import Interval

__all__ = ["rate_interval"]


def rate_interval(count: int, hours: float, level: float = 0.95) -> Interval:
    """Return the exact two-sided interval of a rate an hour.

    Args:
        count: how often it was counted; 0 or more.
        hours: over how long; more than 0.
        level: share of such intervals that hold the rate, at least.

    Returns:
        (low, high) an hour; low is 0 where nothing was counted, and high is then 3.69 over the hours.

    Source: Garwood 1936, "Fiducial limits for the Poisson distribution", Biometrika 28, by quantiles of chi-squared
    with ``2 count`` and ``2 count + 2`` degrees of freedom.
    """
    from scipy.stats import chi2  # here: only who evaluates streams has it

    tail = (1 - level) / 2
    low = chi2.ppf(tail, 2 * count) / 2 if count else 0.0
    high = chi2.ppf(1 - tail, 2 * count + 2) / 2
    return float(low / hours), float(high / hours)
