"""A condensed set in place of a recipe's training clips; it is judged on the people whom its split holds out."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

from exclaim.corpora.condensed import SUFFIX, CondensedSet, hard_targets, read_set
from exclaim.errors import CorpusError, RecipeError
from exclaim.features import N_MELS, WINDOW_FRAMES
from exclaim.learn.recipe import AugmentOptions, Recipe, Schedule, SplitOptions, canonical
from exclaim.learn.views import Batch, dequantise

__all__ = ["SetViews", "set_of", "set_views", "view_of", "windows_of", "with_learnt_rate"]


def windows_of(found: CondensedSet) -> np.ndarray:
    """Return a set's items as windows: (n, bands, frames) float32 in [-1, 1]."""
    return dequantise(found.items) if found.items.dtype == np.uint8 else found.items.astype(np.float32)


def view_of(recipe: Recipe) -> tuple[int, int]:
    """Return the cells (bands, frames) that a recipe's network sees."""
    view = recipe.network.options.get("view", (N_MELS, WINDOW_FRAMES))
    return tuple(view) if isinstance(view, Sequence) else (0, 0)


def set_of(recipe: Recipe, folders: Sequence[Path]) -> CondensedSet | None:
    """Return the condensed set that a recipe trains on, or None where it trains on corpora.

    Args:
        recipe: names the set's file under ``bursts``.
        folders: where the file is looked for, there or in a folder of its own name: beside the recipe, among the runs.

    Raises:
        CorpusError: when the file is not there, or is no set.
        RecipeError: when the recipe asks for what a set cannot give, or splits otherwise than the set did.
    """
    names = [name for name in recipe.bursts if name.endswith(SUFFIX)]
    if not names:
        _refuse_options_of_sets(recipe)
        return None
    if len(recipe.bursts) > 1:
        raise RecipeError(f"recipe {recipe.name}: {names[0]} is a condensed set and stands alone under bursts")
    found = read_set(_find(names[0], folders))
    _check(recipe, found)
    return found


def _refuse_options_of_sets(recipe: Recipe) -> None:
    schedule, usual = recipe.schedule, Schedule()
    for option in ("passes", "learning_rate_of_set", "hard_labels_of_set"):
        if getattr(schedule, option) != getattr(usual, option):
            raise RecipeError(
                f"recipe {recipe.name}: schedule.{option} is for condensed sets, and bursts names corpora; leave it out"
            )


def _find(name: str, folders: Sequence[Path]) -> Path:
    places = [place for folder in folders for place in (folder / name, folder / Path(name).stem / Path(name).name)]
    for place in places:
        if place.is_file():
            return place
    raise CorpusError(
        f"condensed set {name} was not found at {' or '.join(map(str, places))}; make it with `exclaim condense`"
    )


def _check(recipe: Recipe, found: CondensedSet) -> None:
    card = found.card
    wanted = {name: head.labels for name, head in recipe.heads.items()}
    if wanted != {card.task: card.labels}:
        raise RecipeError(
            f"recipe {recipe.name} has the heads {', '.join(wanted)}; set {card.name} teaches {card.task} alone, "
            f"with the labels {', '.join(card.labels)}"
        )
    if view_of(recipe) != card.view:
        raise RecipeError(
            f"recipe {recipe.name}: set {card.name} has items of {card.view[0]} x {card.view[1]} cells; name a network "
            f"that takes them, such as `network: {{name: cnn6, options: {{view: [{card.view[0]}, {card.view[1]}]}}}}`"
        )
    if recipe.distil or recipe.soft_labels or recipe.draw or recipe.ambience:
        raise RecipeError(
            f"recipe {recipe.name}: with a condensed set nothing is mixed in or taught beside it; leave out ambience, "
            "draw, distil and soft_labels (a set carries its teacher's labels)"
        )
    if recipe.split.held_out and canonical(recipe.split) != canonical(_split(card.split)):
        raise RecipeError(
            f"recipe {recipe.name} splits otherwise than set {card.name}, which was made from its test speakers; give "
            "both the same split, or hold nobody out (`split: {validation: 0, test: 0}`)"
        )


