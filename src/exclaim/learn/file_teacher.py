"""A sealed model file as a teacher: a student learns from what is shipped, whatever trained it.

A file tells no recipe, so what it was trained on is judged by its card: whoever chose its thresholds on the validation
speakers of the student split the same speakers the same way, and has not heard the test speakers of the student.
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from exclaim.errors import RecipeError
from exclaim.learn.recipe import Recipe
from exclaim.learn.teacher import Answer
from exclaim.model import Model, load_model, pin_of

__all__ = ["answer_of_file", "heads_of_file", "is_model_file", "refuse_other_speakers"]


def is_model_file(teacher: str) -> bool:
    """Tell whether a recipe's teacher is a model file and no recipe."""
    return teacher.endswith(".onnx")


@cache
def _loaded(path: Path) -> Model:
    return load_model(path, pin=pin_of(path))


def heads_of_file(recipe: Recipe, path: Path) -> list[str]:
    """Return the recipe's heads that a model file answers with the same labels.

    Raises:
        RecipeError: when there is none.
        ModelError: when the file does not load.
    """
    card = _loaded(path).card
    labels = {head.task: head.labels for head in card.heads}
    shared = [name for name, head in recipe.heads.items() if labels.get(name) == head.labels]
    if not shared:
        raise RecipeError(
            f"teacher {path.name} has no head of recipe {recipe.name} with the same labels: it has "
            f"{', '.join(labels)}, the recipe {', '.join(recipe.heads)}"
        )
    return shared


def refuse_other_speakers(recipe: Recipe, path: Path, validation_speakers: Sequence[str]) -> None:
    """Refuse a file whose thresholds were chosen on other speakers: it may have heard the student's test speakers.

    Args:
        recipe: of the student.
        path: of the model file.
        validation_speakers: the student's, sorted.

    Raises:
        RecipeError: when they are others, or the card does not say.
    """
    own = hashlib.sha256("\n".join(validation_speakers).encode()).hexdigest()
    if _loaded(path).card.validation_speakers_sha256 != own:
        raise RecipeError(
            f"teacher {path.name} was not validated on the validation speakers of recipe {recipe.name}, so it may have "
            "heard its test speakers; train it from its recipe, with the same corpora and split"
        )


def answer_of_file(path: Path) -> Answer:
    """Return the function that asks a model file: windows (n, 128, 188) float32 -> output -> (n, ...) float32."""

    def answered(windows: np.ndarray) -> dict[str, np.ndarray]:
        return _loaded(path).logits(windows)

    return answered
