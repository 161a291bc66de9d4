"""What every network begins and ends with: the view of the log-mel, and the heads."""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn
from torch.nn import functional

from exclaim.errors import RecipeError

__all__ = ["Heads", "View"]


class View(nn.Module):
    """Windows as images, averaged over cells of ``pool`` (bands, frames).

    A coarser view makes every convolution behind it cheaper and needs no parameters; it is a part of the
    graph, so a model file that was trained on it still takes whole windows.
    """

    def __init__(self, pool: Sequence[int] = (1, 1)) -> None:
        """Take the cells (bands, frames), each from 1 to 8."""
        super().__init__()
        cells = tuple(pool) if isinstance(pool, Sequence) else ()
        if len(cells) != 2 or any(not isinstance(count, int) or not 1 <= count <= 8 for count in cells):
            raise RecipeError(
                f"pool is {pool!r}; expected two whole numbers (bands, frames) from 1 to 8, such as (2, 2)"
            )
        self.pool = cells

    def forward(self, log_mel: Tensor) -> Tensor:
        """Map (n, 128, 188) or (n, 1, 128, 188) to (n, 1, bands, frames)."""
        image = log_mel.unsqueeze(1) if log_mel.dim() == 3 else log_mel
        return image if self.pool == (1, 1) else functional.avg_pool2d(image, self.pool)


class Heads(nn.Module):
    """One linear layer for each head over a shared embedding; dropout acts on what the heads see."""

    def __init__(self, width: int, heads: Mapping[str, int], dropout: float = 0.0) -> None:
        """Take the embedding's width, the classes of each head, and the share of the embedding to drop."""
        super().__init__()
        if not 0 <= dropout < 1:
            raise RecipeError(f"dropout is {dropout}; expected a share from 0 to below 1")
        self.dropout = nn.Dropout(dropout)
        try:
            self.layers = nn.ModuleDict({name: nn.Linear(width, classes) for name, classes in heads.items()})
        except KeyError as error:
            raise RecipeError(f"a head cannot be named so: {error}; expected a name such as 'scream-type'") from error

    def forward(self, embedding: Tensor) -> dict[str, Tensor]:
        """Map (n, width) to the logits of each head and ``embedding`` itself."""
        seen = self.dropout(embedding)
        return {name: layer(seen) for name, layer in self.layers.items()} | {"embedding": embedding}
