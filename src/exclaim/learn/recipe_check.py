"""What a recipe asks for, seen before anything is trained: its set, its parents, its network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from exclaim.corpora.condensed import CondensedSet
from exclaim.learn.condensed import set_of
from exclaim.learn.file_teacher import heads_of_file, is_model_file
from exclaim.learn.network import network_of
from exclaim.learn.parents import check_origin, check_source, check_teacher, names_recipe
from exclaim.learn.recipe import Recipe, load_recipe, teachers_of
from exclaim.learn.waveforms.options import encoder_options, hears_waveforms

__all__ = ["Checked", "check_recipe"]


class Checked(NamedTuple):
    """A recipe that can be begun with."""

    recipe: Recipe
    condensed: CondensedSet | None  # what it is trained on in place of clips
    sources: dict[str, Recipe]  # recipes of soft labels, by how it names them


def check_recipe(path: Path, runs: Path, changes: Mapping[str, Any] | None = None) -> Checked:
    """Read a recipe and see that its set, parents and network can be; nothing is trained.

    Args:
        path: the recipe.
        runs: where the set that it may name is looked for, besides beside the recipe.
        changes: laid over the recipe (see :func:`~exclaim.learn.recipe.load_recipe`), but not over its parents.

    Raises:
        RecipeError: when the recipe does not hold together.
        CorpusError: when its condensed set is not there or cannot be read.
    """
    recipe = load_recipe(path, changes)
    condensed = set_of(recipe, (path.parent, runs))
    if hears_waveforms(recipe):
        encoder_options(recipe)
    else:
        network_of(recipe)
    for teacher in teachers_of(recipe):
        if is_model_file(teacher):
            heads_of_file(recipe, path.parent / teacher)
        else:
            check_teacher(recipe, load_recipe(path.parent / teacher))
    if recipe.network.weights_from:
        check_origin(recipe, load_recipe(path.parent / recipe.network.weights_from))
    asked = {each.source: load_recipe(path.parent / each.source) for each in recipe.soft_labels if names_recipe(each)}
    for options in recipe.soft_labels:
        if options.source in asked:
            check_source(recipe, options.head, asked[options.source])
    return Checked(recipe, condensed, asked)
