"""exclaim hears emotion beyond words and turns it into decisions that people can trust.

``import exclaim`` costs almost nothing: each name below is imported from its module when it is first used.
What else is public is in each module's ``__all__``.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "AudioError": "errors",
    "Config": "config",
    "ConfigError": "errors",
    "ExclaimError": "errors",
    "ModelError": "errors",
    "load_config": "config",
    "load_model": "model",
    "log_mel": "features",
    "log_mel_db": "features",
    "normalise": "features",
    "read_audio": "audio",
    "stream_audio": "audio",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'exclaim' has no attribute {name!r}")
    return getattr(importlib.import_module(f"exclaim.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
