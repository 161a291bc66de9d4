"""The training loop on a network and views that the tests write."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from exclaim.errors import RecipeError
from exclaim.learn import loop
from exclaim.learn.checkpoint import progress_of
from exclaim.learn.loop import train_network
from exclaim.learn.recipe import HeadOptions, NetworkOptions, Recipe, Schedule, canonical, recipe_hash
from exclaim.learn.views import Batch

SIZE = 24


class Vectors:
    """Views of 24 vectors, always the same."""

    windows = SIZE

    def batches(self, view: int, size: int) -> Iterator[Batch]:
        rng = np.random.default_rng(view)
        vectors = rng.normal(size=(SIZE, 6)).astype(np.float32)
        targets = np.eye(2, dtype=np.float32)[(vectors[:, 0] > 0).astype(int)]
        for begin in range(0, SIZE, size):
            part = slice(begin, begin + size)
            count = len(vectors[part])
            yield Batch(vectors[part], {"scream-type": targets[part]}, {"scream-type": np.ones(count, np.float32)})


class Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.still = nn.Linear(6, 6).requires_grad_(False)
        self.head = nn.Linear(6, 2)

    def forward(self, vectors: torch.Tensor) -> dict[str, torch.Tensor]:
        hidden = self.still(vectors)
        return {"scream-type": self.head(hidden), "embedding": hidden}


def trained(folder: Path, **schedule) -> dict[str, torch.Tensor]:
    folder.mkdir()
    recipe = Recipe(
        name="loop",
        task="scream-type",
        bursts=("emogator",),
        heads={"scream-type": HeadOptions(labels=("negative", "positive"))},
        network=NetworkOptions(name="compact"),
        schedule=Schedule(epochs=2, rate="constant", learning_rate=0.01, keep="last", **schedule),
    )
    network = Linear()
    fabric = Fabric(accelerator="cpu", devices=1)
    train_network(recipe, network, Vectors(), None, lambda one: {"score": 0.0}, folder, fabric, lambda *numbers: None)
    return network.state_dict()


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_batches_that_are_gathered_are_as_one_larger_batch(ema, tmp_path):
    whole = trained(tmp_path / "whole", batch=8, ema=ema)
    gathered = trained(tmp_path / "gathered", batch=2, accumulate=4, ema=ema)
    alone = trained(tmp_path / "alone", batch=2, ema=ema)
    torch.testing.assert_close(gathered["head.weight"], whole["head.weight"], atol=1e-5, rtol=1e-4)
    assert not torch.allclose(alone["head.weight"], whole["head.weight"], atol=1e-3)


def test_the_last_step_of_an_epoch_takes_what_is_left(tmp_path):
    """A step that waits for more batches than an epoch has is one step of all of them."""
    gathered = trained(tmp_path / "gathered", batch=2, accumulate=12)
    whole = trained(tmp_path / "whole", batch=24)
    torch.testing.assert_close(gathered["head.weight"], whole["head.weight"], atol=1e-5, rtol=1e-4)
    fewer = trained(tmp_path / "fewer", batch=2, accumulate=100)
    torch.testing.assert_close(fewer["head.weight"], whole["head.weight"], atol=1e-5, rtol=1e-4)


def test_what_is_frozen_stays(tmp_path):
    found = trained(tmp_path / "run", batch=8, weight_decay=0.5)
    assert found["still.weight"].equal(Linear().still.weight)
    assert not found["head.weight"].equal(Linear().head.weight)


def test_a_loss_that_is_no_number_ends_the_training_and_keeps_the_epoch_before(tmp_path, monkeypatch):
    losses = iter([*[1.0] * 3, *[1.0, math.nan, 1.0]])

    def objective(recipe, outputs, batch, logits):
        return outputs["scream-type"].square().mean() * next(losses)

    monkeypatch.setattr(loop, "objective", objective)
    with pytest.raises(RecipeError, match=r"loop: the loss became nan in epoch 2, step 2 of 3; lower schedule\.learn"):
        trained(tmp_path / "run", batch=8)
    assert progress_of(tmp_path / "run/checkpoint.safetensors")["epochs"] == 1


def test_a_schedule_that_gathers_nothing_has_the_hash_that_it_had():
    assert canonical(Schedule(accumulate=1)) == canonical(Schedule()) == b"{}"
    assert canonical(Schedule(accumulate=2)) == b'{"accumulate":2}'
    assert len(recipe_hash(Recipe(name="a", task="b", bursts=(), heads={}, network=NetworkOptions(name="c")))) == 64
