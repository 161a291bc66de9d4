"""CNN-6, the smallest of the PANNs: four convolutions of 5 x 5, each halving the image.

Source: Kong et al., arXiv 1912.10211, table I. With batch normalisation at width 1 and 527 classes it has the paper's
4,837,455 parameters, less the 128 of its normalisation of 64 mel bands, for our windows come normalised. Its dropout is
an option, off by default, for gradients and trajectories are matched without it.
"""

from torch import Tensor, nn
from torch.nn import functional

from exclaim.learn.networks.maps import MapsNetwork
from exclaim.learn.networks.normalisation import normalisation
from exclaim.learn.networks.widths import scaled

__all__ = ["CNN6", "NETWORKS"]

_CHANNELS = (64, 128, 256, 512)


class CNN6(MapsNetwork):
    """CNN-6 over log-mel windows; the embedding has 512 activations times ``width``."""

    def convolutions(self, width: float, normalise: str) -> tuple[nn.Sequential, int]:
        """Return four layers, to 512 * width channels and a sixteenth of the bands and frames."""
        layers: list[nn.Module] = []
        last = 1
        for channels in scaled(_CHANNELS, width):
            layers += [
                nn.Conv2d(last, channels, 5, padding=2, bias=False),
                normalisation(normalise, channels),
                nn.ReLU(),
                nn.AvgPool2d(2),
            ]
            last = channels
        return nn.Sequential(*layers), last

    def forward(self, log_mel: Tensor) -> dict[str, Tensor]:
        """Map windows to logits by head and ``embedding`` (n, 512 * width)."""
        frames = self.maps(log_mel).mean(dim=2)
        heard = frames.amax(dim=2) + frames.mean(dim=2)
        return self.heads(functional.relu(self.embed(heard)))


NETWORKS = {"cnn6": CNN6}
