"""Subsets of the training clips: the baselines that a learnt set of the same size has to beat."""

import numpy as np

from exclaim.condense.method import Embeddings
from exclaim.condense.real import Real
from exclaim.errors import CorpusError, RecipeError

__all__ = ["herd", "herding", "k_means", "random_clips"]


def random_clips(real: Real, each: int, labels: int, embeddings: Embeddings | None, seed: int) -> np.ndarray:
    """Choose clips at random."""
    rng = np.random.default_rng([seed, 2])
    return np.concatenate([rng.choice(_enough(real, label, each), each, replace=False) for label in range(labels)])


def herding(real: Real, each: int, labels: int, embeddings: Embeddings | None, seed: int) -> np.ndarray:
    """Choose clips whose mean embedding follows their label's."""
    known = _known(embeddings)
    chosen = []
    for label in range(labels):
        own = _enough(real, label, each)
        chosen.append(own[herd(known[own], each)])
    return np.concatenate(chosen)


def herd(embeddings: np.ndarray, count: int) -> np.ndarray:
    """Return rows in the order in which the mean of those chosen stays nearest to the mean of all.

    Args:
        embeddings: (n, d).
        count: how many, n at most.

    Source: Welling, "Herding dynamical weights to learn", ICML 2009; as Rebuffi et al., arXiv 1611.07725, choose
    exemplars.
    """
    mean = embeddings.mean(axis=0)
    whole = np.zeros_like(mean)
    free = np.ones(len(embeddings), bool)
    chosen = []
    for number in range(1, count + 1):
        distance = np.linalg.norm(mean - (whole + embeddings) / number, axis=1)
        best = int(np.where(free, distance, np.inf).argmin())
        free[best] = False
        whole = whole + embeddings[best]
        chosen.append(best)
    return np.array(chosen)


def k_means(real: Real, each: int, labels: int, embeddings: Embeddings | None, seed: int) -> np.ndarray:
    """Choose the clip nearest to the centre of each of ``each`` clusters of a label's embeddings (Lloyd's k-means)."""
    from sklearn.cluster import KMeans

    known = _known(embeddings)
    chosen = []
    for label in range(labels):
        own = _enough(real, label, each)
        centres = KMeans(each, n_init=3, random_state=seed).fit(known[own]).cluster_centers_
        free = np.ones(len(own), bool)
        for centre in centres:
            distance = np.where(free, np.linalg.norm(known[own] - centre, axis=1), np.inf)
            best = int(distance.argmin())
            free[best] = False
            chosen.append(own[best])
    return np.array(chosen)


def _enough(real: Real, label: int, each: int) -> np.ndarray:
    own = real.of(label)
    if len(own) < each:
        raise CorpusError(f"label {label} has {len(own)} training clips; {each} were asked for: ask for fewer items")
    return own


def _known(embeddings: Embeddings | None) -> np.ndarray:
    if embeddings is None:
        raise RecipeError("clips are chosen by a teacher's embedding, but there is no teacher; name one")
    return embeddings
