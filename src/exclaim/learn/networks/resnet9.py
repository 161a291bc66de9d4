"""ResNet-9: eight convolutions of 3 x 3, two shortcuts, one linear layer.

Source: the network of the DAWNBench entries that David Page describes in "How to train your ResNet" (2018), residual
learning by He et al., arXiv 1512.03385. For three channels and ten classes, with batch normalisation, it has 6,573,130
parameters. Its last pooling, the maximum over what is left of the image, lets it take any view.
"""

from torch import Tensor, nn

from exclaim.learn.networks.maps import MapsNetwork
from exclaim.learn.networks.normalisation import normalisation
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


class ResNet9(MapsNetwork):
    """ResNet-9 over log-mel windows; the embedding has 512 activations times ``width``."""

    linear = False

    def convolutions(self, width: float, normalise: str) -> tuple[nn.Sequential, int]:
        """Return eight layers, to 512 * width channels and an eighth of the bands and frames."""
        first, second, third, fourth = scaled(_CHANNELS, width)
        layers = nn.Sequential(
            _layer(1, first, normalise),
            _layer(first, second, normalise, pool=2),
            _Shortcut(second, normalise),
            _layer(second, third, normalise, pool=2),
            _layer(third, fourth, normalise, pool=2),
            _Shortcut(fourth, normalise),
        )
        return layers, fourth

    def forward(self, log_mel: Tensor) -> dict[str, Tensor]:
        """Map windows to logits by head and ``embedding`` (n, 512 * width)."""
        return self.heads(self.maps(log_mel).amax(dim=(2, 3)))


NETWORKS = {"resnet9": ResNet9}
