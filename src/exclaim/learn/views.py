"""Epochs as pure functions of (seed, view): the same number gives the same crops, masks, noise, mixtures and order.

So a teacher's answers for a view can be kept and used again, and a run that was stopped goes on as if it had not been.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from exclaim.corpora.clip import Clip
from exclaim.learn.compose import ambience_alone, burst_window, plain_window
from exclaim.learn.examples import Example
from exclaim.learn.recipe import Recipe
from exclaim.learn.store import FeatureStore

__all__ = ["Batch", "Drawn", "Views", "dequantise", "plain_batches", "quantise"]


class Batch(NamedTuple):
    """Windows with what they should be answered."""

    windows: np.ndarray  # (n, 128, 188) float32 in [-1, 1]; of waveforms (n, samples), NaN beyond a clip's end
    targets: dict[str, np.ndarray]  # head -> (n, labels) float32, each row a distribution
    weights: dict[str, np.ndarray]  # head -> (n,) float32; 0 where the head's answer is not known


class Drawn(NamedTuple):
    """The windows of a view in their order, before any mixing: what a cache keeps."""

    windows: np.ndarray  # (n, 128, 188) uint8: [-1, 1] in 255 steps, of 0.31 dB each
    heard: np.ndarray  # (n,) bool: whether enough of the burst lies in the window for its label to hold


class Views:
    """The training windows of a recipe."""

    def __init__(
        self,
        recipe: Recipe,
        store: FeatureStore,
        examples: Sequence[Example],
        ambience: Sequence[Clip],
        seed: int,
        quiet: bool = False,
    ) -> None:
        """Take the examples of one part of the split, and the ambience of the same part.

        ``quiet`` views are the same windows before noise was put into them: same order, same crops, same masks.
        """
        self._recipe = recipe
        self._store = store
        self._examples = examples
        self._ambience = ambience
        self._seed = seed
        self._quiet = quiet
        self._positive = [i for i, example in enumerate(examples) if example.positive]
        self._other = [i for i, example in enumerate(examples) if not example.positive]

    @property
    def windows(self) -> int:
        """How many windows a view has."""
        return self._recipe.draw.windows if self._recipe.draw else len(self._examples)

    def batches(self, view: int, size: int) -> Iterator[Batch]:
        """Yield the batches of a view, ``size`` windows each; the last one may be smaller."""
        rng = np.random.default_rng([self._seed, view])
        order = self._order(rng)
        drawn = self.drawn(view, order, size)
        for begin, windows in zip(range(0, len(order), size), drawn, strict=True):
            part = order[begin : begin + size]
            yield self._mixed(self._labelled(part, dequantise(windows.windows), windows.heard), rng)

    def drawn(self, view: int, order: Sequence[int | None], size: int) -> Iterator[Drawn]:
        """Yield the windows of a view, ``size`` at a time."""
        for begin in range(0, len(order), size):
            made = [self._draw(view, begin + i, index) for i, index in enumerate(order[begin : begin + size])]
            yield Drawn(np.stack([quantise(window) for window, _ in made]), np.array([heard for _, heard in made]))

    def _order(self, rng: np.random.Generator) -> list[int | None]:
        """Return which example each window of a view holds, None for ambience alone."""
        draw = self._recipe.draw
        if draw is None and self._recipe.schedule.balanced:
            return self._balanced(rng)
        if draw is None:
            return list(map(int, rng.permutation(len(self._examples))))
        positive = round(draw.windows * draw.positive)
        alone = round((draw.windows - positive) * draw.ambience_alone)
        chosen: list[int | None] = [None] * alone
        chosen += _without_repeats(self._positive, positive, rng)
        chosen += _without_repeats(self._other, draw.windows - positive - alone, rng)
        return [chosen[i] for i in rng.permutation(len(chosen))]

    def _balanced(self, rng: np.random.Generator) -> list[int | None]:
        """Return as many windows as there are examples, each label of the task equally often, and "no label" as one."""
        task = self._recipe.task
        labels = np.array([e.targets[task].argmax() if e.weights[task] else -1 for e in self._examples])
        groups = [np.flatnonzero(labels == label).tolist() for label in sorted(set(labels.tolist()))]
        each = -(-len(self._examples) // len(groups))
        chosen = [index for group in groups for index in _without_repeats(group, each, rng)]
        return [chosen[i] for i in rng.permutation(len(chosen))[: len(self._examples)]]

    def _draw(self, view: int, position: int, index: int | None) -> tuple[np.ndarray, bool]:
        rng = np.random.default_rng([self._seed, view, position])
        options = self._recipe.augment
        if index is None:
            made = ambience_alone(self._background(rng), options, rng)
            return made.window, True
        example = self._examples[index]
        background = self._background(rng) if rng.random() < options.ambience else None
        made = burst_window(self._store.codes(example.clip), background, options, rng, self._quiet)
        return made.window, made.heard

    def _background(self, rng: np.random.Generator) -> np.ndarray:
        return self._store.codes(self._ambience[int(rng.integers(len(self._ambience)))])

    def _labelled(self, order: Sequence[int | None], windows: np.ndarray, heard: np.ndarray) -> Batch:
        """Return windows with what the examples in them should be answered."""
        examples = [None if index is None else self._examples[index] for index in order]
        targets: dict[str, np.ndarray] = {}
        weights: dict[str, np.ndarray] = {}
        for name, head in self._recipe.heads.items():
            # ambience alone is the first label of a detection and unknown to every other head
            alone = 1.0 if name == self._recipe.task and self._recipe.draw else 0.0
            first = np.eye(len(head.labels), dtype=np.float32)[0]
            targets[name] = np.stack([example.targets[name] if example else first for example in examples])
            weights[name] = np.array(
                [
                    (example.weights[name] if whole else 0.0) if example else alone
                    for example, whole in zip(examples, heard, strict=True)
                ],
                np.float32,
            )
        return Batch(windows, targets, weights)

    def _mixed(self, batch: Batch, rng: np.random.Generator) -> Batch:
        """Mix every window with a partner of the same batch (mixup, arXiv 1710.09412)."""
        if not self._recipe.augment.mixup:
            return batch
        count = len(batch.windows)
        share = rng.beta(self._recipe.augment.mixup, self._recipe.augment.mixup, count).astype(np.float32)
        share = np.maximum(share, 1 - share)
        partner = rng.permutation(count)
        windows = batch.windows * share[:, None, None] + batch.windows[partner] * (1 - share)[:, None, None]
        targets, weights = {}, {}
        for name, target in batch.targets.items():
            weight = batch.weights[name]
            own, other = share * weight, (1 - share) * weight[partner]
            whole = np.maximum(own + other, np.float32(1e-9))
            targets[name] = (target * own[:, None] + target[partner] * other[:, None]) / whole[:, None]
            targets[name][own + other == 0] = target[own + other == 0]
            weights[name] = own + other
        return Batch(windows, targets, weights)


def quantise(window: np.ndarray) -> np.ndarray:
    """Return a window of [-1, 1] in 255 steps: uint8. Every window that is trained on has gone through it."""
    return np.round((window + 1) * np.float32(127.5)).astype(np.uint8)


def dequantise(codes: np.ndarray) -> np.ndarray:
    """Return what :func:`quantise` kept: float32 in [-1, 1]."""
    return codes.astype(np.float32) * np.float32(1 / 127.5) - np.float32(1)


def _without_repeats(indices: list[int], count: int, rng: np.random.Generator) -> list[int]:
    """Draw ``count`` of ``indices``, each as often as the others (give or take one)."""
    if not indices:
        return []
    rounds = [rng.permutation(indices) for _ in range(-(-count // len(indices)))]
    return [int(i) for i in np.concatenate([*rounds, np.empty(0, np.int64)])[:count]]


def plain_batches(recipe: Recipe, store: FeatureStore, examples: Sequence[Example], size: int) -> Iterator[Batch]:
    """Yield clips as they are, cut or padded with floor to 3 s, in their order."""
    for begin in range(0, len(examples), size):
        part = examples[begin : begin + size]
        yield Batch(
            np.stack([plain_window(store.codes(example.clip)) for example in part]),
            {name: np.stack([example.targets[name] for example in part]) for name in recipe.heads},
            {name: np.array([example.weights[name] for example in part], np.float32) for name in recipe.heads},
        )
