"""Attacks that look at a set and ask no network: towards which clips do its items lean?

Whoever is handed a set holds its items. That is more than the answers of one network trained on them: items whose mean
is that of the clips tell whose clips these were, as published frequencies of alleles tell whose genomes they were
counted in (Homer et al., PLoS Genetics 4(8), 2008), and an item that stands for few clips lies near them (Chen et al.,
arXiv 1909.03935, for generated pictures). Both are seen best in whitened principal components of the clips.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from exclaim.areas import area_means
from exclaim.learn.views import dequantise
from exclaim.privacy.halves import other_pairs

__all__ = ["Looks", "by_means", "by_nearest", "looks_of", "of_speakers"]

_CELLS = (32, 16)  # bands and frames at most; a voice is in the bands
_COMPONENTS = 128  # at most
_LEAST = 1e-6  # of the largest variance: a component with less is none
_OWN = 0.5  # how far a component's own slope is trusted, beside that of all


class Looks(NamedTuple):
    """Clips and items as the attacker sees them."""

    clips: np.ndarray  # (n, k) float64, whitened
    items: np.ndarray  # (shadows, labels, each, k) float64, of each shadow's set, label by label


def looks_of(windows: np.ndarray, sets: np.ndarray, labels: int) -> Looks:
    """Return clips and items in the clips' whitened principal components.

    Args:
        windows: (n, bands, frames) uint8 of all clips, in or out alike.
        sets: (shadows, m, bands, frames) uint8, items label by label, as many of each.
        labels: how many there are.
    """
    bands, frames = windows.shape[1:]
    rows, columns = min(bands, _CELLS[0]), min(frames, _CELLS[1])
    tall, wide = area_means(bands, rows), area_means(frames, columns).T

    def cells(codes: np.ndarray) -> np.ndarray:
        return np.stack([(tall @ dequantise(code) @ wide).ravel() for code in codes]).astype(np.float64)

    flat = cells(windows)
    centre = flat.mean(axis=0)
    variances, axes = np.linalg.eigh(np.cov((flat - centre).T))
    kept = np.flatnonzero(variances > _LEAST * variances[-1])[::-1][:_COMPONENTS]
    whitened = axes[:, kept] / np.sqrt(variances[kept])
    seen = (cells(sets.reshape(-1, bands, frames)) - centre) @ whitened
    return Looks((flat - centre) @ whitened, seen.reshape(len(sets), labels, -1, len(kept)))


def by_means(looks: Looks, labels: np.ndarray, inside: np.ndarray) -> dict[str, np.ndarray]:
    """Return how far a clip lies where a set's mean of its label has moved to: scores by way, (shadows, n).

    Args:
        looks: clips and items.
        labels: (n,) int, of the clips.
        inside: (shadows, n) bool, drawn in pairs.

    ``means`` takes the move as it is, from the mean over the other pairs' sets. ``means, fitted`` weighs its components
    by how well they told, in the other pairs, where the mean of the clips that were in had moved to.
    """
    kinds = range(looks.items.shape[1])
    centres = np.stack([looks.clips[labels == kind].mean(axis=0) for kind in kinds])
    off = looks.clips - centres[labels]
    sets = looks.items.mean(axis=2)
    halves = np.stack([[off[row & (labels == kind)].mean(axis=0) for kind in kinds] for row in inside])
    plain, fitted = np.empty(inside.shape), np.empty(inside.shape)
    for target in range(len(inside)):
        others = other_pairs(len(inside), target)
        base = sets[others].mean(axis=0)
        moved, known = sets[target] - base, sets[others] - base
        with np.errstate(invalid="ignore", divide="ignore"):
            each = (known * halves[others]).sum(axis=(0, 1)) / np.square(known).sum(axis=(0, 1))
            whole = (known * halves[others]).sum() / np.square(known).sum()
        slopes = np.maximum(np.nan_to_num(_OWN * each + (1 - _OWN) * whole), 0)
        plain[target] = (off * moved[labels]).sum(axis=1)
        fitted[target] = (off * (moved * slopes)[labels]).sum(axis=1)
    return {"the set's means": plain, "the set's means, fitted": fitted}


def by_nearest(looks: Looks, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Return how alike a clip and the nearest item of its label are: scores by way, (shadows, n).

    Args:
        looks: clips and items.
        labels: (n,) int, of the clips.

    ``nearest item`` needs no shadow: the highest cosine. ``nearest item, calibrated`` compares a clip's likeness to a
    set with its likeness to the other pairs' sets, for some clips are like everything.
    """
    shadows = len(looks.items)
    long = np.maximum(np.linalg.norm(looks.clips, axis=1), 1e-12)
    near = np.empty((shadows, len(labels)))
    for kind in range(looks.items.shape[1]):
        own = labels == kind
        for shadow, items in enumerate(looks.items[:, kind]):
            directions = items / np.maximum(np.linalg.norm(items, axis=1, keepdims=True), 1e-12)
            near[shadow, own] = (looks.clips[own] @ directions.T).max(axis=1)
    calibrated = np.stack([near[t] - near[other_pairs(shadows, t)].mean(axis=0) for t in range(shadows)])
    return {"nearest item": near / long, "nearest item, calibrated": calibrated}


def of_speakers(scores: Mapping[str, np.ndarray], owner: np.ndarray) -> dict[str, np.ndarray]:
    """Return scores of clips (shadows, n) as means over each speaker's clips (shadows, speakers)."""
    counts = np.bincount(owner)
    return {way: np.stack([np.bincount(owner, row) / counts for row in rows]) for way, rows in scores.items()}
