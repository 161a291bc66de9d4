"""A run's folder: whose it is, and its log."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from exclaim.errors import RecipeError
from exclaim.learn.recipe import canonical

__all__ = ["claim", "logged"]


def claim(folder: Path, recipe: Any) -> None:
    """Take a run folder for a recipe, or see that it already is this recipe's.

    Args:
        folder: made where it is missing.
        recipe: a struct with a name; what it says is kept as ``recipe.json``.

    Raises:
        RecipeError: when the folder holds a run of another recipe, or cannot be made.
    """
    kept = folder / "recipe.json"
    try:
        fresh = not kept.is_file() or _empty(folder)
    except OSError:
        fresh = True
    if fresh:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(msgspec.json.format(msgspec.json.encode(recipe)))
        except OSError as error:
            raise RecipeError(f"run folder {folder} cannot be made: {error.strerror}; choose another --runs") from error
        return
    try:
        same = canonical(msgspec.json.decode(kept.read_bytes(), type=type(recipe))) == canonical(recipe)
    except msgspec.DecodeError:
        same = False
    if not same:
        raise RecipeError(
            f"run folder {folder} holds a run of another recipe named {recipe.name!r}; "
            "rename the recipe, choose another --runs, or remove the folder"
        )


def _empty(folder: Path) -> bool:
    """Tell whether a recipe took the folder and then was refused: nothing was made in it."""
    return {path.name for path in folder.iterdir()} <= {"recipe.json", "log.txt", "lock"}


@contextmanager
def logged(path: Path) -> Iterator[None]:
    """Append what exclaim logs, from "info" on, to a file."""
    logger = logging.getLogger("exclaim")
    handler, level = logging.FileHandler(path), logger.level
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)
        handler.close()
