"""ResNet-9: eight convolutions of 3 x 3, two shortcuts, one linear layer.

Source: the network of the DAWNBench entries that David Page describes in "How to train your ResNet" (2018), residual
learning by He et al., arXiv 1512.03385. For three channels and ten classes, with batch normalisation, it has 6,573,130
parameters. Its last pooling, the maximum over what is left of the image, lets it take any view.
"""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from exclaim.learn.networks.ends import Heads
from exclaim.learn.networks.normalisation import normalisation
from exclaim.learn.networks.resize import WHOLE, Resize
from exclaim.learn.networks.widths import scaled

__all__ = ["NETWORKS", "ResNet9"]

_CHANNELS = (64, 128, 256, 512)


def _layer(channels: int, out_channels: int, normalise: str, pool: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, out_channels, 3, padding=1, bias=False),
        normalisation(normalise, out_channels),
        nn.ReLU(),
        *([nn.MaxPool2d(pool)] if pool > 1 else []),
    )


class _Shortcut(nn.Module):
    """Two layers beside a shortcut."""

    def __init__(self, channels: int, normalise: str) -> None:
        super().__init__()
        self.layers = nn.Sequential(_layer(channels, channels, normalise), _layer(channels, channels, normalise))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class ResNet9(nn.Module):
    """ResNet-9 over log-mel windows; the embedding has 512 activations times ``width``."""

    def __init__(
        self,
        heads: Mapping[str, int],
        *,
        width: float = 1.0,
        view: Sequence[int] = WHOLE,
        normalise: str = "group",
        dropout: float = 0.0,
    ) -> None:
        """Build the network with random weights.

        Args:
            heads: head name to number of classes.
            width: factor on the channels of every layer, from 0.125 to 4.
            view: cells (bands, frames) that a window is averaged to first, such as (64, 64).
            normalise: group, instance or batch (see :mod:`exclaim.learn.networks.normalisation`).
            dropout: share of the embedding that is dropped before the heads in training.
        """
        super().__init__()
        self.view = Resize(view)
        first, second, third, fourth = scaled(_CHANNELS, width)
        self.layers = nn.Sequential(
            _layer(1, first, normalise),
            _layer(first, second, normalise, pool=2),
            _Shortcut(second, normalise),
            _layer(second, third, normalise, pool=2),
            _layer(third, fourth, normalise, pool=2),
            _Shortcut(fourth, normalise),
        )
        self.heads = Heads(fourth, heads, dropout)

    def maps(self, log_mel: Tensor) -> Tensor:
        """Map windows to the last convolution's activations, (n, channels, bands / 8, frames / 8)."""
        return self.layers(self.view(log_mel))

    def forward(self, log_mel: Tensor) -> dict[str, Tensor]:
        """Map windows to logits by head and ``embedding`` (n, 512 * width)."""
        return self.heads(self.maps(log_mel).amax(dim=(2, 3)))


NETWORKS = {"resnet9": ResNet9}
