"""The condensed sets that stand in the repository: whole, attacked, passed, and enough to train on."""

from pathlib import Path

import pytest

from exclaim.corpora.condensed import read_set
from exclaim.learn.recipe import load_recipe
from exclaim.learn.train import Places, train
from exclaim.model import load_model, pin_of
from exclaim.pins import read_pins

FOLDER = Path(__file__).parents[1] / "sets"
SETS = sorted(FOLDER.glob("*.safetensors"))


def test_every_set_is_pinned() -> None:
    assert SETS
    assert set(read_pins(FOLDER)) == {path.name for path in SETS}


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_a_set_began_as_noise_was_attacked_and_passed(path: Path) -> None:
    card = read_set(path).card
    assert card.start == "noise"
    assert card.licence == "ODbL-1.0"
    assert card.privacy["passes"] is True
    assert card.privacy["clips"]["membership of the half"]["true_positives_at_1"]["high"] <= 0.02
    assert path.name in (FOLDER / "README.md").read_text("utf-8")


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_a_network_learns_from_a_set_alone(path: Path, tmp_path: Path) -> None:
    """The recipe beside the set, cut short: no corpus is there, and a sealed model comes out."""
    recipe = FOLDER / f"on-{path.stem}.yaml"
    assert load_recipe(recipe).split.held_out == 0
    places = Places(data=tmp_path / "nothing", runs=tmp_path / "runs", cache=tmp_path / "cache")
    run = train(recipe, places, "cpu", changes={"schedule": {"epochs": 1, "passes": 2}})
    model = load_model(run.model, pin=pin_of(run.model))
    assert [use.name for use in model.card.corpora] == ["crema-d-logmel"]
