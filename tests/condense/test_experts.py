"""Experts: trained once, kept in one file each, gone on with where they were stopped."""

from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from safetensors.torch import load_file, save_file

from exclaim.condense import experts
from exclaim.condense.experts import experts_key, train_experts
from exclaim.condense.real import Real
from exclaim.condense.recipe import CondenseRecipe, load_condense_recipe
from exclaim.errors import StoreError

METHOD = {"name": "trajectory-matching", "epochs": 1}


@pytest.fixture
def real() -> Real:
    rng = np.random.default_rng(0)
    windows = rng.integers(0, 256, (24, 16, 24)).astype(np.uint8)
    return Real(windows, np.arange(24) % 3, "ab" * 32, windows.nbytes, {})


@pytest.fixture
def recipe(make_recipe) -> CondenseRecipe:
    return load_condense_recipe(make_recipe(METHOD, network={"name": "cnn6", "options": {"width": 0.125}}))


def trained(recipe: CondenseRecipe, real: Real, cache: Path) -> list[Path]:
    fabric = Fabric(accelerator="cpu", devices=1)
    train_experts(recipe, real, cache, fabric, lambda name: lambda *numbers: None)
    return sorted(cache.glob("experts-*/*.safetensors"))


def test_an_experts_file_holds_its_weights_after_every_epoch(recipe, real, tmp_path: Path) -> None:
    files = trained(recipe, real, tmp_path)
    assert [path.name for path in files] == ["expert-00.safetensors", "expert-01.safetensors"]
    first, second = map(load_file, files)
    assert sorted(first) == [f"epoch-{number:04d}" for number in range(4)]
    assert len({tuple(tensor.shape) for tensor in first.values()}) == 1
    assert not first["epoch-0000"].equal(first["epoch-0001"])
    assert not first["epoch-0000"].equal(second["epoch-0000"])
    written = [path.stat().st_mtime_ns for path in files]
    assert [path.stat().st_mtime_ns for path in trained(recipe, real, tmp_path)] == written, "they are trained once"


def test_an_expert_that_was_stopped_ends_as_one_that_was_not(recipe, real, tmp_path: Path, monkeypatch) -> None:
    whole = load_file(trained(recipe, real, tmp_path / "a")[0])
    train_network, calls = experts.train_network, []

    class Stopped(Exception):
        pass

    def stopping(own, network, views, teacher, validate, folder, fabric, report):
        def stop(trained):
            if calls.append(1) or len(calls) == 2:
                raise Stopped
            return validate(trained)

        return train_network(own, network, views, teacher, stop, folder, fabric, report)

    with monkeypatch.context() as patch:
        patch.setattr(experts, "train_network", stopping)
        with pytest.raises(Stopped):
            trained(recipe, real, tmp_path / "b")
    again = load_file(trained(recipe, real, tmp_path / "b")[0])
    assert all(torch.equal(whole[epoch], again[epoch]) for epoch in whole)


def test_a_stretch_is_so_many_epochs_of_one_expert(recipe, real, tmp_path: Path) -> None:
    files = trained(recipe, real, tmp_path)
    kept = [load_file(path) for path in files]
    found = experts.Trajectories(files)
    for seed in range(8):
        start, goal = found.stretch(np.random.default_rng(seed), 2, 10)
        assert any(
            start.equal(each[f"epoch-{begin:04d}"]) and goal.equal(each[f"epoch-{begin + 2:04d}"])
            for each in kept
            for begin in (0, 1)
        )
    first, _ = found.stretch(np.random.default_rng(0), 2, 0)
    assert any(first.equal(each["epoch-0000"]) for each in kept)


def test_other_training_makes_other_experts(make_recipe, recipe, real) -> None:
    faster = {"count": 2, "epochs": 3, "batch": 16, "learning_rate": 0.1}
    more = {"count": 9, "epochs": 3, "batch": 16, "learning_rate": 0.05}
    assert experts_key(load_condense_recipe(make_recipe(METHOD, experts=faster)), real) != experts_key(recipe, real)
    assert experts_key(load_condense_recipe(make_recipe(METHOD, experts=more)), real) == experts_key(recipe, real)
    assert experts_key(recipe, real._replace(data="cd" * 32)) != experts_key(recipe, real)


@pytest.mark.parametrize("kind", ["text", "short"])
def test_what_is_no_expert_is_refused(kind: str, recipe, real, tmp_path: Path) -> None:
    path = trained(recipe, real, tmp_path)[0]
    if kind == "text":
        path.write_text("hello")
    else:
        save_file({"epoch-0000": torch.zeros(3)}, path)
    with pytest.raises(StoreError, match="remove it"):
        trained(recipe, real, tmp_path)
