"""A window at a lower resolution, inside the graph: each cell is the mean over its share of the bands and frames.

A network that learns from a condensed set sees cells, and is judged and used on whole windows; what has the view's
shape already passes as it is. The mean over an area is two products with fixed matrices, so that cells need not divide
the window, every runtime computes the same numbers, and no option of an image library is asked for.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from exclaim.areas import WHOLE, area_means, checked_view
from exclaim.features import N_MELS, WINDOW_FRAMES

__all__ = ["Resize"]


class Resize(nn.Module):
    """Windows as images of ``view`` (bands, frames); windows of that shape pass as they are."""

    def __init__(self, view: Sequence[int] = WHOLE) -> None:
        """Take the cells (bands, frames)."""
        super().__init__()
        self.view = checked_view(view)
        if self.view != WHOLE:
            self.register_buffer("bands", torch.from_numpy(area_means(N_MELS, self.view[0])), persistent=False)
            self.register_buffer(
                "frames", torch.from_numpy(area_means(WINDOW_FRAMES, self.view[1]).T), persistent=False
            )

    def forward(self, log_mel: Tensor) -> Tensor:
        """Map (n, 128, 188), (n, 1, 128, 188) or windows of the view's shape to (n, 1, bands, frames)."""
        image = log_mel.unsqueeze(1) if log_mel.dim() == 3 else log_mel
        if self.view == WHOLE or (not torch.jit.is_tracing() and tuple(image.shape[2:]) == self.view):
            return image  # a graph is traced on whole windows, and takes no others
        return self.bands @ image @ self.frames
