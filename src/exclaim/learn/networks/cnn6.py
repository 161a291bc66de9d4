"""CNN-6, the smallest of the PANNs: four convolutions of 5 x 5, each halving the image.

Source: Kong et al., arXiv 1912.10211, table I. With batch normalisation at width 1 and 527 classes it has the paper's
4,837,455 parameters, less the 128 of its normalisation of 64 mel bands, for our windows come normalised. Its dropout is
an option, off by default, for gradients and trajectories are matched without it.
"""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn
from torch.nn import functional

from exclaim.learn.networks.ends import Heads
from exclaim.learn.networks.normalisation import normalisation
from exclaim.learn.networks.resize import WHOLE, Resize
from exclaim.learn.networks.widths import scaled

__all__ = ["CNN6", "NETWORKS"]

_CHANNELS = (64, 128, 256, 512)


class CNN6(nn.Module):
    """CNN-6 over log-mel windows; the embedding has 512 activations times ``width``."""

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
        self.layers = nn.Sequential(*layers)
        self.embed = nn.Linear(last, last)
        self.heads = Heads(last, heads, dropout)

    def maps(self, log_mel: Tensor) -> Tensor:
        """Map windows to the last convolution's activations, (n, channels, bands / 16, frames / 16)."""
        return self.layers(self.view(log_mel))

    def forward(self, log_mel: Tensor) -> dict[str, Tensor]:
        """Map windows to logits by head and ``embedding`` (n, 512 * width)."""
        frames = self.maps(log_mel).mean(dim=2)
        heard = frames.amax(dim=2) + frames.mean(dim=2)
        return self.heads(functional.relu(self.embed(heard)))


NETWORKS = {"cnn6": CNN6}
