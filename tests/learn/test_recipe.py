from pathlib import Path

import pytest

from exclaim.errors import RecipeError
from exclaim.learn.recipe import load_recipe, recipe_hash, teachers_of

FOLDER = Path(__file__).parents[2] / "recipes"
RECIPES = sorted(path for path in FOLDER.rglob("*.yaml") if path.parent.name not in ("ablation", "privacy", "sets"))
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
        if name.endswith(".onnx"):
            assert (path.parent / name).is_file()
            continue
        teacher = load_recipe(path.parent / name)
        assert teacher.split == recipe.split, "a teacher must not have heard the student's test speakers"
        shared = recipe.heads.keys() & teacher.heads.keys()
        assert shared
        assert all(teacher.heads[head].labels == recipe.heads[head].labels for head in shared)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("task: scream-type", "task: laughter"), "none of its shipped heads"),
        (("name: compact", "name: compact, colour: red"), "colour"),
        (("augment: {ambience: 0}", "augment: {ambience: 2}"), "ambience"),
        (("augment: {ambience: 0}", ""), "no ambience corpus"),
        (("augment: {ambience: 0}", "split: {validation: 0.5, test: 0.5}"), "no speakers to train on"),
        (("augment: {ambience: 0}", "augment: {ambience: 0}\nsplit: {validation: 0}"), "keep is best"),
        (("augment: {ambience: 0}", "augment: {ambience: 0}\nsplit: {fold: 2}"), "is for `by: speaker-folds`"),
        (
            ("augment: {ambience: 0}", "augment: {ambience: 0}\nsplit: {by: speaker-folds, fold: 6}"),
            "fold is 6 of 5; expected 1 to 5",
        ),
        (
            ("augment: {ambience: 0}", "augment: {ambience: 0}\nsplit: {by: speaker-folds, folds: 2, validation: 0.5}"),
            "no speakers to train on",
        ),
        (
            ("augment: {ambience: 0}", "augment: {ambience: 0}\nsplit: {by: tensorflow-datasets}"),
            "say `validation: 0.1, test: 0.2`",
        ),
        (("name: least", "name: [least"), "recipe"),
        (("name: least", "name: my run"), "matching regex"),
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


def test_a_recipe_lies_over_its_base_mapping_by_mapping(tmp_path: Path) -> None:
    written(tmp_path, LEAST)
    above = tmp_path / "above.yaml"
    above.write_text("base: recipe.yaml\nname: above\naugment: {mixup: 0.5}\nheads: {vocal-burst: {labels: [a, b]}}")
    recipe = load_recipe(above, {"heads": {"vocal-burst": None}, "schedule": {"epochs": 3}})
    assert (recipe.name, recipe.network.name, recipe.schedule.epochs) == ("above", "compact", 3)
    assert (recipe.augment.mixup, recipe.augment.ambience) == (0.5, 0)
    assert set(recipe.heads) == {"scream-type"}


@pytest.mark.parametrize(("base", "said"), [("recipe.yaml", "own base"), ("[a]", "expected the path")])
def test_a_base_that_leads_nowhere_is_refused(tmp_path: Path, base: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        load_recipe(written(tmp_path, f"base: {base}\n{LEAST}"))


def test_an_option_that_is_not_said_does_not_change_the_hash(tmp_path: Path) -> None:
    """So a new option makes no finished run a stranger."""
    plain = load_recipe(written(tmp_path, LEAST))
    said = load_recipe(written(tmp_path, LEAST + "balanced: false\nschedule: {keep: best}\n"))
    assert recipe_hash(plain) == recipe_hash(said)
