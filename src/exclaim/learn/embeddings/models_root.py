"""Where pretrained networks are: the one place that knows."""

import os
from collections.abc import Mapping
from pathlib import Path

__all__ = ["ENVIRONMENT_VARIABLE", "models_root"]

ENVIRONMENT_VARIABLE = "EXCLAIM_MODELS"
_DEFAULT = "../shared/models"  # from the project's root


def models_root(explicit: Path | None = None, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder that holds pretrained networks; it need not exist.

    Args:
        explicit: what the user gave on the command line; it wins.
        environment: variables; ``EXCLAIM_MODELS`` is used when set and not empty.

    Returns:
        ``explicit``, else ``EXCLAIM_MODELS``, else ``../shared/models`` from the root of the clone that runs, or from
        the working folder where exclaim is installed without a clone.
    """
    if explicit is not None:
        return Path(explicit)
    if environment.get(ENVIRONMENT_VARIABLE):
        return Path(environment[ENVIRONMENT_VARIABLE])
    clone = Path(__file__).resolve().parents[4]
    root = clone if (clone / "pyproject.toml").is_file() else Path.cwd()
    return (root / _DEFAULT).resolve()
