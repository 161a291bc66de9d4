"""The student of Malik et al. (arXiv 2305.00725), as its printed number of parameters determines it.

The paper prints 712,778 parameters; its layer table was not at hand. We solved for the network from how the
count changes: 588 between one and three input channels is two channels of a 7 x 7 kernel with 6 outputs; a
step every 8 frames, at 142 and 150, is three halvings behind unpadded kernels of 7, 5 and 5; the 245,760 more
at 188 frames than at 144 are five columns of 12 rows of 32 channels into 128 units; and what is left, 8,384
without the last two biases, is 64 units behind them. With 16 channels in the middle, as in LeNet-5, the sum
is exact: 712,778 at 3 x 128 x 142 to 149, 958,538 at 3 x 128 x 188 (3 s) and 957,950 at 1 x 128 x 188, all
with one head of two classes. ReLU and maximum pooling, which have no parameters, are assumed.
"""

from collections.abc import Mapping

from torch import Tensor, nn

from exclaim.errors import RecipeError
from exclaim.features import N_MELS, WINDOW_FRAMES
from exclaim.learn.networks.ends import Heads, View

__all__ = ["NETWORKS", "PaperStudent"]


def _layer(channels: int, out_channels: int, kernel: int) -> list[nn.Module]:
    return [nn.Conv2d(channels, out_channels, kernel), nn.ReLU(inplace=True), nn.MaxPool2d(2)]


def _extent(cells: int) -> int:
    """Return what three layers leave of ``cells`` bands or frames."""
    for kernel in (7, 5, 5):
        cells = (cells - kernel + 1) // 2
    return cells


class PaperStudent(nn.Module):
    """Three convolutions and three dense layers; the embedding has 64 activations."""

    def __init__(
        self,
        heads: Mapping[str, int],
        *,
        in_channels: int = 3,
        frames: int = WINDOW_FRAMES,
        dropout: float = 0.0,
    ) -> None:
        """Build the network with random weights.

        Args:
            heads: head name to number of classes.
            in_channels: 3 as the paper has it (the log-mel three times) or 1.
            frames: of the windows, at least 38; the first dense layer is made for them.
            dropout: share of the embedding that is dropped before the heads in training.
        """
        super().__init__()
        if in_channels not in (1, 3):
            raise RecipeError(f"in_channels is {in_channels}; expected 1 or 3")
        if _extent(frames) < 1:
            raise RecipeError(f"frames is {frames}; expected at least 38, so that three layers leave one")
        self.in_channels = in_channels
        self.view = View()
        self.convolutions = nn.Sequential(
            *_layer(in_channels, 6, 7),
            *_layer(6, 16, 5),
            *_layer(16, 32, 5),
        )
        self.dense = nn.Sequential(
            nn.Linear(32 * _extent(N_MELS) * _extent(frames), 128),
            nn.ReLU(inplace=True),
            nn.Linear(128, 64),
            nn.ReLU(inplace=True),
        )
        self.heads = Heads(64, heads, dropout)

    def forward(self, log_mel: Tensor) -> dict[str, Tensor]:
        """Map (n, 128, frames) or (n, 1, 128, frames) to logits by head and ``embedding`` (n, 64)."""
        image = self.view(log_mel).expand(-1, self.in_channels, -1, -1)
        return self.heads(self.dense(self.convolutions(image).flatten(1)))


NETWORKS = {"paper-student": PaperStudent}
