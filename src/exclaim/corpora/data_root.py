"""Where the corpora are: the one place that knows."""

import os
from collections.abc import Mapping
from pathlib import Path

__all__ = ["ENVIRONMENT_VARIABLE", "data_root"]

ENVIRONMENT_VARIABLE = "EXCLAIM_DATA"
_DEFAULT = "../shared/data"  # from the project's root


def data_root(explicit: Path | None = None, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder that holds the corpora; it need not exist.

    Args:
        explicit: what the user gave on the command line or in a recipe; it wins.
        environment: variables; ``EXCLAIM_DATA`` is used when set and not empty.

    Returns:
        ``explicit``, else ``EXCLAIM_DATA``, else ``../shared/data`` from the root of the clone that runs, or
        from the working folder where exclaim is installed without a clone.
    """
    if explicit is not None:
        return Path(explicit)
    if environment.get(ENVIRONMENT_VARIABLE):
        return Path(environment[ENVIRONMENT_VARIABLE])
    clone = Path(__file__).resolve().parents[3]
    root = clone if (clone / "pyproject.toml").is_file() else Path.cwd()
    return (root / _DEFAULT).resolve()
