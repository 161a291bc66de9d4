"""Sound files under a folder, in a fixed order."""

import os
from functools import cache
from pathlib import Path

import soundfile

__all__ = ["audio_suffixes", "find_audio"]

# suffixes in use for the containers that libsndfile names otherwise
_ALIASES = {
    "AIFF": ("aif", "aifc"),
    "AU": ("snd",),
    "MP3": ("mp2", "mpga"),
    "NIST": ("sph",),
    "OGG": ("oga", "opus"),
    "SVX": ("8svx", "iff"),
    "WAV": ("wave",),
}
_NOT_SOUND = {"RAW", "MAT4", "MAT5"}  # raw has no header, and a .mat file is seldom sound


@cache
def audio_suffixes() -> frozenset[str]:
    """Return the suffixes that libsndfile decodes here, in lower case: ``.wav``, ``.opus``, ..."""
    formats = set(soundfile.available_formats()) - _NOT_SOUND
    names = {name.lower() for name in formats} | {alias for name in formats for alias in _ALIASES.get(name, ())}
    return frozenset(f".{name}" for name in names)


def find_audio(folder: Path, depth: int = 8) -> list[Path]:
    """Return the sound files under a folder, sorted by path.

    Args:
        folder: where to look.
        depth: how many levels of folders below it are entered; 0 takes only the folder's own files.

    Hidden files and folders are passed over: copies from other systems leave ``._name.wav`` beside
    ``name.wav``.
    """
    found: list[Path] = []
    for parent, folders, files in os.walk(folder):
        level = len(Path(parent).relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if level < depth else []
        found.extend(
            Path(parent, name)
            for name in files
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in audio_suffixes()
        )
    return sorted(found)
