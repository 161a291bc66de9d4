"""Every clip is in exactly half of the shadows, whatever is left out."""

import numpy as np
import pytest

from exclaim.privacy.halves import balanced_halves, other_pairs

LABELS = np.repeat([0, 1, 2], [10, 7, 5])


def test_a_pair_is_complementary_and_halves_every_label() -> None:
    rows = balanced_halves(np.arange(22), LABELS, 8, 0)
    assert (rows[0::2] == ~rows[1::2]).all()
    assert (rows.sum(axis=0) == 4).all()
    for label, count in ((0, 10), (1, 7), (2, 5)):
        inside = rows[:, label == LABELS].sum(axis=1)
        assert set(inside.tolist()) <= {count // 2, -(-count // 2)}
    assert len({row.tobytes() for row in rows}) == 8, "every half is another"


def test_without_a_pair_every_clip_has_as_many_answers_in_as_out() -> None:
    rows = balanced_halves(np.arange(22), LABELS, 8, 0)
    for target in range(8):
        others = other_pairs(8, target)
        assert not others[target]
        assert others.sum() == 6
        assert (rows[others].sum(axis=0) == 3).all()


def test_a_group_goes_whole() -> None:
    speakers = np.repeat(np.arange(9), 4)
    rows = balanced_halves(speakers, np.zeros(36, int), 6, 3)
    by_speaker = rows.reshape(6, 9, 4)
    assert (by_speaker == by_speaker[:, :, :1]).all()
    assert set(by_speaker[:, :, 0].sum(axis=1).tolist()) <= {4, 5}


@pytest.mark.parametrize("seed", [0, 1])
def test_more_shadows_leave_the_first_ones_as_they_were(seed: int) -> None:
    few, many = (balanced_halves(np.arange(22), LABELS, count, seed) for count in (6, 12))
    assert (few == many[:6]).all()
    assert not (few == balanced_halves(np.arange(22), LABELS, 6, seed + 1)).all()
