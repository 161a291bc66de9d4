"""Groups of a label's clips that sound alike: what a mean over all of a label levels, a mean over each group keeps.

Clusters of a teacher's embeddings, by Lloyd's k-means over directions. A label's items are shared among its groups as
its clips are, one at least for each.
"""

from typing import NamedTuple

import numpy as np

from exclaim.condense.method import Embeddings
from exclaim.condense.real import Real
from exclaim.errors import CorpusError, RecipeError

__all__ = ["Group", "groups_of", "merged", "shared_out"]

_TINY = 1e-12


class Group(NamedTuple):
    """Clips, and the items that stand for them."""

    clips: np.ndarray  # (m,) int, where they are in the corpus
    items: slice  # of the label's own items


def groups_of(
    real: Real, label: int, each: int, count: int, embeddings: Embeddings | None, seed: int, least: int = 1
) -> list[Group]:
    """Return the groups of a label's clips; one holds them all.

    Args:
        real: the corpus.
        label: whose clips.
        each: items of the label, ``count`` at least.
        count: of groups.
        embeddings: (n, d) of all clips of the corpus; not asked for one group.
        seed: of the clusters' first centres.
        least: clips of a group; a smaller one joins the one whose centre is nearest, so there may be fewer groups.

    Raises:
        CorpusError: when a label has fewer clips than groups.
        RecipeError: when it has fewer items than groups, or nothing to group its clips by.
    """
    own = real.of(label)
    if count == 1:
        return [Group(own, slice(0, each))]
    if embeddings is None:
        raise RecipeError("clips are grouped by a teacher's embedding, but there is no teacher; name one")
    if each < count:
        raise RecipeError(f"{count} groups share {each} items of a label; expected no fewer items")
    if len(own) < count:
        raise CorpusError(f"label {label} has {len(own)} training clips; {count} groups were asked for: ask for fewer")
    from sklearn.cluster import KMeans

    known = embeddings[own]
    directions = known / np.maximum(np.linalg.norm(known, axis=1, keepdims=True), _TINY)
    cluster = merged(KMeans(count, n_init=3, random_state=seed).fit_predict(directions), directions, least)
    sizes = np.bincount(cluster, minlength=count)
    ends = np.cumsum(shared_out(each, sizes))
    begins = np.concatenate([[0], ends[:-1]])
    return [Group(own[cluster == at], slice(int(begins[at]), int(ends[at]))) for at in range(count) if sizes[at]]


def merged(cluster: np.ndarray, points: np.ndarray, least: int) -> np.ndarray:
    """Return clusters of which none has fewer than so many points, the smallest joining the nearest until it is so.

    Args:
        cluster: (n,) int, of each point.
        points: (n, d).
        least: points of a cluster; where there are fewer in all, one cluster holds them.
    """
    whole = cluster.copy()
    while True:
        names, sizes = np.unique(whole, return_counts=True)
        if len(names) == 1 or sizes.min() >= least:
            return whole
        centres = np.stack([points[whole == name].mean(axis=0) for name in names])
        smallest = int(sizes.argmin())
        distance = np.linalg.norm(centres - centres[smallest], axis=1)
        distance[smallest] = np.inf
        whole[whole == names[smallest]] = names[distance.argmin()]


def shared_out(items: int, sizes: np.ndarray) -> np.ndarray:
    """Return how many of the items each group gets: by its size, one at least where it has clips (k,) int.

    What is left over after whole shares goes to the largest remainders.

    Args:
        items: as many as there are groups with clips, at least.
        sizes: (k,) of the groups.
    """
    shares = np.where(sizes > 0, 1.0, 0.0)
    free = items - shares.sum()
    wanted = free * sizes / sizes.sum()
    whole = np.floor(wanted)
    order = np.argsort(-(wanted - whole), kind="stable")
    whole[order[: round(free - whole.sum())]] += 1
    return (shares + whole).astype(np.int64)
