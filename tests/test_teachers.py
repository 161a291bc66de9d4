"""The teachers that are kept: finished runs, whole, allowed, and of the recipes that stand here."""

import shutil
from pathlib import Path

import msgspec
import pytest

from exclaim.corpora.registry import corpus_info
from exclaim.model import load_model

pytest.importorskip("torch")

from exclaim.learn.checkpoint import load_weights
from exclaim.learn.recipe import Recipe, load_recipe, recipe_hash
from exclaim.learn.train import Places, network_of, train

ROOT = Path(__file__).parents[1]
TEACHERS = sorted((ROOT / "teachers").iterdir())


@pytest.mark.parametrize("folder", TEACHERS, ids=lambda path: path.name)
def test_a_kept_teacher_is_a_finished_run_of_its_recipe(folder: Path, tmp_path: Path) -> None:
    recipe = load_recipe(ROOT / "recipes" / f"{folder.name}.yaml")
    kept = msgspec.json.decode((folder / "recipe.json").read_bytes(), type=Recipe)
    assert recipe_hash(kept) == recipe_hash(recipe)
    model = load_model(folder / f"{folder.name}.onnx")
    assert model.card.metrics
    assert all(corpus_info(use.name).may_ship for use in model.card.corpora)
    load_weights(network_of(recipe), folder / "best.safetensors")
    shutil.copytree(folder, tmp_path / "runs" / folder.name)
    places = Places(data=tmp_path, runs=tmp_path / "runs", cache=tmp_path / "cache")
    assert train(ROOT / "recipes" / f"{folder.name}.yaml", places, "cpu").done_before


def test_what_is_kept_is_small() -> None:
    sizes = [path.stat().st_size for path in (ROOT / "teachers").rglob("*") if path.is_file()]
    shipped = [path.stat().st_size for path in (ROOT / "src/exclaim/assets").glob("*.onnx")]
    assert max(sizes) <= 3_000_000
    assert sum(sizes) + sum(shipped) <= 10_000_000
