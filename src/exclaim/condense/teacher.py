"""What a trained network says of items and clips: soft labels for every method alike, embeddings to choose by.

A teacher may see the set's own view, or whole windows: then it is asked about items that are drawn out to whole ones.
It learnt from whole windows, so it may know more than any network that saw the set's view only.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from exclaim.areas import WHOLE, smooth_from
from exclaim.condense.networks import in_parts
from exclaim.condense.recipe import CondenseRecipe
from exclaim.errors import RecipeError
from exclaim.learn.calibrate import softmax
from exclaim.learn.checkpoint import load_weights
from exclaim.learn.condensed import view_of
from exclaim.learn.loop import answer
from exclaim.learn.network import network_of
from exclaim.learn.recipe import Recipe
from exclaim.learn.views import dequantise
from exclaim.learn.waveforms.options import hears_waveforms

__all__ = ["Teacher", "check_teacher"]

_BATCH = 128


def check_teacher(recipe: CondenseRecipe, teacher: Recipe) -> None:
    """Refuse a teacher that has heard the test speakers, sees no windows or another view, or answers something else.

    Raises:
        RecipeError: saying which.
    """
    if teacher.split != recipe.split:
        raise RecipeError(
            f"recipe {recipe.name} splits otherwise than its teacher {teacher.name}, which has heard its test "
            "speakers; give both the same split"
        )
    if hears_waveforms(teacher):
        raise RecipeError(
            f"teacher {teacher.name} hears waveforms and cannot be asked about items; name one on log-mel"
        )
    if view_of(teacher) not in (tuple(recipe.view), WHOLE):
        raise RecipeError(
            f"teacher {teacher.name} sees {view_of(teacher)} cells, the set's items have {tuple(recipe.view)}; give "
            "its network the same view, or none, and it sees the items drawn out to whole windows"
        )
    head = teacher.heads.get(recipe.task)
    if head is None or head.labels != recipe.labels:
        raise RecipeError(f"teacher {teacher.name} has no head {recipe.task!r} with the labels of recipe {recipe.name}")


class Teacher:
    """A trained network, asked about windows at the set's view."""

    def __init__(self, recipe: Recipe, weights: Path, task: str, device: torch.device) -> None:
        """Take the training recipe, the weights of its run, and the head that is asked."""
        network = network_of(recipe)
        load_weights(network, weights)
        self._network: nn.Module = network.to(device).eval().requires_grad_(False)
        self._task, self._device = task, device
        self.sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()  # of the weights
        self._whole = view_of(recipe) == WHOLE

    def labels(self, items: np.ndarray, temperature: float) -> np.ndarray:
        """Return distributions (n, labels) for windows (n, bands, frames) float32 at a temperature."""
        return softmax(self._asked(items, lambda part: part)[self._task], temperature).astype(np.float32)

    def embeddings(self, codes: np.ndarray) -> np.ndarray:
        """Return (n, d) float32 for windows kept as bytes."""
        return self._asked(codes, dequantise)["embedding"]

    def logits(self, items: Tensor) -> Tensor:
        """Return logits (n, labels) of windows (n, bands, frames); gradients pass to the windows."""
        return in_parts(lambda part: self._network(self._drawn_out(part))[self._task], items)

    def _asked(self, windows: np.ndarray, opened: Callable[[np.ndarray], np.ndarray]) -> dict[str, np.ndarray]:
        answers = [
            answer(self._network, self._seen(opened(windows[begin : begin + _BATCH])), self._device)
            for begin in range(0, len(windows), _BATCH)
        ]
        return {name: np.concatenate([each[name] for each in answers]) for name in (self._task, "embedding")}

    def _seen(self, windows: np.ndarray) -> np.ndarray:
        """Return windows (n, bands, frames) as the network sees them."""
        return self._drawn_out(torch.from_numpy(windows)).numpy()

    def _drawn_out(self, windows: Tensor) -> Tensor:
        if not self._whole or tuple(windows.shape[1:]) == WHOLE:
            return windows
        bands, frames = (
            torch.from_numpy(smooth_from(cells, length)).to(windows)
            for cells, length in zip(windows.shape[1:], WHOLE, strict=True)
        )
        return (bands @ windows @ frames.T).clamp(-1, 1)
