"""The training clips of a condense recipe, as windows at its view: small enough to be kept in memory."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from exclaim.areas import area_means
from exclaim.condense.recipe import CondenseRecipe, learner
from exclaim.corpora.registry import corpus_info
from exclaim.errors import CorpusError
from exclaim.features import N_MELS, WINDOW_FRAMES
from exclaim.learn.compose import plain_window
from exclaim.learn.examples import load_corpora
from exclaim.learn.store import build_store
from exclaim.learn.views import dequantise, quantise

__all__ = ["Real", "check_clips", "load_real", "shrinking", "to_tensor"]


class Real(NamedTuple):
    """Training clips, each with one label."""

    windows: np.ndarray  # (n, bands, frames) uint8: [-1, 1] in 255 steps
    labels: np.ndarray  # (n,) int64
    data: str  # SHA-256 of their samples
    bytes: int  # of their features, 128 a frame, 188 frames at most
    licences: dict[str, str]  # by corpus
    speakers: tuple[str, ...] = ()  # of each clip, unique over all corpora; a clip that names none is its own

    def of(self, label: int) -> np.ndarray:
        """Return where the clips of a label are."""
        return np.flatnonzero(self.labels == label)

    def drawn(self, label: int, count: int, rng: np.random.Generator) -> np.ndarray:
        """Return ``count`` clips of a label, or all where there are fewer: (m, bands, frames) uint8."""
        own = self.of(label)
        return self.windows[rng.choice(own, min(count, len(own)), replace=False)]


def to_tensor(codes: np.ndarray, device: torch.device) -> torch.Tensor:
    """Return windows kept as bytes as float32 in [-1, 1] on a device."""
    return torch.from_numpy(dequantise(codes)).to(device)


def shrinking(view: tuple[int, int]) -> Callable[[np.ndarray], np.ndarray]:
    """Return what makes a clip's frames (frames, 128), as bytes, a window of so many cells, as bytes."""
    bands, frames = area_means(N_MELS, view[0]), area_means(WINDOW_FRAMES, view[1]).T
    return lambda codes: quantise(bands @ plain_window(codes) @ frames)


def check_clips(recipe: CondenseRecipe, real: Real) -> None:
    """Refuse a corpus that has too few training clips of a label.

    Raises:
        CorpusError: saying of which.
    """
    counts = np.bincount(real.labels, minlength=len(recipe.labels))
    for label, count in zip(recipe.labels, counts, strict=True):
        if count < recipe.least_clips:
            less = "leave it out of the labels, or add a corpus that has it"
            if count:
                less = "ask for a smaller share" if recipe.share is not None else "ask for fewer items or groups"
            raise CorpusError(
                f"recipe {recipe.name}: label {label} has {count} training clips, {recipe.least_clips} are needed; "
                f"{less}"
            )


def load_real(
    recipe: CondenseRecipe,
    data: Path,
    cache: Path,
    progress: Callable[[str, int, int], None] = lambda *told: None,
    part: str = "train",
) -> Real:
    """Read, split and shrink the sources of a recipe; only clips of one part of the split come back.

    Args:
        recipe: says which corpora, which split, which view.
        data: the folder of the corpora.
        cache: of feature stores.
        progress: called with (what, done, all).
        part: of the split: "train", whose clips alone may be condensed, or those who are held out.

    Raises:
        CorpusError: when a corpus is not there, or a speaker is in two parts of the split.
        RecipeError: when no clip has a label of the task.
    """
    corpora = load_corpora(learner(recipe), data)
    store = build_store(corpora.clips, cache, lambda done, whole: progress("features", done, whole))
    task = recipe.task
    examples = [e for e in corpora.bursts[part] if e.clip in store and e.weights[task]]
    shrunk = shrinking(recipe.view)
    windows = np.empty((len(examples), *recipe.view), np.uint8)
    size = 0
    for i, example in enumerate(examples):
        codes = store.codes(example.clip)
        windows[i] = shrunk(codes)
        size += min(len(codes), WINDOW_FRAMES) * N_MELS
        progress("windows", i + 1, len(examples))
    labels = np.array([int(example.targets[task].argmax()) for example in examples], np.int64)
    licences = {name: corpus_info(name).licence for name in recipe.sources}
    clips = [example.clip for example in examples]
    speakers = tuple(clip.speaker_key or str(clip.path) for clip in clips)
    return Real(windows, labels, store.data_hash(clips), size, licences, speakers)
