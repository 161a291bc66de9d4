"""The gradient that goes over the steps one at a time is the one of the unrolled graph."""

import weakref

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from exclaim.condense.methods.trajectory import trajectory_gradients
from exclaim.condense.networks import drawn_network, flat, with_parameters
from exclaim.condense.recipe import load_condense_recipe
from exclaim.learn.cells import changed, draw_change

RATE = 0.3
STEPS = 5


class Setting:
    """A small network in double precision, items with labels, and changes drawn for each step."""

    def __init__(self, path) -> None:
        torch.manual_seed(0)
        recipe = load_condense_recipe(path)
        self.network = drawn_network(recipe, 0, torch.device("cpu")).double()
        self.start = flat(list(self.network.parameters())).detach()
        self.goal = self.start + 0.05 * torch.randn_like(self.start)
        self.items = torch.rand(6, 16, 24, dtype=torch.double) * 2 - 1
        self.logits = torch.randn(6, 3, dtype=torch.double)
        rng = np.random.default_rng(1)
        self.parts = [torch.from_numpy(rng.permutation(6)[:4]) for _ in range(STEPS)]
        self.changes = [draw_change(recipe.augment, (16, 24), rng, 4) for _ in range(STEPS)]

    def step_loss(self, parameters: Tensor, items: Tensor, logits: Tensor, number: int) -> Tensor:
        answered = with_parameters(self.network, parameters, changed(items, self.changes[number]), "speech-emotion")
        return cross_entropy(answered, torch.softmax(logits, dim=1))

    def unrolled(self, whole: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Hold every step's graph; without ``whole`` a step's slope is taken at parameters that are let go of."""
        items, logits = self.items.clone().requires_grad_(), self.logits.clone().requires_grad_()
        rate = torch.tensor(RATE, dtype=torch.double, requires_grad=True)
        at = self.start.clone().requires_grad_()
        end = at
        for number, part in enumerate(self.parts):
            where = end if whole else end.detach().requires_grad_()
            loss = self.step_loss(where, items[part], logits[part], number)
            (slope,) = torch.autograd.grad(loss, [where], create_graph=True)
            end = end - rate * slope
        loss = (end - self.goal).square().sum() / (self.start - self.goal).square().sum()
        return (loss, *torch.autograd.grad(loss, [items, logits, rate]))

    def found(self, whole: bool):
        return trajectory_gradients(
            self.step_loss, self.start, self.goal, self.items, self.logits, RATE, self.parts, whole
        )


@pytest.mark.parametrize("whole", [True, False])
def test_the_gradient_of_two_passes_is_that_of_the_unrolled_graph(whole: bool, make_recipe) -> None:
    setting = Setting(make_recipe({"name": "random"}))
    loss, items, logits, rate = setting.unrolled(whole)
    found = setting.found(whole)
    assert found.loss == pytest.approx(float(loss.detach()), rel=1e-9)
    for one, other in ((found.items, items), (found.logits, logits), (found.rate, rate)):
        assert other.abs().max() > 0
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4 * float(other.abs().max()))


def test_what_a_step_does_to_later_ones_counts(make_recipe) -> None:
    """Leaving it out, as TESLA does, gives another gradient: the two ways are told apart."""
    setting = Setting(make_recipe({"name": "random"}))
    whole, own = setting.found(True).items, setting.found(False).items
    assert (whole - own).abs().max() > 1e-3 * whole.abs().max()


def test_one_step_has_a_closed_form() -> None:
    """For the loss theta . x of one item x the slope is x: the end is start - rate x, and all follows by hand."""
    items = torch.tensor([[1.0, 2.0]])
    logits, start, goal = torch.zeros(1, 2), torch.tensor([0.0, 0.0]), torch.tensor([1.0, 0.0])
    found = trajectory_gradients(
        lambda parameters, x, labels, number: (parameters * x).sum(),
        start,
        goal,
        items,
        logits,
        0.5,
        [torch.tensor([0])],
    )
    assert found.loss == pytest.approx(1.5**2 + 1)
    # the end is (-0.5, -1): back is 2 * (-1.5, -1), and an item moves the end by -0.5 of itself
    torch.testing.assert_close(found.items, torch.tensor([[1.5, 1.0]]))
    torch.testing.assert_close(found.rate, torch.tensor(2 * (1.5 * 1 + 1 * 2)))
    assert found.logits.equal(torch.zeros(1, 2))


class Marked(torch.autograd.Function):
    """Nothing, but for a token that lives as long as the graph that it is a part of."""

    @staticmethod
    def forward(ctx, x: Tensor, tokens: weakref.WeakSet) -> Tensor:
        ctx.token = Token()
        tokens.add(ctx.token)
        return x.clone()

    @staticmethod
    def backward(ctx, slope: Tensor) -> tuple[Tensor, None]:
        return slope, None


class Token:
    pass


@pytest.mark.parametrize("whole", [True, False])
def test_graphs_do_not_grow_with_the_steps(whole: bool, make_recipe) -> None:
    """When a step begins the graph of the one before it may be there still, and no other; unrolled, all are."""
    setting = Setting(make_recipe({"name": "random"}))
    tokens, alive, plain = weakref.WeakSet(), [], setting.step_loss

    def counted(parameters: Tensor, items: Tensor, logits: Tensor, number: int) -> Tensor:
        alive.append(len(tokens))
        return plain(parameters, Marked.apply(items, tokens), logits, number)

    setting.step_loss = counted
    setting.found(whole)
    assert len(alive) == 2 * STEPS
    assert max(alive) == 1
    alive.clear()
    setting.unrolled(whole)
    assert max(alive) == STEPS - 1
