"""What stands in a set's card, as text."""

from collections.abc import Mapping
from typing import Any

__all__ = ["options_told", "value_told"]

_NOTHING = "\N{EN DASH}"


def options_told(told: Mapping[str, Any]) -> str:
    """Return names and values in a line."""
    return ", ".join(f"{name.replace('_', ' ')} {value_told(value)}" for name, value in told.items())


def value_told(value: Any) -> str:
    """Return a value as people write it; a dash where there is none."""
    if value is None or value == "":
        return _NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) < 100 else f"{value:,.0f}"
    if isinstance(value, Mapping):
        return options_told(value)
    if isinstance(value, list | tuple):
        between = " to " if len(value) == 2 and all(isinstance(one, float) for one in value) else ", "
        return between.join(map(value_told, value))
    return str(value)
