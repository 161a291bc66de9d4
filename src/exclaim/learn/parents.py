"""What a recipe may build on: teachers, first weights and sources of soft labels that never heard its test speakers."""

from exclaim.errors import RecipeError
from exclaim.learn.recipe import Recipe, SoftLabelOptions
from exclaim.learn.waveforms.options import hears_waveforms

__all__ = ["check_origin", "check_source", "check_teacher", "names_recipe", "shared_heads"]


def _check_split(recipe: Recipe, parent: Recipe) -> None:
    """Refuse a parent that has heard the test speakers."""
    if parent.split != recipe.split:
        raise RecipeError(
            f"recipe {recipe.name} splits otherwise than its parent {parent.name}, which has heard its test "
            "speakers; give both the same split"
        )


def names_recipe(options: SoftLabelOptions) -> bool:
    """Tell whether soft labels come from another recipe's run."""
    return options.source.endswith((".yaml", ".yml"))


def check_origin(recipe: Recipe, origin: Recipe) -> None:
    """Refuse first weights of a network that has heard the test speakers, or that hears waveforms."""
    _check_split(recipe, origin)
    if hears_waveforms(origin):
        raise RecipeError(f"{origin.name} hears waveforms: recipe {recipe.name} cannot take over its weights")


def check_source(recipe: Recipe, head: str, source: Recipe) -> None:
    """Refuse soft labels of a run that has heard the test speakers, hears no waveforms, or lacks the head."""
    _check_split(recipe, source)
    if not hears_waveforms(source):
        raise RecipeError(
            f"recipe {recipe.name}: the source of soft labels {source.name} hears log-mel and can answer the student's "
            "own views; name it under distil.teacher"
        )
    if head not in source.heads or source.heads[head].labels != recipe.heads[head].labels:
        raise RecipeError(f"source {source.name} has no head {head!r} with the labels of recipe {recipe.name}")


def check_teacher(recipe: Recipe, teacher: Recipe) -> None:
    """Refuse a teacher that has heard the student's test speakers, or that answers none of its questions."""
    _check_split(recipe, teacher)
    if hears_waveforms(teacher):
        raise RecipeError(
            f"teacher {teacher.name} hears waveforms and cannot see the views of recipe {recipe.name}; name it as a "
            "source under soft_labels"
        )
    if not shared_heads(recipe, teacher):
        raise RecipeError(
            f"teacher {teacher.name} has no head of recipe {recipe.name} with the same labels: it has "
            f"{', '.join(teacher.heads)}, the recipe {', '.join(recipe.heads)}"
        )


def shared_heads(recipe: Recipe, teacher: Recipe) -> list[str]:
    """Return the heads that both have, with the same labels in the same order."""
    return [
        name for name, head in recipe.heads.items() if getattr(teacher.heads.get(name), "labels", None) == head.labels
    ]
