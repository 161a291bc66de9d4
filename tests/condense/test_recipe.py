"""Condense recipes: those of the project hold together, and what does not is refused before work."""

from pathlib import Path

import msgspec
import pytest

from exclaim.condense.recipe import condense_hash, learner, load_condense_recipe
from exclaim.condense.teacher import check_teacher
from exclaim.errors import RecipeError
from exclaim.learn.recipe import load_recipe

FOLDER = Path(__file__).parents[2] / "recipes/sets"
RECIPES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_condense_recipe_of_the_project_holds_together(path: Path) -> None:
    recipe = load_condense_recipe(path)
    assert recipe.name == path.stem
    if recipe.teacher is not None:
        check_teacher(recipe, load_recipe(path.parent / recipe.teacher))
    assert recipe.start == "noise", "no recipe of the project begins with people's clips"


@pytest.mark.parametrize(
    ("method", "change", "said"),
    [
        ({"name": "alchemy"}, {}, "alchemy"),
        ({"name": "random", "iterations": 3}, {}, "iterations"),
        ({"name": "distribution-matching", "rate": 0}, {}, "rate"),
        ({"name": "herding"}, {}, "no teacher is named"),
        ({"name": "random"}, {"teacher_seed": 2}, "teacher_seed is for a teacher that is asked"),
        ({"name": "random"}, {"teacher": "x.yaml", "teacher_seed": 2}, "teacher_seed is for a teacher that is asked"),
        ({"name": "distribution-matching", "agreement": 1}, {}, "no teacher is named"),
        ({"name": "gradient-matching"}, {"beside": [{"name": "resnet9"}]}, "only distribution-matching"),
        ({"name": "distribution-matching", "trained": 0.5}, {"beside": [{"name": "resnet9"}]}, "experts are of one"),
        ({"name": "distribution-matching", "groups": 2}, {}, "grouped by a teacher's embedding"),
        ({"name": "distribution-matching", "groups": 3}, {"items": 2, "teacher": "x.yaml"}, "3 groups share 2 items"),
        ({"name": "random"}, {"soft_labels": "teacher"}, "no teacher is named"),
        ({"name": "distribution-matching"}, {"soft_labels": "learned"}, "by trajectory-matching only"),
        ({"name": "random"}, {"start": "real"}, "leave start out"),
        ({"name": "random"}, {"labels": ["ANG", "ANG"]}, "each once"),
        ({"name": "random"}, {"network": {"name": "cnn6", "seed": 3}}, "initialisation: fixed"),
        ({"name": "random"}, {"share": 0}, "share"),
        ({"name": "random"}, {"view": [4, 64]}, "two whole numbers"),
        ({"name": "random"}, {"split": {"validation": 0.5, "test": 0.5}}, "no speakers to train on"),
        ({"name": "trajectory-matching", "epochs": 4}, {}, "expected no fewer"),
        ({"name": "random"}, {"colour": "red"}, "colour"),
        ({"name": "random"}, {"name": "My set"}, "name"),
        ({"name": "random"}, {"seed": 0}, "seed"),
        ({"name": "random"}, {"augment": {"shift_frames": [6, -6]}}, "expected the lower number first"),
        ({"name": "random"}, {"augment": {"time_mask_frames": -5}}, "expected 0 or more"),
        ({"name": "random"}, {"network": {"name": "cnn6", "options": {"view": [64, 64]}}}, "leave `view` out"),
        ({"name": "random"}, {"split": {"by": "speaker-folds", "folds": 5, "fold": 9}}, "fold is 9 of 5"),
        ({"name": "gradient-matching"}, {"network": {"name": "cnn6", "weights_from": "x.yaml"}}, "weights_from"),
        ({"name": "distribution-matching"}, {"beside": [{"name": "vgg15", "seed": 3}]}, "initialisation: fixed"),
    ],
)
def test_what_does_not_hold_together_is_refused(method: dict, change: dict, said: str, make_recipe) -> None:
    with pytest.raises(RecipeError, match=said):
        load_condense_recipe(make_recipe(method, **change))


def test_what_a_recipe_does_not_say_of_changes_stays_as_it_is(make_recipe) -> None:
    usual = load_condense_recipe(make_recipe({"name": "random"})).augment
    found = load_condense_recipe(make_recipe({"name": "random"}, augment={"tilt_db": [-2, 2]})).augment
    assert found == msgspec.structs.replace(usual, tilt_db=(-2, 2))


def test_the_hash_tells_methods_apart(make_recipe) -> None:
    hashes = {
        condense_hash(load_condense_recipe(make_recipe({"name": name})))
        for name in ("random", "distribution-matching", "gradient-matching", "trajectory-matching")
    }
    assert len(hashes) == 4


def test_a_network_gets_the_view_of_the_set_unless_it_sees_whole_windows(make_recipe) -> None:
    small = learner(load_condense_recipe(make_recipe({"name": "random"})))
    assert small.network.options["view"] == (16, 24)
    whole = make_recipe({"name": "random"}, view=[128, 188], network={"name": "compact"})
    assert "view" not in learner(load_condense_recipe(whole)).network.options
