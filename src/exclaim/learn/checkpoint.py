"""A run's state on disk, so that a stopped run goes on: tensors as safetensors, numbers as JSON, no pickle."""

import os
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from exclaim.errors import RecipeError
from exclaim.learn.prune import fitted

__all__ = ["load_checkpoint", "load_weights", "progress_of", "save_checkpoint", "save_weights", "take_over_weights"]


def save_weights(network: nn.Module, path: Path) -> None:
    """Write a network's weights and buffers, replacing ``path`` in one step."""
    partial = path.with_suffix(".partial")
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}, partial)
    os.replace(partial, path)


def load_weights(network: nn.Module, path: Path) -> None:
    """Read weights that :func:`save_weights` wrote into a network of the same form.

    Raises:
        RecipeError: when the file is cut or damaged.
    """
    network.load_state_dict(_tensors(path))


def take_over_weights(network: nn.Module, path: Path) -> list[str]:
    """Copy what another network's weights share with this one by name and shape; return the names that were left alone.

    Where both are compact networks and this one has fewer channels, the other is pruned to them first.

    Args:
        network: takes the weights.
        path: weights that :func:`save_weights` wrote.

    Raises:
        RecipeError: when the file is cut or damaged.
    """
    own = network.state_dict()
    other = fitted(_tensors(path), own)
    shared = {name: tensor for name, tensor in other.items() if name in own and own[name].shape == tensor.shape}
    network.load_state_dict(own | shared)
    return sorted(set(own) - set(shared))


def save_checkpoint(
    path: Path, networks: dict[str, nn.Module], optimizer: torch.optim.Optimizer, progress: dict[str, Any]
) -> None:
    """Write everything that training needs to go on, replacing ``path`` in one step.

    Args:
        path: the file.
        networks: by a name without dots, such as ``network`` and ``average``.
        optimizer: its state holds tensors only, as Adam's does.
        progress: what JSON can hold, such as the epochs done and the metrics so far.
    """
    tensors = {
        f"{name}.{key}": tensor.detach().cpu().contiguous()
        for name, network in networks.items()
        for key, tensor in network.state_dict().items()
    }
    for index, state in optimizer.state_dict()["state"].items():
        for key, tensor in state.items():
            tensors[f"optimizer.{index}.{key}"] = tensor.detach().cpu().contiguous()
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, metadata={"progress": msgspec.json.encode(progress).decode()})
    os.replace(partial, path)


def load_checkpoint(path: Path, networks: dict[str, nn.Module], optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Put a checkpoint back into networks and optimiser of the same form; return its progress.

    Raises:
        RecipeError: when the file is cut or damaged.
    """
    tensors = _tensors(path)
    for name, network in networks.items():
        prefix = f"{name}."
        network.load_state_dict({k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)})
    states: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        if key.startswith("optimizer."):
            _, index, name = key.split(".")
            states.setdefault(int(index), {})[name] = tensor
    whole = optimizer.state_dict()
    whole["state"] = states
    optimizer.load_state_dict(whole)
    return progress_of(path)


def progress_of(path: Path) -> dict[str, Any]:
    """Return the progress that a checkpoint tells.

    Raises:
        RecipeError: when the file is cut or damaged, or no checkpoint.
    """
    try:
        with safe_open(path, "pt") as file:
            return msgspec.json.decode(file.metadata()["progress"])
    except (SafetensorError, OSError, TypeError, KeyError, msgspec.DecodeError) as error:
        raise _damaged(path, error) from error


def _tensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> RecipeError:
    return RecipeError(f"{path} is cut or damaged ({error}); remove the folder {path.parent}, and it is made anew")
