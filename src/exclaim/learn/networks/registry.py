"""Networks by name."""

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from torch import nn

from exclaim.errors import RecipeError

__all__ = ["build", "names"]


@cache
def _constructors() -> Mapping[str, Callable[..., nn.Module]]:
    """Collect ``NETWORKS`` of every file of this package."""
    package = import_module(__package__)
    found: dict[str, Callable[..., nn.Module]] = {}
    for module in iter_modules(package.__path__, f"{__package__}."):
        for name, constructor in getattr(import_module(module.name), "NETWORKS", {}).items():
            if name in found:
                raise RecipeError(f"two networks are named {name!r}; expected every name once, rename one of them")
            found[name] = constructor
    return found


def names() -> tuple[str, ...]:
    """Return the names that :func:`build` knows, sorted."""
    return tuple(sorted(_constructors()))


def build(name: str, heads: Mapping[str, int], **options: object) -> nn.Module:
    """Build a network with fresh random weights (drawn from torch's global generator).

    Args:
        name: one of :func:`names`.
        heads: head name to its number of classes, at least one head of at least two classes.
        **options: what the network's constructor takes, such as ``pool`` or ``dropout``.

    Returns:
        A module from (n, 128, 188) or (n, 1, 128, 188) float32 in [-1, 1] to a dictionary with (n, classes)
        logits for each head and ``embedding`` (n, d).

    Raises:
        RecipeError: for a name, an option or heads that are not understood.
    """
    constructor = _constructors().get(name)
    if constructor is None:
        raise RecipeError(f"network {name!r} is not known; expected one of {', '.join(names())}")
    if not heads or "embedding" in heads or any(not isinstance(n, int) or n < 2 for n in heads.values()):
        raise RecipeError(
            f"network {name!r} got heads {dict(heads)}; expected at least one head, each with two classes or"
            " more, and none named 'embedding'"
        )
    known = set(inspect.signature(constructor).parameters) - {"heads"}
    if unknown := sorted(set(options) - known):
        raise RecipeError(
            f"network {name!r} does not know {', '.join(unknown)}; its options are {', '.join(sorted(known))}"
        )
    return constructor(heads, **options)
