from pathlib import Path

import pytest

from exclaim.errors import RecipeError
from exclaim.learn.recipe import load_recipe, recipe_hash, teachers_of

FOLDER = Path(__file__).parents[2] / "recipes"
RECIPES = sorted(path for path in FOLDER.rglob("*.yaml") if path.parent.name != "ablation")
LEAST = """
name: least
task: scream-type
bursts: [emogator]
heads: {scream-type: {labels: [negative, positive]}}
network: {name: compact}
augment: {ambience: 0}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_of_the_project_holds_together(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    for name in teachers_of(recipe):
        teacher = load_recipe(path.parent / name)
        assert teacher.split == recipe.split, "a teacher must not have heard the student's test speakers"
        assert teacher.heads[recipe.task].labels == recipe.heads[recipe.task].labels


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("task: scream-type", "task: laughter"), "none of its shipped heads"),
        (("name: compact", "name: compact, colour: red"), "colour"),
        (("augment: {ambience: 0}", "augment: {ambience: 2}"), "ambience"),
        (("augment: {ambience: 0}", ""), "no ambience corpus"),
        (("augment: {ambience: 0}", "split: {validation: 0.5, test: 0.5}"), "no speakers to train on"),
        (("name: least", "name: [least"), "recipe"),
    ],
)
def test_a_recipe_that_does_not_hold_together_is_refused(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        load_recipe(written(tmp_path, LEAST.replace(*change)))


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"nowhere\.yaml"):
        load_recipe(tmp_path / "nowhere.yaml")


def test_the_hash_depends_on_content_and_not_on_layout(tmp_path: Path) -> None:
    plain = recipe_hash(load_recipe(written(tmp_path, LEAST)))
    assert (
        recipe_hash(load_recipe(written(tmp_path, "# a comment\n" + LEAST.replace("[emogator]", "[ emogator ]"))))
        == plain
    )
    assert recipe_hash(load_recipe(written(tmp_path, LEAST + "seed: 1\n"))) != plain
