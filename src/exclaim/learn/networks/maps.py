"""What CNN-6, ResNet-9 and VGG-15 have in common: a view of the window, convolutions whose maps are told, heads."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from exclaim.areas import WHOLE
from exclaim.errors import RecipeError
from exclaim.learn.networks.ends import Heads
from exclaim.learn.networks.resize import Resize

__all__ = ["MapsNetwork"]


class MapsNetwork(nn.Module, ABC):
    """A network that is made of its convolutions and of what it does with the image that they leave."""

    linear = True  # whether a linear layer stands between convolutions and heads
    least_cells = 1  # a side that the convolutions need

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

        Raises:
            RecipeError: when the view is too small for the convolutions.
        """
        super().__init__()
        self.view = Resize(view)
        if min(self.view.view) < self.least_cells:
            raise RecipeError(
                f"{type(self).__name__} halves a window until little is left; its view is {view!r}, expected "
                f"{self.least_cells} a side at least"
            )
        self.layers, channels = self.convolutions(width, normalise)
        if self.linear:
            self.embed = nn.Linear(channels, channels)
        self.heads = Heads(channels, heads, dropout)

    @abstractmethod
    def convolutions(self, width: float, normalise: str) -> tuple[nn.Sequential, int]:
        """Return the layers from (n, 1, bands, frames) to maps, and how many channels these have."""

    def maps(self, log_mel: Tensor) -> Tensor:
        """Map windows to the last convolution's activations: (n, channels, rows, columns)."""
        return self.layers(self.view(log_mel))
