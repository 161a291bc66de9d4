"""Speaker membership: is a speaker's voice in a set? By how alike its items are to the speaker's clips."""

import numpy as np

from exclaim.privacy.lira import likelihood_ratios

__all__ = ["ATTACKS", "likeness", "speaker_scores"]

ATTACKS = ("mean likeness", "nearest item", "mean likeness, calibrated", "nearest item, calibrated")


def likeness(clips: np.ndarray, owner: np.ndarray, items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how alike each speaker is to a set: the mean and the highest cosine with its items, (speakers,) each.

    Args:
        clips: (n, d) directions of the clips.
        owner: (n,) int, each clip's speaker, 0 to speakers - 1.
        items: (m, d) directions of the set's items.

    A speaker is the direction of the mean over the speaker's clips.
    """
    counts = np.bincount(owner)
    means = np.zeros((len(counts), clips.shape[1]))
    np.add.at(means, owner, clips)
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    cosines = means @ items.T
    return cosines.mean(axis=1), cosines.max(axis=1)


def speaker_scores(clips: np.ndarray, owner: np.ndarray, sets: list[np.ndarray], inside: np.ndarray) -> dict:
    """Return the scores of all attacks on all sets: by :data:`ATTACKS`, (shadows, speakers), the higher the surer.

    Args:
        clips: (n, d) directions of the clips.
        owner: (n,) int, each clip's speaker.
        sets: the directions of each shadow's items, (m, d).
        inside: (shadows, speakers) bool, whose clips each set was made from; rows 2k and 2k + 1 are complementary.

    Of each set the mean over speakers is taken away, for an attacker compares speakers within a set. Calibrated ones
    compare a speaker's likeness to a set with that to other sets which were and were not made from the speaker, by the
    likelihood ratio of :mod:`exclaim.privacy.lira`: some voices are like everything.
    """
    found = [likeness(clips, owner, items) for items in sets]
    plain = [np.stack(each) - np.stack(each).mean(axis=1, keepdims=True) for each in zip(*found, strict=True)]
    calibrated = [likelihood_ratios(scores, inside) for scores in plain]
    return dict(zip(ATTACKS, (*plain, *calibrated), strict=True))
