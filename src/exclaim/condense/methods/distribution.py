"""Distribution matching: a label's items have the mean features of its clips, in many networks that learnt nothing.

Source: Zhao and Bilen, arXiv 2110.04181, equation 6 and algorithm 1: features of networks with drawn weights, siamese
augmentation, the squared distance of means summed over labels. That networks which have learnt a little may serve too
is from Zhao et al., arXiv 2307.09742.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from exclaim.condense.experts import Trajectories
from exclaim.condense.learned import Learned
from exclaim.condense.networks import cross_entropy, drawn_network, embed, named
from exclaim.condense.real import Real, to_tensor
from exclaim.condense.recipe import CondenseRecipe, Distribution
from exclaim.condense.teacher import Teacher
from exclaim.learn.cells import changed, draw_change

__all__ = ["DistributionMatching", "distance_of_means"]


def distance_of_means(real: Tensor, synthetic: Tensor) -> Tensor:
    """Return the squared distance of two sets' mean features, (n, d) and (m, d)."""
    return (real.mean(dim=0) - synthetic.mean(dim=0)).square().sum()


class DistributionMatching:
    """One network a step."""

    def __init__(
        self,
        recipe: CondenseRecipe,
        options: Distribution,
        real: Real,
        experts: Trajectories | None,
        teacher: Teacher | None = None,
    ) -> None:
        """Take the recipe, its options, the clips, and experts and a teacher where the options ask for them."""
        self._recipe, self._options, self._real, self._experts = recipe, options, real, experts
        self._teacher = teacher
        self.kept: Mapping[str, nn.Module] = {}

    def step(self, learned: Learned, iteration: int) -> float:
        """Draw a network, real clips and changes; put the gradient into the items."""
        rng = np.random.default_rng([self._recipe.seed, 3, iteration])
        device = learned.items.device
        network = self._network(iteration, rng, device).requires_grad_(False)
        loss = torch.zeros((), device=device)
        for label in range(len(self._recipe.labels)):
            clips = to_tensor(self._real.drawn(label, self._options.batch, rng), device)
            change = draw_change(self._recipe.augment, self._recipe.view, rng)
            with torch.no_grad():
                wanted = embed(network, changed(clips, change))
            loss = loss + distance_of_means(wanted, embed(network, changed(learned.of(label), change)))
        if self._options.agreement and self._teacher is not None:
            change = draw_change(self._recipe.augment, self._recipe.view, rng, len(learned.items))
            told = self._teacher.logits(changed(learned.items, change))
            loss = loss + self._options.agreement * cross_entropy(told, learned.own)
        loss.backward()
        return float(loss.detach())

    def _network(self, iteration: int, rng: np.random.Generator, device: torch.device) -> nn.Module:
        network = drawn_network(self._recipe, iteration, device)
        if self._experts is not None and rng.random() < self._options.trained:
            vector = self._experts.somewhere(rng).to(device)
            with torch.no_grad():
                for name, value in named(network, vector).items():
                    network.get_parameter(name).copy_(value)
        return network
