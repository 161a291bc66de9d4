"""Distribution matching: a label's items have the mean features of its clips, in many networks that learnt nothing.

Source: Zhao and Bilen, arXiv 2110.04181, equation 6 and algorithm 1: features of networks with drawn weights, siamese
augmentation, the squared distance of means summed over labels. That networks which have learnt a little may serve too
is from Zhao et al., arXiv 2307.09742. Groups of a label's clips are ours: with many items for a label one mean asks too
little of each.
"""

from collections.abc import Mapping

import msgspec
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from exclaim.condense.experts import Trajectories
from exclaim.condense.groups import Group, groups_of
from exclaim.condense.learned import Learned
from exclaim.condense.networks import drawn_network, embed, named
from exclaim.condense.real import Real, to_tensor
from exclaim.condense.recipe import CondenseRecipe, Distribution
from exclaim.condense.teacher import Teacher
from exclaim.learn.cells import changed, draw_change

__all__ = ["DistributionMatching", "distance_of_means"]


def distance_of_means(real: Tensor, synthetic: Tensor) -> Tensor:
    """Return the squared distance of two sets' mean features, (n, d) and (m, d)."""
    return (real.mean(dim=0) - synthetic.mean(dim=0)).square().sum()


def _power(features: Tensor) -> float:
    """Return the mean squared length of features (n, d)."""
    return float(features.square().sum(dim=1).mean())


class DistributionMatching:
    """One network a step, of the recipe's in turn."""

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
        known = teacher.embeddings(real.windows) if teacher is not None and options.groups > 1 else None
        self._groups = [
            groups_of(real, label, recipe.items, options.groups, known, recipe.seed, options.group_clips)
            for label in range(len(recipe.labels))
        ]
        self._power = self._power_of_first() if recipe.beside else 0.0
        self.kept: Mapping[str, nn.Module] = {}

    def step(self, learned: Learned, iteration: int) -> float:
        """Draw a network, real clips and changes; put the gradient into the items."""
        rng = np.random.default_rng([self._recipe.seed, 3, iteration])
        device = learned.items.device
        network = self._network(iteration, rng, device).requires_grad_(False)
        loss = torch.zeros((), device=device)
        power = 0.0
        for label, groups in enumerate(self._groups):
            drawn = [self._drawn(group, rng) for group in groups]
            change = draw_change(self._recipe.augment, self._recipe.view, rng)
            with torch.no_grad():
                wanted = embed(network, changed(to_tensor(np.concatenate(drawn), device), change))
            power += _power(wanted) / len(self._groups)
            features = embed(network, changed(learned.of(label), change))
            for group, real in zip(groups, wanted.split([len(clips) for clips in drawn]), strict=True):
                own = features[group.items]
                loss = loss + distance_of_means(real, own) * (len(own) / len(features))
        if self._recipe.beside:
            loss = loss * (self._power / power)  # no network counts for more because its features are larger
        if self._options.agreement and self._teacher is not None:
            change = draw_change(self._recipe.augment, self._recipe.view, rng, len(learned.items))
            told = self._teacher.logits(changed(learned.items, change))
            loss = loss + self._options.agreement * cross_entropy(told, learned.own)
        loss.backward()
        return float(loss.detach())

    def _drawn(self, group: Group, rng: np.random.Generator) -> np.ndarray:
        """Return clips of a group, as many as the options say or all: (m, bands, frames) uint8."""
        count = min(self._options.batch, len(group.clips))
        return self._real.windows[rng.choice(group.clips, count, replace=False)]

    def _power_of_first(self) -> float:
        """Return the power of the features that the first network has, as it is drawn first, for some of the clips."""
        device = torch.device("cpu")
        clips = to_tensor(self._real.windows[: self._options.batch], device)
        with torch.no_grad():
            return _power(embed(drawn_network(self._recipe, 0, device), clips))

    def _network(self, iteration: int, rng: np.random.Generator, device: torch.device) -> nn.Module:
        networks = (self._recipe.network, *self._recipe.beside)
        drawn = msgspec.structs.replace(self._recipe, network=networks[iteration % len(networks)])
        network = drawn_network(drawn, iteration, device)
        if self._experts is not None and rng.random() < self._options.trained:
            vector = self._experts.somewhere(rng).to(device)
            with torch.no_grad():
                for name, value in named(network, vector).items():
                    network.get_parameter(name).copy_(value)
        return network
