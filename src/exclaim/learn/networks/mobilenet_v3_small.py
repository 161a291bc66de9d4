"""MobileNetV3-small, the network that the paper compares its student with.

Source: Howard et al., arXiv 1905.02244, table 2; the layout, names of the trunk and initialisation of
torchvision.models.mobilenet_v3_small. With three channels and one head of two classes it has 1,519,906
parameters.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from exclaim.errors import RecipeError
from exclaim.learn.networks.ends import Heads, View
from exclaim.learn.networks.inverted_residual import BlockShape, draw_weights, trunk

__all__ = ["NETWORKS", "MobileNetV3Small"]

_BLOCKS = (
    BlockShape(3, 16, 16, True, False, 2),
    BlockShape(3, 72, 24, False, False, 2),
    BlockShape(3, 88, 24, False, False, 1),
    BlockShape(5, 96, 40, True, True, 2),
    BlockShape(5, 240, 40, True, True, 1),
    BlockShape(5, 240, 40, True, True, 1),
    BlockShape(5, 120, 48, True, True, 1),
    BlockShape(5, 144, 48, True, True, 1),
    BlockShape(5, 288, 96, True, True, 2),
    BlockShape(5, 576, 96, True, True, 1),
    BlockShape(5, 576, 96, True, True, 1),
)


class MobileNetV3Small(nn.Module):
    """MobileNetV3-small over log-mel windows; the embedding has 1024 activations."""

    def __init__(
        self,
        heads: Mapping[str, int],
        *,
        in_channels: int = 3,
        pool: Sequence[int] = (1, 1),
        dropout: float = 0.2,
    ) -> None:
        """Build the network with random weights.

        Args:
            heads: head name to number of classes.
            in_channels: 3 as published (the log-mel three times), or 1: a first convolution of one channel.
            pool: cells (bands, frames) that are averaged before the first convolution.
            dropout: share of the embedding that is dropped before the heads in training.
        """
        super().__init__()
        if in_channels not in (1, 3):
            raise RecipeError(f"in_channels is {in_channels}; expected 1 or 3")
        self.in_channels = in_channels
        self.view = View(pool)
        self.features = trunk(in_channels, 16, _BLOCKS, 576)
        self.dense = nn.Sequential(nn.Linear(576, 1024), nn.Hardswish(inplace=True))
        self.heads = Heads(1024, heads, dropout)
        draw_weights(self)
        self.to(memory_format=torch.channels_last)

    def forward(self, log_mel: Tensor) -> dict[str, Tensor]:
        """Map (n, 128, 188) or (n, 1, 128, 188) to logits by head and ``embedding`` (n, 1024)."""
        image = self.view(log_mel).expand(-1, self.in_channels, -1, -1)
        return self.heads(self.dense(self.features(image).mean(dim=(2, 3))))


NETWORKS = {"mobilenet-v3-small": MobileNetV3Small}
