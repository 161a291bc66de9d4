"""VGG-15: the thirteen convolutions of VGG-16 and two linear layers in place of three, as it is used on small images.

Source: Simonyan and Zisserman, arXiv 1409.1556, configuration D. Its convolutions have no bias where normalisation
follows; the image that is left is averaged, so that it takes any view of 32 x 32 cells and more.
"""

from torch import Tensor, nn
from torch.nn import functional

from exclaim.learn.networks.maps import MapsNetwork
from exclaim.learn.networks.normalisation import normalisation
from exclaim.learn.networks.widths import scaled

__all__ = ["NETWORKS", "VGG15"]

_CHANNELS = (64, 128, 256, 512, 512)
_CONVOLUTIONS = (2, 2, 3, 3, 3)  # in each stage, before it is halved


class VGG15(MapsNetwork):
    """VGG-15 over log-mel windows; the embedding has 512 activations times ``width``."""

    least_cells = 32

    def convolutions(self, width: float, normalise: str) -> tuple[nn.Sequential, int]:
        """Return thirteen layers, to 512 * width channels and a thirty-second of the bands and frames."""
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
        for layer in layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        return nn.Sequential(*layers), last

    def forward(self, log_mel: Tensor) -> dict[str, Tensor]:
        """Map windows to logits by head and ``embedding`` (n, 512 * width)."""
        return self.heads(functional.relu(self.embed(self.maps(log_mel).mean(dim=(2, 3)))))


NETWORKS = {"vgg15": VGG15}
