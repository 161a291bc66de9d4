"""What listeners heard in a clip, as a soft label.

An adapter puts votes into a clip's ``extra`` under ``votes_LABEL``, one for each of the labels that listeners could
choose from; so they travel in every kind of manifest.
"""

from collections.abc import Mapping, Sequence

from exclaim.corpora.clip import Clip

__all__ = ["vote_extra", "vote_shares"]

_PREFIX = "votes_"


def vote_extra(votes: Mapping[str, float], labels: Sequence[str]) -> dict[str, str | float]:
    """Return what a clip's ``extra`` says of its votes; nothing where nobody voted.

    Args:
        votes: by label; one that is not named had none.
        labels: that could be voted for.
    """
    return {f"{_PREFIX}{label}": float(votes.get(label, 0)) for label in labels} if any(votes.values()) else {}


def vote_shares(clip: Clip, labels: Sequence[str]) -> tuple[float, ...] | None:
    """Return the share of the votes that each label had, or None where no votes for these labels are known.

    Args:
        clip: of any corpus.
        labels: in the order of a head's outputs.

    Returns:
        (labels,) shares that sum to 1.
    """
    votes = [clip.extra.get(f"{_PREFIX}{label}") for label in labels]
    counts = [float(vote) for vote in votes if isinstance(vote, int | float)]
    whole = sum(counts)
    return tuple(count / whole for count in counts) if len(counts) == len(labels) and whole > 0 else None
