"""Privacy recipes: those of the project hold together, and what does not is refused before work."""

from pathlib import Path

import pytest

from exclaim.condense.recipe import load_condense_recipe
from exclaim.errors import RecipeError
from exclaim.privacy.recipe import condensed_by, load_privacy_recipe

FOLDER = Path(__file__).parents[2] / "recipes/privacy"
RECIPES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_privacy_recipe_of_the_project_holds_together(path: Path) -> None:
    recipe = load_privacy_recipe(path)
    assert recipe.name == f"privacy-{path.stem}"
    assert recipe.shadows >= 16
    attacked = load_condense_recipe(path.parent / recipe.condense)
    changed = condensed_by(path, recipe)
    assert (changed.items, changed.view, changed.split) == (attacked.items, attacked.view, attacked.split)
    assert "noise" in recipe.targets or path.stem == "overfitted", (
        "but for the control, which asks whether clips are found"
    )


def test_what_begins_as_real_clips_is_attacked_in_both_ways_on_every_corpus() -> None:
    whole, attacked = set(), set()
    for path in RECIPES:
        recipe = load_privacy_recipe(path)
        way = (condensed_by(path, recipe).sources, recipe.halves)
        whole.add(way)
        if "real" in recipe.targets:
            attacked.add(way)
    assert attacked == whole
    assert len(whole) == 4, "two corpora, clips and speakers"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shadows": 5}, "shadows"),
        ({"shadows": 4}, "shadows"),
        ({"targets": []}, "one or more"),
        ({"targets": ["noise", "noise"]}, "each once"),
        ({"targets": ["soup"]}, "soup"),
        ({"targets": ["full", "noise"], "networks": False, "halves": "speakers"}, "leave one of them out"),
        ({"targets": ["noise"], "networks": False}, "halves: speakers"),
        ({"views": [0, 200]}, "from -187 to 187"),
        ({"halves": "days"}, "halves"),
        ({"colour": "red"}, "colour"),
        ({"changes": {"colour": "red"}}, "colour"),
        ({"condense": "missing.yaml"}, "missing.yaml"),
        ({"condense": None}, "condense"),
        ({"changes": {"method": {"name": "random", "iterations": None, "batch": None}}}, "attack the subset alone"),
    ],
)
def test_what_does_not_hold_together_is_refused(change: dict, said: str, make_recipe) -> None:
    with pytest.raises(RecipeError, match=said):
        load_privacy_recipe(make_recipe(**change))


def test_changes_are_laid_over_the_condense_recipe(make_recipe) -> None:
    path = make_recipe(changes={"method": {"iterations": 7}})
    assert condensed_by(path, load_privacy_recipe(path)).method.iterations == 7
