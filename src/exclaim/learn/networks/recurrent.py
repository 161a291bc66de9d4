"""A recurrent student: convolutions reduce the bands, then a gated recurrent unit reads the frames both ways.

What a compact network cannot say is in which order things come: a laugh is a row of short bursts, a scream one long
one, and their means and maxima over the frames may be alike. A recurrent unit hears the order. It costs little where
the bands are gone before it begins, and one frame in four is enough.

Source: the gated recurrent unit, Cho et al. arXiv 1406.1078, behind convolutions as in Çakır et al. arXiv
1702.06286.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from exclaim.errors import RecipeError
from exclaim.features import N_MELS
from exclaim.learn.networks.ends import Heads, View
from exclaim.learn.networks.separable import SeparableBlock, convolution, with_change

__all__ = ["NETWORKS", "Recurrent"]

_STEM = 8  # channels, halved in bands and frames
_STAGES = ((16, 3, (2, 2)), (32, 3, (2, 1)), (48, 5, (2, 1)))  # channels, kernel, stride (bands, frames)
_HALVINGS = 1 + len(_STAGES)  # of the bands


class Recurrent(nn.Module):
    """A recurrent student; the embedding has four times ``units``: mean and maximum over the frames, both ways."""

    def __init__(
        self,
        heads: Mapping[str, int],
        *,
        units: int = 64,
        pool: Sequence[int] = (1, 1),
        dropout: float = 0.2,
    ) -> None:
        """Build the network with random weights.

        Args:
            heads: head name to number of classes.
            units: of the recurrent unit in each direction, and features of a frame, from 8 to 512: 64 has about
                64,000 parameters (with one head of two classes).
            pool: cells (bands, frames) that are averaged before the first convolution.
            dropout: share of the embedding that is dropped before the heads in training.
        """
        super().__init__()
        if not isinstance(units, int) or not 8 <= units <= 512:
            raise RecipeError(f"units is {units}; expected a whole number from 8 to 512")
        self.view = View(pool)
        self.stem = nn.Sequential(*convolution(2, _STEM, 5, stride=2), nn.ReLU(inplace=True))
        blocks, last = [], _STEM
        for channels, kernel, stride in _STAGES:
            blocks += [SeparableBlock(last, channels, kernel, stride), SeparableBlock(channels, channels, kernel)]
            last = channels
        self.blocks = nn.Sequential(*blocks)
        rows = -(-(N_MELS // self.view.pool[0]) // 2**_HALVINGS)
        self.collapse = nn.Sequential(
            nn.Conv2d(last, last, (rows, 1), groups=last, bias=False),
            nn.BatchNorm2d(last),
            *convolution(last, units, 1),
            nn.ReLU(inplace=True),
        )
        self.recurrent = nn.GRU(units, units, batch_first=True, bidirectional=True)
        self.heads = Heads(4 * units, heads, dropout)
        self.to(memory_format=torch.channels_last)

    def forward(self, log_mel: Tensor) -> dict[str, Tensor]:
        """Map (n, 128, 188) or (n, 1, 128, 188) to logits by head and ``embedding`` (n, 4 * units)."""
        frames = self.collapse(self.blocks(self.stem(with_change(self.view(log_mel))))).squeeze(2).transpose(1, 2)
        # The first state is given, so that the file that is made of this takes any number of windows.
        first = frames.new_zeros(2, frames.shape[0], frames.shape[2])
        heard, _ = self.recurrent(frames, first)
        return self.heads(torch.cat([heard.mean(dim=1), heard.amax(dim=1)], dim=1))


NETWORKS = {"recurrent": Recurrent}
