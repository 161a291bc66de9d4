"""Public clips in the sources' place, as the teacher hears them: only the teacher's answers are of the sources.

A set whose items have the sources' means tells whose clips these were (:mod:`exclaim.privacy.looks`), whatever its
items look like. What it needs of the sources is what was learnt from them, and that a teacher can say of anybody's
clips, as in PATE (Papernot et al., arXiv 1610.05755) and in distillation on unlabelled sound.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exclaim.condense.real import Real, shrinking
from exclaim.condense.recipe import CondenseRecipe
from exclaim.condense.teacher import Teacher
from exclaim.corpora.registry import corpus_info, load_corpus
from exclaim.features import WINDOW_FRAMES
from exclaim.learn.protocol import split_corpora
from exclaim.learn.store import build_store
from exclaim.learn.views import dequantise

__all__ = ["Public", "as_heard", "load_public", "most_of_each"]

_TINY = 1e-6


class Public(NamedTuple):
    """Windows of public corpora, whatever is said in them."""

    windows: np.ndarray  # (n, bands, frames) uint8
    speakers: tuple[str, ...]  # of each, or its clip's path where nobody knows
    data: str  # SHA-256 of the clips' samples
    licences: dict[str, str]  # by corpus


def load_public(
    recipe: CondenseRecipe,
    data: Path,
    cache: Path,
    progress: Callable[[str, int, int], None] = lambda *told: None,
) -> Public:
    """Read a recipe's public corpora: every window of 3 s, and what is left of a clip where that is half a window.

    Args:
        recipe: says which corpora, which split, which view.
        data: the folder of the corpora.
        cache: of feature stores.
        progress: called with (what, done, all).

    Raises:
        CorpusError: when a corpus is not there.
    """
    manifests = {name: load_corpus(name, data) for name in recipe.public}
    clips = [clip for split in split_corpora(manifests, recipe.split).values() for clip in split["train"]]
    store = build_store(clips, cache, lambda done, whole: progress("public features", done, whole))
    clips = [clip for clip in clips if clip in store]
    shrunk = shrinking(recipe.view)
    windows, speakers = [], []
    for clip in clips:
        codes = store.codes(clip)
        last = max(1, len(codes) - WINDOW_FRAMES // 2)
        for begin in range(0, last, WINDOW_FRAMES):
            windows.append(shrunk(codes[begin : begin + WINDOW_FRAMES]))
            speakers.append(clip.speaker_key or str(clip.path))
    licences = {name: corpus_info(name).licence for name in recipe.public}
    return Public(np.stack(windows), tuple(speakers), store.data_hash(clips), licences)


def as_heard(public: Public, teacher: Teacher) -> Real:
    """Return public windows as clips to condense, each with the label that a teacher hears most of in it.

    Args:
        public: the windows.
        teacher: that is asked.
    """
    told = teacher.labels(dequantise(public.windows), 1.0)
    labels = most_of_each(np.log(np.maximum(told, _TINY)))
    return Real(public.windows, labels, public.data, 0, public.licences, public.speakers)


def most_of_each(answers: np.ndarray) -> np.ndarray:
    """Return each window's label: the one that it is heard as most, compared with other windows: (n,) int64.

    A teacher that hears read speech as one emotion mostly still hears more of another in some of it; so every label has
    windows.

    Args:
        answers: (n, labels), logarithms of probabilities, or logits.
    """
    spread = np.maximum(answers.std(axis=0), _TINY)
    return ((answers - answers.mean(axis=0)) / spread).argmax(axis=1).astype(np.int64)
