"""How activations are brought to one scale, by name.

Matching needs networks whose answer depends on their parameters and on the window alone. Batch normalisation answers by
running statistics that are no parameters: a trajectory of parameters does not hold them, a network with drawn weights
has none yet, and in training every window's features depend on the batch's others. So the default of the networks that
distil is group normalisation, which keeps how loud the channels of a group are beside one another; instance
normalisation, which image distillation uses, levels each channel by itself, and before a mean over few cells little is
left of it. ``batch`` is what the papers trained with, for comparison.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from exclaim.errors import RecipeError

__all__ = ["Normalisation", "normalisation"]

Normalisation = Literal["group", "instance", "batch"]
_GROUPS = 8


class _Groups(nn.GroupNorm):
    """Group normalisation without PyTorch's check of the batch's size, over which tracing a graph stumbles."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)


def normalisation(kind: str, channels: int) -> nn.Module:
    """Return the layer.

    Args:
        kind: ``group`` (8 groups, or as many as divide the channels), ``instance`` (a group for each channel) or
            ``batch``.
        channels: of what comes in.

    Raises:
        RecipeError: for another kind.

    Source: Wu and He, arXiv 1803.08494; Ulyanov et al., arXiv 1607.08022; Ioffe and Szegedy, arXiv 1502.03167.
    """
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "instance":
        return _Groups(channels, channels)
    if kind == "group":
        groups = next(count for count in range(min(_GROUPS, channels), 0, -1) if channels % count == 0)
        return _Groups(groups, channels)
    raise RecipeError(f"normalisation is {kind!r}; expected group, instance or batch")
