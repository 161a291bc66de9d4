"""Views kept on disk, so that composing them does not hold up a small student.

A view's file has every window in its order, 24,064 bytes each. It is read batch by batch and not mapped, so that memory
does not grow with the corpus. The folder is named by all that shapes a window; when any of it changes the name does.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

from exclaim.card import front_end_hash
from exclaim.corpora.clip import Clip
from exclaim.features import N_MELS, WINDOW_FRAMES
from exclaim.learn.examples import Example
from exclaim.learn.recipe import Recipe, canonical
from exclaim.learn.store import FeatureStore
from exclaim.learn.views import Drawn, Views

__all__ = ["CachedViews", "views_key", "views_seed"]

_BYTES = N_MELS * WINDOW_FRAMES


def views_seed(recipe: Recipe) -> int:
    """Return the seed of a recipe's views."""
    return recipe.seed if recipe.schedule.views_seed is None else recipe.schedule.views_seed


def views_key(recipe: Recipe, data_hash: str, quiet: bool = False) -> str:
    """Return the SHA-256 of all that shapes a recipe's windows before they are mixed.

    Args:
        recipe: whose views.
        data_hash: of the samples of the examples and of the ambience, in their order.
        quiet: of the views without their noise.
    """
    unmixed = msgspec.structs.replace(recipe.augment, mixup=0.0)
    parts = [views_seed(recipe), data_hash, front_end_hash(), unmixed, recipe.draw, recipe.schedule.balanced]
    if recipe.draw or recipe.schedule.balanced:  # who is drawn how often hangs on the labels too
        parts += [recipe.task, recipe.heads, recipe.scores]
    if quiet:
        parts.append("quiet")
    return hashlib.sha256(canonical(parts)).hexdigest()


class CachedViews(Views):
    """Views whose windows are composed once."""

    def __init__(
        self,
        recipe: Recipe,
        store: FeatureStore,
        examples: Sequence[Example],
        ambience: Sequence[Clip],
        folder: Path | None,
    ) -> None:
        """Take what :class:`~exclaim.learn.views.Views` takes; ``folder`` None keeps nothing."""
        super().__init__(recipe, store, examples, ambience, views_seed(recipe))
        self._folder = folder

    def drawn(self, view: int, order: Sequence[int | None], size: int) -> Iterator[Drawn]:
        """Yield the windows of a view, ``size`` at a time, from its file where there is one."""
        path = None if self._folder is None else self._folder / f"view-{view:04d}.u8"
        if path is None:
            yield from super().drawn(view, order, size)
        elif _is_whole(path, len(order)):
            yield from _read(path, len(order), size)
        else:
            yield from _kept(path, super().drawn(view, order, size))


def _is_whole(path: Path, count: int) -> bool:
    """Tell whether a file holds a view; one that was cut is composed anew."""
    return path.is_file() and path.stat().st_size == count * (_BYTES + 1)


def _read(path: Path, count: int, size: int) -> Iterator[Drawn]:
    heard = np.fromfile(path, np.uint8, count, offset=count * _BYTES).astype(bool)
    with path.open("rb") as file:
        for begin in range(0, count, size):
            part = heard[begin : begin + size]
            codes = np.frombuffer(file.read(len(part) * _BYTES), np.uint8)
            yield Drawn(codes.reshape(len(part), N_MELS, WINDOW_FRAMES), part)


def _kept(path: Path, made: Iterator[Drawn]) -> Iterator[Drawn]:
    """Pass windows on and write them; the file appears only when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".partial-{os.getpid()}")
    heard = []
    try:
        with partial.open("wb") as file:
            for drawn in made:
                file.write(np.ascontiguousarray(drawn.windows).tobytes())
                heard.append(drawn.heard)
                yield drawn
            file.write(np.concatenate(heard).astype(np.uint8).tobytes())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
