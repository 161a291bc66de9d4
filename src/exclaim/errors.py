"""The one exception family. A message names the thing, what was found, what was expected and what to do."""

__all__ = [
    "AudioError",
    "ConfigError",
    "CorpusError",
    "DeliveryError",
    "ExclaimError",
    "ModelError",
    "RecipeError",
    "StoreError",
    "WireError",
]


class ExclaimError(Exception):
    """Base of every error that exclaim raises on purpose; the command line prints it as one sentence."""


class AudioError(ExclaimError):
    """Sound that cannot be read: empty, unreadable, not audio, not finite, no microphone."""


class ModelError(ExclaimError):
    """A model file that is damaged, unpinned, of another front-end, or not understood."""


class CorpusError(ExclaimError):
    """A corpus or manifest that is absent, incomplete, broken or leaking."""


class RecipeError(ExclaimError):
    """A training recipe or run folder that does not hold together."""


class ConfigError(ExclaimError):
    """A configuration file that does not hold together."""


class WireError(ExclaimError):
    """A message between layers that is malformed, too large, or of an unknown version."""


class DeliveryError(ExclaimError):
    """A peer that cannot be reached or refuses; what was to be sent is kept."""


class StoreError(ExclaimError):
    """A store or outbox that cannot be opened or written, for instance because the disk is full."""
