"""The nearest clip: nought for a copy, whatever its move; figures beside strangers and beside chance."""

import numpy as np
import pytest

from exclaim.features import RANGE_DB
from exclaim.learn.views import dequantise
from exclaim.privacy.neighbours import Near, nearest_by_embedding, nearest_by_log_mel, nearness

RNG = np.random.default_rng(0)
CLIPS = RNG.integers(0, 256, (30, 16, 47)).astype(np.uint8)


def test_a_copy_has_no_distance() -> None:
    assert nearest_by_log_mel(CLIPS[[3, 17]], CLIPS).tolist() == [0, 0]


@pytest.mark.parametrize("cells", [-3, 2])
def test_a_copy_that_was_moved_is_found(cells: int) -> None:
    """The item lost what was moved out of it, so the clip is given floor there too."""
    clip = CLIPS[5].copy()
    clip[:, : max(0, cells)] = 0
    clip[:, 47 + min(0, cells) :] = 0
    item = np.zeros_like(clip)
    if cells > 0:
        item[:, :-cells] = clip[:, cells:]
    else:
        item[:, -cells:] = clip[:, :cells]
    others = np.concatenate([CLIPS, clip[np.newaxis]])
    assert nearest_by_log_mel(item[np.newaxis], others)[0] == 0
    assert nearest_by_log_mel(item[np.newaxis], CLIPS)[0] > 5


def test_the_distance_is_in_decibels_over_all_moves() -> None:
    item = RNG.integers(0, 256, (16, 47)).astype(np.uint8)
    wanted = np.inf
    for shift in range(-3, 4):
        moved = np.zeros_like(item)
        columns = np.arange(47)
        inside = (columns - shift >= 0) & (columns - shift < 47)
        moved[:, columns[inside]] = item[:, columns[inside] - shift]
        decibels = (dequantise(moved) - dequantise(CLIPS)) * RANGE_DB / 2
        wanted = min(wanted, np.sqrt((decibels**2).mean(axis=(1, 2))).min())
    assert nearest_by_log_mel(item[np.newaxis], CLIPS)[0] == pytest.approx(wanted, rel=1e-5)


def test_embeddings_are_compared_by_cosine() -> None:
    found = nearest_by_embedding(np.array([[1.0, 0], [0, 1.0]]), np.array([[1.0, 0], [-1.0, 0]]))
    np.testing.assert_allclose(found, [0, 1])


def test_figures_are_beside_strangers_and_chance() -> None:
    near = Near(
        inside=np.array([1.0, 2, 3, 3]),
        outside=np.array([2.0, 3, 2, 3]),
        strangers=np.array([4.0, 5, 3]),
        shares=np.full(4, 0.5),
        groups=("a", "a", "b", "b"),
    )
    found = nearness(near)
    assert (found["to_clips"], found["strangers"], found["ratio"], found["least_ratio"]) == (2.5, 4, 0.625, 0.25)
    assert found["nearer"].value == 2.5 / 4, "a draw is half a win"
    assert found["nearer"].chance == 0.5
    assert found["nearer"].low < found["nearer"].high


def test_without_strangers_there_is_no_yardstick() -> None:
    one = Near(np.ones(2), np.zeros(2), np.zeros(0), np.full(2, 0.4), ("a", "a"))
    found = nearness(one)
    assert found["ratio"] is None
    assert (found["nearer"].value, found["nearer"].low, found["nearer"].chance) == (0, None, 0.4)
