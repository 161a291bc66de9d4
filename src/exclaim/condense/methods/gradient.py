"""Gradient matching with siamese augmentation: a label's items pull a network where its clips pull it.

Source: Zhao et al., arXiv 2006.05929 (algorithm 1; the distance of gradients, equation 10), and Zhao and Bilen, arXiv
2102.08259 (the same draw of differentiable changes for both, equation 5).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from exclaim.condense.learned import Learned
from exclaim.condense.networks import drawn_network
from exclaim.condense.real import Real, to_tensor
from exclaim.condense.recipe import CondenseRecipe, Gradient
from exclaim.learn.cells import changed, draw_change

__all__ = ["GradientMatching", "distance_of_gradients"]

_LEAST = 1e-30  # of two lengths' product


def distance_of_gradients(real: Sequence[Tensor], synthetic: Sequence[Tensor]) -> Tensor:
    """Return 1 less the cosine of two gradients, summed over layers and a layer's outputs.

    An output that neither moves, such as one behind a rectifier that is shut, adds nothing; one that a single gradient
    moves adds 1.

    Args:
        real: a gradient for each parameter; that of a vector such as a bias does not count.
        synthetic: likewise, of the same shapes.
    """
    whole = torch.zeros((), device=real[0].device)
    for one, other in zip(real, synthetic, strict=True):
        if one.dim() < 2:
            continue
        one, other = one.flatten(1), other.flatten(1)
        far, near = one.norm(dim=1), other.norm(dim=1)
        still, stays = far == 0, near == 0
        both = ~(still | stays)  # what is no number stays in, and is seen in the sum
        cosine = (one * other).sum(dim=1)[both] / (far * near)[both].clamp(min=_LEAST)
        whole = whole + (1 - cosine).sum() + (still != stays).sum()
    return whole


class GradientMatching:
    """A network is drawn, matched and moved on along the set, ``matches`` times; then the next."""

    def __init__(self, recipe: CondenseRecipe, options: Gradient, real: Real, device: torch.device) -> None:
        """Take the recipe, its method's options and the training clips."""
        self._recipe, self._options, self._real = recipe, options, real
        self._network = drawn_network(recipe, 0, device)
        self.kept: Mapping[str, nn.Module] = {"network": self._network}

    def step(self, learned: Learned, iteration: int) -> float:
        """Match each label's gradients, put the gradient into the items, and train the network on the set."""
        rng = np.random.default_rng([self._recipe.seed, 4, iteration])
        device = learned.items.device
        if iteration % self._options.matches == 0:
            drawn = drawn_network(self._recipe, iteration // self._options.matches, device)
            self._network.load_state_dict(drawn.state_dict())
        loss = torch.zeros((), device=device)
        for label in range(len(self._recipe.labels)):
            clips = to_tensor(self._real.drawn(label, self._options.batch, rng), device)
            change = draw_change(self._recipe.augment, self._recipe.view, rng)
            real = [part.detach() for part in self._gradient(changed(clips, change), label)]
            own = self._gradient(changed(learned.of(label), change), label, kept=True)
            one = distance_of_gradients(real, own)
            (items,) = torch.autograd.grad(one, [learned.items])
            learned.items.grad = items if learned.items.grad is None else learned.items.grad + items
            loss = loss + one.detach()
        self._train(learned, rng)
        return float(loss)

    def _gradient(self, windows: Tensor, label: int, kept: bool = False) -> tuple[Tensor, ...]:
        labels = torch.full((len(windows),), label, device=windows.device)
        loss = cross_entropy(self._network(windows)[self._recipe.task], labels)
        return torch.autograd.grad(loss, list(self._network.parameters()), create_graph=kept)

    def _train(self, learned: Learned, rng: np.random.Generator) -> None:
        """Move the network along the set by plain gradient descent."""
        windows = learned.items.detach()
        for _ in range(self._options.steps):
            part = torch.from_numpy(rng.permutation(len(windows))[: self._options.batch]).to(windows.device)
            change = draw_change(self._recipe.augment, self._recipe.view, rng, len(part))
            loss = cross_entropy(self._network(changed(windows[part], change))[self._recipe.task], learned.own[part])
            gradient = torch.autograd.grad(loss, list(self._network.parameters()))
            with torch.no_grad():
                for parameter, slope in zip(self._network.parameters(), gradient, strict=True):
                    parameter -= self._options.network_rate * slope
