"""A network's channels at a width."""

from collections.abc import Sequence

from exclaim.errors import RecipeError

__all__ = ["scaled"]


def scaled(channels: Sequence[int], width: float) -> tuple[int, ...]:
    """Return channels times ``width``, each a multiple of 4.

    Raises:
        RecipeError: for a width that is not from 0.125 to 4.
    """
    if not 0.125 <= width <= 4:
        raise RecipeError(f"width is {width}; expected a factor from 0.125 to 4")
    return tuple(max(4, round(count * width / 4) * 4) for count in channels)
