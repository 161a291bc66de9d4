"""DD-Ranking's scores of a condensed set: what it is worth without its soft labels and without augmentation.

Source: Li et al., arXiv 2505.13300; the project's own documentation (github.com/NUS-HPC-AI-Lab/DD-Ranking)
gives the same definitions. Theirs are of accuracy, which is UAR where every label has as many clips. Where a set is no
better than a random subset and as good as the whole corpus, a score is 26.9 %.
"""

import math
from typing import TypeVar

import numpy as np

__all__ = ["augmentation_robust_score", "label_robust_score"]

Quality = TypeVar("Quality", float, np.ndarray)  # in [0, 1]; an array holds draws
_LEAST, _MOST = math.exp(-1), math.e


def label_robust_score(
    whole_hard: Quality, set_hard: Quality, set_own: Quality, random_own: Quality, weight: float = 0.5
) -> Quality:
    """Return the label-robust score (LRS), in per cent.

    Args:
        whole_hard: quality of a network trained on the whole corpus with hard labels.
        set_hard: on the set, with hard labels; what it lacks to the whole is the hard label recovery.
        set_own: on the set, as it is meant to be trained on, soft labels included.
        random_own: on a random subset of the same size, trained on alike; what the set has more is the improvement over
            random.
        weight: of the improvement over random beside the hard label recovery, 0 to 1.
    """
    return _scaled(weight * (set_own - random_own) - (1 - weight) * (whole_hard - set_hard))


def augmentation_robust_score(
    set_changed: Quality, random_changed: Quality, set_plain: Quality, random_plain: Quality, weight: float = 0.5
) -> Quality:
    """Return the augmentation-robust score (ARS), in per cent.

    Args:
        set_changed: quality of a network trained on the set with augmentation.
        random_changed: on a random subset of the same size, trained on alike.
        set_plain: on the set, without any augmentation.
        random_plain: on the random subset, without any.
        weight: of what is gained with augmentation beside what is gained without, 0 to 1.
    """
    return _scaled(weight * (set_changed - random_changed) + (1 - weight) * (set_plain - random_plain))


def _scaled(gain: Quality) -> Quality:
    """Return a gain of [-1, 1] as 0 to 100, as the paper scales it."""
    return 100 * (np.exp(gain) - _LEAST) / (_MOST - _LEAST)
