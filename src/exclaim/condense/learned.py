"""What a matching method learns: items, and where the recipe asks for it their labels and a learning rate."""

import math

import numpy as np
import torch
from torch import Tensor, nn

from exclaim.condense.real import Real, to_tensor
from exclaim.condense.recipe import CondenseRecipe

__all__ = ["Learned", "begin"]

_NOISE = (-0.5, 0.3)  # mean and deviation of the noise that items begin as, on the scale of [-1, 1]
_SURE = 4.0  # logit of an item's own label, where labels are learnt; of the others 0


class Learned(nn.Module):
    """Items in order of their labels, ``each`` of every label."""

    def __init__(self, items: Tensor, labels: int, each: int, network_rate: float) -> None:
        """Take items (labels * each, bands, frames) and the learning rate that a network begins with."""
        super().__init__()
        assert len(items) == labels * each
        self.each = each
        self.items = nn.Parameter(items)
        own = torch.arange(labels).repeat_interleave(each)
        self.logits = nn.Parameter(_SURE * nn.functional.one_hot(own, labels).float())
        self.log_rate = nn.Parameter(torch.tensor(math.log(network_rate)))
        self.register_buffer("own", own, persistent=False)

    def of(self, label: int) -> Tensor:
        """Return the items of a label: (each, bands, frames)."""
        return self.items[label * self.each : (label + 1) * self.each]

    @torch.no_grad()
    def hold(self) -> None:
        """Bring the items back to where windows lie."""
        self.items.clamp_(-1, 1)


def begin(recipe: CondenseRecipe, real: Real, network_rate: float, device: torch.device) -> Learned:
    """Return what learning begins with: noise, or real clips where the recipe asks for them."""
    rng = np.random.default_rng([recipe.seed, 1])
    labels = len(recipe.labels)
    if recipe.start == "real":
        windows = np.concatenate([real.drawn(label, recipe.items, rng) for label in range(labels)])
        items = to_tensor(windows, torch.device("cpu"))
    else:
        drawn = rng.normal(*_NOISE, (labels * recipe.items, *recipe.view)).astype(np.float32)
        items = torch.from_numpy(drawn).clamp_(-1, 1)
    return Learned(items, labels, recipe.items, network_rate).to(device)
