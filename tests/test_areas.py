"""Cells are means over areas, and the way back ends where it began."""

import numpy as np
import pytest

from exclaim.areas import area_means, smooth_from

SIZES = [(128, 64), (188, 64), (188, 100), (128, 16), (128, 128), (128, 8)]


@pytest.mark.parametrize(("length", "cells"), SIZES)
def test_the_smooth_values_have_the_cells_as_their_means(length, cells):
    drawn = np.random.default_rng(0).uniform(-1, 1, cells)
    np.testing.assert_allclose(area_means(length, cells) @ (smooth_from(cells, length) @ drawn), drawn, atol=1e-5)


@pytest.mark.parametrize(("length", "cells"), SIZES)
def test_what_is_level_stays_level(length, cells):
    np.testing.assert_allclose(smooth_from(cells, length).sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(area_means(length, cells).sum(axis=1), 1, atol=1e-5)


def test_between_two_cells_the_line_is_straight():
    """A ramp of cells is a ramp of values, but at the ends, beyond the last middles."""
    values = smooth_from(16, 128) @ np.arange(16)
    np.testing.assert_allclose(np.diff(values)[24:-24], 1 / 8, atol=1e-3)
    assert np.ptp(np.diff(values)) > 0.01, "the ends are no ramp, or this says nothing"


def test_a_value_that_lies_in_two_areas_counts_in_both():
    np.testing.assert_allclose(area_means(3, 2), [[2 / 3, 1 / 3, 0], [0, 1 / 3, 2 / 3]], atol=1e-6)
