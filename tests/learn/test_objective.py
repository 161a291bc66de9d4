"""What a recipe makes small, by closed forms."""

import numpy as np
import pytest
import torch

from exclaim.learn.losses import cross_entropy, divergence
from exclaim.learn.objective import objective
from exclaim.learn.recipe import Distillation, HeadOptions, NetworkOptions, Recipe
from exclaim.learn.views import Batch

LABELS = ("a", "b", "c")


def recipe(**distil) -> Recipe:
    return Recipe(
        name="r",
        task="kind",
        bursts=("emogator",),
        heads={"kind": HeadOptions(labels=LABELS), "other": HeadOptions(labels=("no", "yes"), weight=0.5)},
        network=NetworkOptions(name="compact"),
        distil=Distillation(teacher="t.yaml", alpha=0.25, temperature=2, **distil),
    )


@pytest.fixture
def given():
    rng = np.random.default_rng(1)
    logits = {"kind": rng.normal(size=(4, 3)).astype(np.float32), "other": rng.normal(size=(4, 2)).astype(np.float32)}
    outputs = {name: torch.from_numpy(values) for name, values in logits.items()} | {"embedding": torch.zeros(4, 2)}
    targets = {"kind": np.eye(3, dtype=np.float32)[[0, 1, 2, 0]], "other": np.eye(2, dtype=np.float32)[[0, 1, 1, 0]]}
    weights = {"kind": np.array([1, 1, 0, 0], np.float32), "other": np.ones(4, np.float32)}
    taught = {"kind": rng.normal(size=(4, 3)).astype(np.float32)}
    return outputs, Batch(np.zeros((4, 128, 188), np.float32), targets, weights), taught


@pytest.mark.parametrize(("unlabelled", "heard"), [(True, slice(0, 4)), (False, slice(0, 2))])
def test_a_teacher_is_heard_on_the_windows_that_the_recipe_says_and_on_its_own_heads(unlabelled, heard, given) -> None:
    outputs, batch, taught = given
    hard = {
        name: cross_entropy(outputs[name], torch.from_numpy(batch.targets[name]), torch.from_numpy(batch.weights[name]))
        for name in ("kind", "other")
    }
    soft = 4 * divergence(outputs["kind"][heard], torch.from_numpy(taught["kind"])[heard], temperature=2)
    whole = objective(recipe(unlabelled=unlabelled), outputs, batch, taught)
    assert float(whole) == pytest.approx(float(0.75 * hard["kind"] + 0.25 * soft + 0.5 * hard["other"]), rel=1e-5)


def test_a_batch_without_a_label_asks_nothing_of_a_teacher_that_is_heard_on_labels_only(given) -> None:
    outputs, batch, taught = given
    nothing = batch._replace(weights={name: np.zeros(4, np.float32) for name in batch.weights})
    assert float(objective(recipe(unlabelled=False), outputs, nothing, taught)) == 0
    assert float(objective(recipe(unlabelled=True), outputs, nothing, taught)) > 0
