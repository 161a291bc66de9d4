"""VGG-15: the thirteen convolutions of VGG-16 and two linear layers in place of three, as it is used on small images.

Source: Simonyan and Zisserman, arXiv 1409.1556, configuration D. Its convolutions have no bias where normalisation
follows; the image that is left is averaged, so that it takes any view of 32 x 32 cells and more.
"""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn
from torch.nn import functional

from exclaim.errors import RecipeError
from exclaim.learn.networks.ends import Heads
from exclaim.learn.networks.normalisation import normalisation
from exclaim.learn.networks.resize import WHOLE, Resize
from exclaim.learn.networks.widths import scaled

__all__ = ["NETWORKS", "VGG15"]

_CHANNELS = (64, 128, 256, 512, 512)
_CONVOLUTIONS = (2, 2, 3, 3, 3)  # in each stage, before it is halved
_LEAST = 32  # cells a side


class VGG15(nn.Module):
    """VGG-15 over log-mel windows; the embedding has 512 activations times ``width``."""

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
            view: cells (bands, frames) that a window is averaged to first, each 32 at least.
            normalise: group, instance or batch (see :mod:`exclaim.learn.networks.normalisation`).
            dropout: share of the embedding that is dropped before the heads in training.
        """
        super().__init__()
        self.view = Resize(view)
        if min(self.view.view) < _LEAST:
            raise RecipeError(
                f"vgg15 halves a window five times; its view is {view!r}, expected {_LEAST} a side at least"
            )
        layers: list[nn.Module] = []
        last = 1
        for channels, count in zip(scaled(_CHANNELS, width), _CONVOLUTIONS, strict=True):
            for _ in range(count):
                layers += [
                    nn.Conv2d(last, channels, 3, padding=1, bias=False),
                    normalisation(normalise, channels),
                    nn.ReLU(),
                ]
                last = channels
            layers.append(nn.MaxPool2d(2))
        self.layers = nn.Sequential(*layers)
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        self.embed = nn.Linear(last, last)
        self.heads = Heads(last, heads, dropout)

    def maps(self, log_mel: Tensor) -> Tensor:
        """Map windows to the last convolution's activations, (n, channels, bands / 32, frames / 32)."""
        return self.layers(self.view(log_mel))

    def forward(self, log_mel: Tensor) -> dict[str, Tensor]:
        """Map windows to logits by head and ``embedding`` (n, 512 * width)."""
        return self.heads(functional.relu(self.embed(self.maps(log_mel).mean(dim=(2, 3)))))


NETWORKS = {"vgg15": VGG15}
