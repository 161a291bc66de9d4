"""Pretrained networks by name."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from exclaim.errors import RecipeError
from exclaim.learn.embeddings.embedding import Embedding
from exclaim.learn.embeddings.models_root import models_root

__all__ = ["load_embedding", "names"]


@cache
def _known() -> Mapping[str, type[Embedding]]:
    """Collect ``EMBEDDINGS`` of every file of this package."""
    package = import_module(__package__)
    modules = (import_module(module.name) for module in iter_modules(package.__path__, f"{__package__}."))
    return {name: kind for module in modules for name, kind in getattr(module, "EMBEDDINGS", {}).items()}


def names() -> tuple[str, ...]:
    """Return the names that :func:`load_embedding` knows, sorted."""
    return tuple(sorted(_known()))


def load_embedding(name: str, models: Path | None = None) -> Embedding:
    """Load a pretrained network.

    Args:
        name: one of :func:`names`.
        models: folder of the networks' files; None: where ``EXCLAIM_MODELS`` says.

    Raises:
        RecipeError: for a name that is not known.
        ModelError: when its files, or a package that runs them, are not there.
    """
    if name not in _known():
        raise RecipeError(f"pretrained network {name!r} is not known; expected one of {', '.join(names())}")
    return _known()[name](models_root(models))
