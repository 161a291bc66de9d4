"""Rates with Garwood's interval."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from exclaim.evaluate.stream.poisson import rate_interval


def test_golden_values():
    """The 95 % limits that tables of statistics print, from Garwood 1936."""
    table = {0: (0.0, 3.689), 1: (0.0253, 5.572), 5: (1.623, 11.668), 10: (4.795, 18.390), 30: (20.241, 42.827)}
    for count, limits in table.items():
        assert rate_interval(count, 1.0) == pytest.approx(limits, abs=1e-3)


def test_nothing_counted_says_less_the_shorter_it_was_listened():
    assert rate_interval(0, 4.0) == pytest.approx((0.0, 3.689 / 4), abs=1e-3)


@given(count=st.integers(0, 200), hours=st.floats(0.01, 1000), level=st.sampled_from([0.8, 0.95, 0.99]))
def test_the_limits_are_where_the_tails_are_as_asked(count, hours, level):
    low, high = rate_interval(count, hours, level)
    assert low <= count / hours <= high
    assert poisson.cdf(count, high * hours) == pytest.approx((1 - level) / 2, rel=1e-6)
    if count:
        assert poisson.sf(count - 1, low * hours) == pytest.approx((1 - level) / 2, rel=1e-6)
