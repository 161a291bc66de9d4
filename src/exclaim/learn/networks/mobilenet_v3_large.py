"""MobileNetV3-large over one channel of log-mel, of any width: a teacher of the EfficientAT kind.

Source: Howard et al., arXiv 1905.02244, table 1; widths and the single channel from Schmid et al., arXiv
2211.04772, whose mn04 and mn10 have ``width`` 0.4 and 1 and, with their 527 classes, 0.983 and 4.88 million
parameters. Their gates end in a logistic function, these in MobileNetV3's piecewise linear one.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from exclaim.errors import RecipeError
from exclaim.learn.networks.ends import Heads, View
from exclaim.learn.networks.inverted_residual import BlockShape, divisible, draw_weights, trunk

__all__ = ["NETWORKS", "MobileNetV3Large"]

_STEM = 16
_BLOCKS = (
    BlockShape(3, 16, 16, False, False, 1),
    BlockShape(3, 64, 24, False, False, 2),
    BlockShape(3, 72, 24, False, False, 1),
    BlockShape(5, 72, 40, True, False, 2),
    BlockShape(5, 120, 40, True, False, 1),
    BlockShape(5, 120, 40, True, False, 1),
    BlockShape(3, 240, 80, False, True, 2),
    BlockShape(3, 200, 80, False, True, 1),
    BlockShape(3, 184, 80, False, True, 1),
    BlockShape(3, 184, 80, False, True, 1),
    BlockShape(3, 480, 112, True, True, 1),
    BlockShape(3, 672, 112, True, True, 1),
    BlockShape(5, 672, 160, True, True, 2),
    BlockShape(5, 960, 160, True, True, 1),
    BlockShape(5, 960, 160, True, True, 1),
)
_LAST = 6  # times the channels of the last block
_EMBEDDING = 1280


class MobileNetV3Large(nn.Module):
    """MobileNetV3-large over log-mel windows; the embedding has 1280 activations times ``width``."""

    def __init__(
        self,
        heads: Mapping[str, int],
        *,
        width: float = 1.0,
        pool: Sequence[int] = (1, 1),
        dropout: float = 0.2,
    ) -> None:
        """Build the network with random weights.

        Args:
            heads: head name to number of classes.
            width: factor on the channels of every layer, from 0.1 to 4, each rounded to a multiple of 8.
            pool: cells (bands, frames) that are averaged before the first convolution.
            dropout: share of the embedding that is dropped before the heads in training.
        """
        super().__init__()
        if not 0.1 <= width <= 4:
            raise RecipeError(f"width is {width}; expected a factor from 0.1 to 4")

        def scaled(channels: int) -> int:
            return divisible(channels * width)

        shapes = [shape._replace(expanded=scaled(shape.expanded), out=scaled(shape.out)) for shape in _BLOCKS]
        last = _LAST * shapes[-1].out
        self.view = View(pool)
        self.features = trunk(1, scaled(_STEM), shapes, last)
        self.dense = nn.Sequential(nn.Linear(last, scaled(_EMBEDDING)), nn.Hardswish(inplace=True))
        self.heads = Heads(scaled(_EMBEDDING), heads, dropout)
        draw_weights(self)
        self.to(memory_format=torch.channels_last)

    def forward(self, log_mel: Tensor) -> dict[str, Tensor]:
        """Map (n, 128, 188) or (n, 1, 128, 188) to logits by head and ``embedding`` (n, 1280 * width)."""
        return self.heads(self.dense(self.features(self.view(log_mel)).mean(dim=(2, 3))))


NETWORKS = {"mobilenet-v3-large": MobileNetV3Large}
