"""The condensed sets that stand in the repository: whole, attacked, passed, and enough to train on."""

from pathlib import Path

import pytest

from exclaim.corpora.condensed import read_set
from exclaim.learn.places import Places
from exclaim.learn.recipe import load_recipe
from exclaim.learn.train import train
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
    assert "ODbL-1.0" in card.licence.split(" AND ")
    assert {use.licence for use in (*card.sources, *card.public)} == set(card.licence.split(" AND "))
    assert card.privacy["passes"] is True
    told = card.privacy["clips"]
    members = [told[way]["true_positives_at_1"]["high"] for way in told if way.startswith("membership")]
    assert len(members) == 6, "by networks and by looking"
    assert max(members) <= 0.02
    told = card.privacy["speakers"]
    shown = [told[way]["auc"]["value"] for way in told if way.startswith("speakers by") and "network" not in way]
    assert len(shown) == 8
    assert max(shown) <= 0.6
    assert path.name in (FOLDER / "README.md").read_text("utf-8")


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_a_network_learns_from_a_set_alone(path: Path, tmp_path: Path) -> None:
    """The recipe beside the set, cut short: no corpus is there, and a sealed model comes out."""
    recipe = FOLDER / f"on-{path.stem}.yaml"
    assert load_recipe(recipe).split.held_out == 0
    places = Places(data=tmp_path / "nothing", runs=tmp_path / "runs", cache=tmp_path / "cache")
    run = train(recipe, places, "cpu", changes={"schedule": {"epochs": 1, "passes": 2}})
    model = load_model(run.model, pin=pin_of(run.model))
    card = read_set(path).card
    assert model.card.corpora == (*card.sources, *card.public)
