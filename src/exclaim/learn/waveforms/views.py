"""The training waveforms of a recipe: pure functions of (seed, view), as log-mel windows are."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np

from exclaim.audio import read_audio
from exclaim.corpora.clip import Clip
from exclaim.features import SAMPLE_RATE
from exclaim.learn.examples import Example
from exclaim.learn.recipe import Recipe
from exclaim.learn.store import FeatureStore
from exclaim.learn.view_cache import views_seed
from exclaim.learn.views import Batch, Views
from exclaim.learn.waveforms.sound import augmented, crop, padded

__all__ = ["WaveformViews"]

_RECORDINGS = 64  # of ambience held decoded: 8 MB for two minutes


class WaveformViews(Views):
    """Clips cut to a length, at drawn levels, in drawn noise; ``Batch.windows`` is (n, samples), NaN beyond the end.

    Clips are decoded for every view, by a thread for each core: decoding is fast beside a network of this size, and a
    corpus of waveforms is large beside one of frames.
    """

    def __init__(
        self,
        recipe: Recipe,
        store: FeatureStore,
        examples: Sequence[Example],
        ambience: Sequence[Clip],
        seconds: float,
    ) -> None:
        """Take what :class:`~exclaim.learn.views.Views` takes, and how much of a clip is heard at most."""
        super().__init__(recipe, store, examples, ambience, views_seed(recipe))
        self._samples = round(seconds * SAMPLE_RATE)
        self._recording = lru_cache(maxsize=_RECORDINGS)(read_audio)

    def batches(self, view: int, size: int) -> Iterator[Batch]:
        """Yield the batches of a view, ``size`` clips each; the last one may be smaller."""
        order = self._order(np.random.default_rng([self._seed, view]))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for begin in range(0, len(order), size):
                part = order[begin : begin + size]
                drawn = pool.map(lambda item: self._waveform(view, *item), enumerate(part, begin))
                yield self._labelled(part, padded(list(drawn)), np.ones(len(part), bool))

    def _waveform(self, view: int, position: int, index: int | None) -> np.ndarray:
        assert index is not None  # a recipe for waveforms draws no ambience alone
        rng = np.random.default_rng([self._seed, view, position])
        options = self._recipe.augment
        heard = crop(read_audio(self._examples[index].clip.path), self._samples, rng)
        background = None
        if rng.random() < options.ambience:
            background = self._recording(self._ambience[int(rng.integers(len(self._ambience)))].path)
        return augmented(heard, background, options, rng)
