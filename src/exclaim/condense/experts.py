"""Experts: networks trained on the corpus by the one training loop, their weights after every epoch kept in one file.

The files lie in the cache, in a folder named by all that shapes an expert, so that recipes which differ in method or
size share them. Training goes on where it stopped, expert by expert and epoch by epoch.
"""

import hashlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from exclaim.card import front_end_hash
from exclaim.condense.networks import drawn_network, flat
from exclaim.condense.real import Real
from exclaim.condense.recipe import CondenseRecipe, learner
from exclaim.errors import StoreError
from exclaim.learn.checkpoint import progress_of
from exclaim.learn.condensed import SetViews
from exclaim.learn.loop import Report, train_network
from exclaim.learn.owned import owned
from exclaim.learn.recipe import canonical

__all__ = ["Trajectories", "experts_key", "train_experts"]


class Trajectories:
    """The ways that experts went, read from their files when they are asked for."""

    def __init__(self, files: Sequence[Path]) -> None:
        """Take the files that :func:`train_experts` wrote."""
        self._files = tuple(files)

    def stretch(self, rng: np.random.Generator, epochs: int, latest: int) -> tuple[Tensor, Tensor]:
        """Return the parameters (p,) of an expert at an epoch, ``latest`` at most, and so many epochs later."""
        path = self._files[int(rng.integers(len(self._files)))]
        with safe_open(path, "pt") as file:
            last = len(file.keys()) - 1 - epochs
            begin = int(rng.integers(min(latest, last) + 1))
            return file.get_tensor(_epoch(begin)), file.get_tensor(_epoch(begin + epochs))

    def somewhere(self, rng: np.random.Generator) -> Tensor:
        """Return the parameters (p,) of an expert at any epoch."""
        path = self._files[int(rng.integers(len(self._files)))]
        with safe_open(path, "pt") as file:
            return file.get_tensor(_epoch(int(rng.integers(len(file.keys())))))


def experts_key(recipe: CondenseRecipe, real: Real) -> str:
    """Return the SHA-256 of all that shapes a recipe's experts, but for their count."""
    own = learner(recipe)
    parts = [own.task, own.heads, own.network, own.schedule, own.augment, recipe.initialisation, recipe.seed]
    labels = hashlib.sha256(real.labels.tobytes()).hexdigest()
    return hashlib.sha256(canonical([*parts, real.data, labels, front_end_hash()])).hexdigest()


def train_experts(
    recipe: CondenseRecipe, real: Real, cache: Path, fabric: Fabric, report: Callable[[str], Report]
) -> Trajectories:
    """Train the experts that the cache does not hold.

    Args:
        recipe: says how many, how long, which network.
        real: the training clips.
        cache: folder that holds experts.
        fabric: device and precision.
        report: given a stage's name, returns what is told of its progress.

    Raises:
        StoreError: when a file that is there is not an expert of this recipe.
    """
    folder = cache / f"experts-{experts_key(recipe, real)[:16]}"
    files = [folder / f"expert-{number:02d}.safetensors" for number in range(recipe.experts.count)]
    with owned(folder):
        for number, path in enumerate(files):
            if not path.is_file():
                _train(recipe, real, number, path, fabric, report(f"{recipe.name}: expert {number + 1}"))
            _check(path, recipe)
    return Trajectories(files)


def _train(recipe: CondenseRecipe, real: Real, number: int, path: Path, fabric: Fabric, report: Report) -> None:
    """Train one expert and gather its epochs into its file, which appears only when it is whole."""
    own = learner(recipe, recipe.seed * 1_009 + number)
    folder = path.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    targets = np.eye(len(recipe.labels), dtype=np.float32)[real.labels]
    views = SetViews(recipe.task, real.windows, targets, recipe.augment, own.seed)
    # 500,000 on, so that no network that is drawn to match with is where an expert began
    network = drawn_network(recipe, 500_000 + number, fabric.device)
    done = [0]

    def record(trained: nn.Module) -> dict[str, float]:
        done[0] += 1
        _save(trained, folder / f"{_epoch(done[0])}.safetensors", done[0])
        return {"score": float(done[0])}

    first = folder / f"{_epoch(0)}.safetensors"
    if not first.is_file():
        _save(network, first, 0)
    if (folder / "checkpoint.safetensors").is_file():
        done[0] = progress_of(folder / "checkpoint.safetensors")["epochs"]
    train_network(own, network, views, None, record, folder, fabric, report)
    epochs = {
        _epoch(epoch): load_file(folder / f"{_epoch(epoch)}.safetensors")[_epoch(epoch)]
        for epoch in range(recipe.experts.epochs + 1)
    }
    partial = path.with_suffix(".partial")
    save_file(epochs, partial)
    partial.replace(path)
    shutil.rmtree(folder)


def _save(network: nn.Module, path: Path, epoch: int) -> None:
    partial = path.with_suffix(".partial")
    save_file({_epoch(epoch): flat(list(network.parameters())).detach().cpu().contiguous()}, partial)
    partial.replace(path)


def _epoch(number: int) -> str:
    return f"epoch-{number:04d}"


def _check(path: Path, recipe: CondenseRecipe) -> None:
    wanted = {_epoch(epoch) for epoch in range(recipe.experts.epochs + 1)}
    size = sum(parameter.numel() for parameter in drawn_network(recipe, 0, torch.device("cpu")).parameters())
    try:
        with safe_open(path, "pt") as file:
            sound = set(file.keys()) == wanted and all(file.get_slice(key).get_shape() == [size] for key in wanted)
    except Exception as error:  # safetensors raises its own
        raise StoreError(f"{path} is no expert ({error}); remove it, and it is trained again") from error
    if not sound:
        raise StoreError(f"{path} does not hold {len(wanted)} epochs of {size} parameters; remove it")
