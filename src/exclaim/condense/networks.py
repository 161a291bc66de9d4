"""The networks that a set is condensed with: drawn, embedded, and called with parameters of one's own."""

from collections.abc import Callable, Sequence

import msgspec
import torch
from torch import Tensor, nn
from torch.func import functional_call

from exclaim.condense.recipe import CondenseRecipe, learner
from exclaim.errors import RecipeError
from exclaim.learn.networks import build

__all__ = [
    "check_networks",
    "drawn_network",
    "embed",
    "flat",
    "in_parts",
    "named",
    "with_parameters",
]

_PART = 64  # windows at once


def drawn_network(recipe: CondenseRecipe, draw: int, device: torch.device) -> nn.Module:
    """Return the recipe's network with weights drawn for a number; always the same ones where initialisation is fixed.

    These are the ones that a training recipe draws with ``network: {seed: N}``, where N is the recipe's seed or, where
    it has one, its network's own.

    Raises:
        RecipeError: when there is no such network, or it keeps more than parameters or has dropout.
    """
    if recipe.initialisation == "fixed":
        torch.manual_seed(recipe.seed if recipe.network.seed is None else recipe.network.seed)
    else:
        torch.manual_seed(recipe.seed * 1_000_003 + draw)
    options = learner(recipe).network.options
    network = build(recipe.network.name, {recipe.task: len(recipe.labels)}, **options)
    if kept := [name for name, _ in network.named_buffers() if not name.startswith("view.")]:
        raise RecipeError(
            f"network {recipe.network.name} keeps {kept[0]} beside its parameters, which matching would leave out; "
            "choose `normalise: group`, or a network that has it"
        )
    if any(isinstance(part, nn.Dropout) and part.p > 0 for part in network.modules()):
        raise RecipeError(f"network {recipe.network.name} has dropout, by which matching would match another each time")
    return network.to(device)


def check_networks(recipe: CondenseRecipe) -> None:
    """Draw each of a recipe's networks once, so that one that cannot be is refused before the work.

    Raises:
        RecipeError: saying which and why.
    """
    for network in () if recipe.subset else (recipe.network, *recipe.beside):
        drawn_network(msgspec.structs.replace(recipe, network=network), 0, torch.device("cpu"))


def embed(network: nn.Module, windows: Tensor) -> Tensor:
    """Return features (n, d): the last convolution's activations, laid flat, where a network tells them.

    Where they lie in time and frequency stays in them. Networks that tell no ``maps`` give their embedding.
    """
    if hasattr(network, "maps"):
        return in_parts(lambda part: network.maps(part).flatten(1), windows)
    return in_parts(lambda part: network(part)["embedding"], windows)


def in_parts(asked: Callable[[Tensor], Tensor], windows: Tensor) -> Tensor:
    """Return what is told of windows (n, bands, frames), each for itself: (n, ...); gradients pass.

    On a CPU they are asked about a few at a time: what a network keeps of many does not fit the caches, and takes
    half as long again or twice as long.
    """
    if windows.device.type != "cpu" or len(windows) <= _PART:
        return asked(windows)
    return torch.cat([asked(part) for part in windows.split(_PART)])


def flat(parameters: Sequence[Tensor]) -> Tensor:
    """Return tensors laid end to end: (p,)."""
    return torch.cat([parameter.reshape(-1) for parameter in parameters])


def named(network: nn.Module, vector: Tensor) -> dict[str, Tensor]:
    """Return a vector (p,) as the parameters of a network, by name; gradients pass."""
    parts, at = {}, 0
    for name, parameter in network.named_parameters():
        parts[name] = vector[at : at + parameter.numel()].view(parameter.shape)
        at += parameter.numel()
    return parts


def with_parameters(network: nn.Module, vector: Tensor, windows: Tensor, head: str) -> Tensor:
    """Return a head's logits (n, labels) of a network with other parameters (p,)."""
    return functional_call(network, named(network, vector), (windows,))[head]
