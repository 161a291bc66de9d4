"""The network that a recipe names."""

import torch
from torch import nn

from exclaim.learn.networks import build
from exclaim.learn.recipe import Recipe

__all__ = ["network_of"]


def network_of(recipe: Recipe) -> nn.Module:
    """Build the network that a recipe names, with weights drawn from its own seed or, without one, the recipe's."""
    torch.manual_seed(recipe.seed if recipe.network.seed is None else recipe.network.seed)
    heads = {name: len(head.labels) for name, head in recipe.heads.items()}
    return build(recipe.network.name, heads, **recipe.network.options)