def _split(told: dict) -> SplitOptions:
    try:
        return msgspec.convert(told, SplitOptions)
    except msgspec.ValidationError as error:
        raise RecipeError(f"the set's card has a split that is not understood: {error}") from error


def with_learnt_rate(recipe: Recipe, found: CondensedSet) -> Recipe:
    """Return a recipe with the learning rate that its set learnt, where it asks for it.

    Raises:
        RecipeError: when the set learnt none, or the recipe takes other steps than those that it was learnt for.
    """
    if not recipe.schedule.learning_rate_of_set:
        return recipe
    if (recipe.schedule.optimizer, recipe.schedule.rate) != ("sgd", "constant"):
        raise RecipeError(
            f"recipe {recipe.name}: a set learns its rate for plain gradient descent; with learning_rate_of_set say "
            "`optimizer: sgd, rate: constant`"
        )
    if found.card.learning_rate is None:
        raise RecipeError(f"recipe {recipe.name}: set {found.card.name} learnt no learning rate; name one")
    rate = found.card.learning_rate
    return msgspec.structs.replace(recipe, schedule=msgspec.structs.replace(recipe.schedule, learning_rate=rate))


def set_views(recipe: Recipe, found: CondensedSet) -> "SetViews":
    """Return the training views of a recipe on a set."""
    seed = recipe.seed if recipe.schedule.views_seed is None else recipe.schedule.views_seed
    targets = hard_targets(found) if recipe.schedule.hard_labels_of_set else found.targets
    return SetViews(recipe.task, found.items, targets, recipe.augment, seed, recipe.schedule.passes)


class SetViews:
    """Windows in memory as training views: a condensed set's, or a corpus's at a lower resolution."""

    def __init__(
        self,
        task: str,
        windows: np.ndarray,
        targets: np.ndarray,
        augment: AugmentOptions,
        seed: int,
        passes: int = 1,
    ) -> None:
        """Take windows (n, bands, frames) and the distributions over labels (n, labels) that they have.

        Args:
            task: the head that learns.
            windows: numbers in [-1, 1], or bytes that stand for them and are widened batch by batch.
            targets: rows that sum to 1.
            augment: of which the moves, the tilt, the masks and mixup count.
            seed: of order and augmentation.
            passes: how often each window comes in one view.
        """
        self._task, self._windows, self._targets = task, windows, targets
        self._augment, self._seed, self._passes = augment, seed, passes

    @property
    def windows(self) -> int:
        """How many windows a view has."""
        return len(self._windows) * self._passes

    def batches(self, view: int, size: int) -> Iterator[Batch]:
        """Yield the batches of a view, ``size`` windows each; the last one may be smaller."""
        rng = np.random.default_rng([self._seed, view])
        order = np.concatenate([rng.permutation(len(self._windows)) for _ in range(self._passes)])
        for begin in range(0, len(order), size):
            part = order[begin : begin + size]
            windows, targets = self._mixed(self._changed(self._windows[part], rng), self._targets[part], rng)
            weights = np.ones(len(part), np.float32)
            yield Batch(windows, {self._task: targets}, {self._task: weights})

    def _changed(self, windows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        import torch  # here, so that a set can be looked at without it

        from exclaim.learn.cells import changed, draw_change

        numbers = dequantise(windows) if windows.dtype == np.uint8 else windows.astype(np.float32)
        change = draw_change(self._augment, numbers.shape[1:], rng, len(numbers))
        return changed(torch.from_numpy(numbers), change).numpy()

    def _mixed(
        self, windows: np.ndarray, targets: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mix every window with a partner of the same batch (mixup, arXiv 1710.09412)."""
        if not self._augment.mixup:
            return windows, targets
        share = rng.beta(self._augment.mixup, self._augment.mixup, len(windows)).astype(np.float32)
        share = np.maximum(share, 1 - share)
        partner = rng.permutation(len(windows))
        own, other = share[:, None], 1 - share[:, None]
        return (
            windows * own[..., None] + windows[partner] * other[..., None],
            targets * own + targets[partner] * other,
        )
