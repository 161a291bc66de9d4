"""Clips in groups, and items shared out among them."""

import numpy as np
import pytest

from exclaim.condense.groups import groups_of, merged, shared_out
from exclaim.condense.real import Real
from exclaim.errors import CorpusError, RecipeError


def corpus(count: int) -> Real:
    windows = np.zeros((count, 8, 8), np.uint8)
    return Real(windows, np.arange(count) % 2, "ab" * 32, windows.nbytes, {})


def test_items_follow_the_sizes_of_groups_and_none_is_left_without() -> None:
    assert shared_out(10, np.array([50, 30, 20])).tolist() == [5, 3, 2]
    assert shared_out(4, np.array([97, 1, 1, 1])).tolist() == [1, 1, 1, 1]
    assert shared_out(7, np.array([97, 1, 0, 1])).tolist() == [5, 1, 0, 1]
    rng = np.random.default_rng(0)
    for _ in range(50):
        sizes = rng.integers(0, 40, 6)
        sizes[0] += 1
        items = int(rng.integers((sizes > 0).sum(), 60))
        shares = shared_out(items, sizes)
        assert shares.sum() == items
        assert ((shares > 0) == (sizes > 0)).all()


def test_groups_are_the_clusters_of_directions_and_hold_every_clip_of_the_label_once() -> None:
    rng = np.random.default_rng(1)
    real = corpus(120)
    centres = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], float)
    cluster = rng.permutation(np.repeat(np.arange(3), 40))
    length = rng.uniform(0.1, 10, (120, 1))  # a direction is not how far
    embeddings = (centres[cluster] + rng.normal(0, 0.05, (120, 3))) * length
    groups = groups_of(real, 1, 9, 3, embeddings, 0)
    assert sorted(np.concatenate([group.clips for group in groups]).tolist()) == real.of(1).tolist()
    assert all(len(set(cluster[group.clips])) == 1 for group in groups)
    covered = np.concatenate([np.arange(9)[group.items] for group in groups])
    assert covered.tolist() == list(range(9))
    again = groups_of(real, 1, 9, 3, embeddings, 0)
    assert all((a.clips == b.clips).all() and a.items == b.items for a, b in zip(groups, again, strict=True))


def test_a_small_group_joins_the_nearest() -> None:
    points = np.concatenate([np.zeros((12, 1)), np.full((11, 1), 5.0), np.full((2, 1), 4.0), np.full((1, 1), 9.0)])
    found = merged(np.repeat([0, 1, 2, 3], [12, 11, 2, 1]), points, 10)
    assert found.tolist() == [0] * 12 + [1] * 14
    assert len(set(merged(np.arange(4), points[:4], 10))) == 1
    np.testing.assert_array_equal(merged(np.arange(4), points[:4], 1), np.arange(4))
    rng = np.random.default_rng(0)
    real = corpus(60)
    groups = groups_of(real, 0, 9, 8, rng.normal(size=(60, 3)), 0, least=10)
    assert min(len(group.clips) for group in groups) >= 10
    assert sorted(np.concatenate([group.clips for group in groups]).tolist()) == real.of(0).tolist()


def test_one_group_is_the_label() -> None:
    real = corpus(10)
    (group,) = groups_of(real, 0, 4, 1, None, 0)
    assert group.clips.tolist() == real.of(0).tolist()
    assert group.items == slice(0, 4)


def test_what_cannot_be_grouped_is_refused() -> None:
    real = corpus(10)
    known = np.eye(10)
    with pytest.raises(CorpusError, match="label 0 has 5 training clips; 6 groups"):
        groups_of(real, 0, 8, 6, known, 0)
    with pytest.raises(RecipeError, match="3 groups share 2 items"):
        groups_of(real, 0, 2, 3, known, 0)
    with pytest.raises(RecipeError, match="no teacher"):
        groups_of(real, 0, 4, 3, None, 0)
