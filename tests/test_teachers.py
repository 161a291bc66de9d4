"""The teachers that are kept: finished runs, whole, allowed, and of the recipes that stand here."""

import hashlib
import shutil
from pathlib import Path

import msgspec
import pytest

from exclaim.corpora.registry import corpus_info
from exclaim.model import load_model, pin_of
from exclaim.model_file import read_card

pytest.importorskip("torch")

from exclaim.learn.checkpoint import load_weights
from exclaim.learn.network import network_of
from exclaim.learn.places import Places
from exclaim.learn.recipe import Recipe, load_recipe, recipe_hash
from exclaim.learn.train import train

ROOT = Path(__file__).parents[1]
TEACHERS = sorted(path for path in (ROOT / "teachers").iterdir() if path.is_dir())
FILES = sorted((ROOT / "teachers").glob("*.onnx"))


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


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_kept_model_file_is_a_teacher_of_what_is_shipped(path: Path) -> None:
    model = load_model(path, pin=pin_of(path))
    assert all(corpus_info(use.name).may_ship for use in model.card.corpora)
    shipped = [read_card(asset) for asset in (ROOT / "src/exclaim/assets").glob("*.onnx")]
    assert model.sha256 in {parent.sha256 for card in shipped for parent in card.parents}


def test_what_is_kept_is_small() -> None:
    """Each set of weights counts once: the page's models are the shipped ones, byte for byte."""
    folders = (ROOT / "teachers", ROOT / "src/exclaim/assets", ROOT / "docs/listen/models")
    weights = [path for folder in folders for kind in ("*.onnx", "*.safetensors") for path in folder.rglob(kind)]
    sizes = {hashlib.sha256(path.read_bytes()).digest(): path.stat().st_size for path in weights}
    assert max(sizes.values()) <= 3_000_000
    assert sum(sizes.values()) <= 10_000_000
