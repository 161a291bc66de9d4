"""Trajectory matching: some steps on the set bring a network where some epochs on the corpus brought an expert.

Source: Cazenavette et al., arXiv 2203.11932 (the loss, equation 2; algorithm 1). Unrolled, the graph of every step is
held until the last. Here, as in TESLA (Cui et al., arXiv 2211.10586), a first pass walks without any graph and a second
one goes over the steps one at a time, so that one step's graph is held however many there are. TESLA leaves out what a
step's items do to later steps' gradients. What is left out is a product with the Hessian, which the second pass gets
from the same differentiation when it goes backwards; so the gradient here is the whole one, for which each step's
parameters are kept (a vector, a thousandth of a graph). ``own-step`` leaves it out, and keeps none.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from exclaim.condense.experts import Trajectories
from exclaim.condense.learned import Learned
from exclaim.condense.networks import drawn_network, with_parameters
from exclaim.condense.recipe import CondenseRecipe, Trajectory
from exclaim.learn.cells import changed, draw_change

__all__ = ["Gradients", "TrajectoryMatching", "trajectory_gradients"]

StepLoss = Callable[[Tensor, Tensor, Tensor, int], Tensor]  # parameters (p,), items, logits, number of the step -> loss


class Gradients(NamedTuple):
    """Of the distance to the expert, with respect to what is learnt."""

    loss: float
    items: Tensor  # like the items
    logits: Tensor  # like the labels' logits
    rate: Tensor  # of the learning rate itself, ()


def trajectory_gradients(
    step_loss: StepLoss,
    start: Tensor,
    goal: Tensor,
    items: Tensor,
    logits: Tensor,
    rate: float,
    parts: Sequence[Tensor],
    whole: bool = True,
) -> Gradients:
    """Return the gradients of ``|end - goal|^2 / |start - goal|^2`` after gradient descent on batches of items.

    Args:
        step_loss: what a step makes smaller, given parameters, the batch's items, its logits and the step's number; it
            must be the same whenever it is called.
        start: (p,) where the network begins.
        goal: (p,) where the expert got.
        items: (n, ...).
        logits: (n, labels) of the items' labels.
        rate: of descent.
        parts: for each step which items it sees, (b,) int.
        whole: also what a step's items do by way of later steps; without it no step's parameters are kept.
    """
    steps, end, passed = len(parts), start.detach(), []
    for number, part in enumerate(parts):
        if whole:
            passed.append(end)
        slope, _ = _slope(step_loss, end, items[part].detach(), logits[part].detach(), number)
        end = end - rate * slope.detach()
    span = (start - goal).square().sum()
    back = 2 * (end - goal) / span  # of the loss with respect to the last parameters
    found = Gradients(
        float((end - goal).square().sum() / span),
        torch.zeros_like(items),
        torch.zeros_like(logits),
        torch.zeros_like(span),
    )
    ahead = start.detach()
    for number in reversed(range(steps)) if whole else range(steps):
        part = parts[number]
        own, labels = items[part].detach().requires_grad_(), logits[part].detach().requires_grad_()
        slope, at = _slope(step_loss, passed[number] if whole else ahead, own, labels, number, kept=True)
        along = slope @ back
        gradients = torch.autograd.grad(along, [own, labels, *([at] if whole else [])], materialize_grads=True)
        found.items.index_add_(0, part, -rate * gradients[0])
        found.logits.index_add_(0, part, -rate * gradients[1])
        found.rate.sub_(along.detach())
        if whole:
            back = back - rate * gradients[2]
        else:
            ahead = ahead - rate * slope.detach()
    return found


def _slope(
    step_loss: StepLoss, parameters: Tensor, items: Tensor, logits: Tensor, number: int, kept: bool = False
) -> tuple[Tensor, Tensor]:
    """Return the gradient of a step's loss (p,), with its graph where it is wanted, and the parameters it is of."""
    at = parameters.detach().requires_grad_()
    (slope,) = torch.autograd.grad(step_loss(at, items, logits, number), [at], create_graph=kept)
    return slope, at


class TrajectoryMatching:
    """One stretch of one expert's way a step."""

    kept: Mapping[str, nn.Module] = {}

    def __init__(
        self, recipe: CondenseRecipe, options: Trajectory, experts: Trajectories, device: torch.device
    ) -> None:
        """Take the recipe, its method's options and the experts."""
        self._recipe, self._options, self._experts = recipe, options, experts
        self._network = drawn_network(recipe, 0, device)

    def step(self, learned: Learned, iteration: int) -> float:
        """Draw a stretch and the batches; put gradients into items, logits and the rate's logarithm."""
        recipe, options = self._recipe, self._options
        rng = np.random.default_rng([recipe.seed, 5, iteration])
        device = learned.items.device
        start, goal = (t.to(device) for t in self._experts.stretch(rng, options.epochs, options.latest))
        parts = [torch.from_numpy(part).to(device) for part in self._parts(len(learned.items), rng)]
        changes = [draw_change(recipe.augment, recipe.view, rng, len(part)) for part in parts]

        def step_loss(parameters: Tensor, items: Tensor, logits: Tensor, number: int) -> Tensor:
            answered = with_parameters(self._network, parameters, changed(items, changes[number]), recipe.task)
            return cross_entropy(answered, torch.softmax(logits, dim=1))

        logits = learned.logits
        if recipe.soft_labels != "learned":
            logits = 1e3 * nn.functional.one_hot(learned.own, len(recipe.labels)).to(learned.items)
        rate = float(learned.log_rate.detach().exp())
        found = trajectory_gradients(
            step_loss, start, goal, learned.items, logits, rate, parts, options.gradient == "whole"
        )
        learned.items.grad = found.items
        if recipe.soft_labels == "learned":
            learned.logits.grad = found.logits
        if options.learn_rate:
            learned.log_rate.grad = found.rate * rate
        return found.loss

    def _parts(self, count: int, rng: np.random.Generator) -> list[np.ndarray]:
        """Return which items each step sees: all of them in turn, in an order that is drawn anew for each round."""
        size, steps = min(self._options.batch, count), self._options.steps
        rounds = -(-steps * size // count)
        order = np.concatenate([rng.permutation(count) for _ in range(rounds)])
        return list(order[: steps * size].reshape(steps, size))
