"""Halves of the training clips, drawn in pairs: what is in one of a pair is out of the other.

So every clip is in exactly half of the shadows. And an attack that leaves out the attacked shadow *and its complement*
has as many answers in as out for every clip. Leaving out the attacked shadow alone would not: a clip that was in it
would have one answer in fewer, and the count alone would tell members.
"""

import numpy as np

__all__ = ["balanced_halves", "other_pairs"]


def balanced_halves(groups: np.ndarray, strata: np.ndarray, shadows: int, seed: int) -> np.ndarray:
    """Draw halves.

    Args:
        groups: (n,) what goes in or out as one: a number for each clip, or the number of its speaker.
        strata: (n,) int, the same for all clips of a group: of each, half of the groups are in, such as of each label.
        shadows: how many halves, even.
        seed: of the draw; a pair depends on it and on its own number alone.

    Returns:
        (shadows, n) bool, whether a clip is in; rows 2k and 2k + 1 are each other's complement. Where a stratum has an
        odd number of groups, chance decides which of the pair has one more.
    """
    names, first, owner = np.unique(groups, return_index=True, return_inverse=True)
    own = np.asarray(strata)[first]
    rows = np.zeros((shadows, len(groups)), bool)
    for pair in range(shadows // 2):
        rng = np.random.default_rng([seed, 11, pair])
        inside = np.zeros(len(names), bool)
        for stratum in np.unique(own):
            members = rng.permutation(np.flatnonzero(own == stratum))
            inside[members[: (len(members) + int(rng.integers(2))) // 2]] = True
        rows[2 * pair], rows[2 * pair + 1] = inside[owner], ~inside[owner]
    return rows


def other_pairs(shadows: int, target: int) -> np.ndarray:
    """Return which shadows an attack on one of them may learn from, (shadows,) bool: neither it nor its complement."""
    return np.arange(shadows) // 2 != target // 2
