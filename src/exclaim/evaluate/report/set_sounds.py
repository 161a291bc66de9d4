"""Every item of condensed sets as a WAV file."""

import re
from collections.abc import Sequence
from pathlib import Path

from exclaim.errors import ConfigError
from exclaim.evaluate.report.answered import Progress
from exclaim.evaluate.report.sets import ReadSet
from exclaim.evaluate.report.window_files import window_sound

__all__ = ["write_sounds"]


def write_sounds(sets: Sequence[ReadSet], folder: Path, progress: Progress = lambda done, whole: None) -> int:
    """Write ``LABEL-NUMBER.wav`` for every item, numbers as on the page; of several sets in a folder for each.

    Args:
        sets: whose items.
        folder: made where it is missing; files of the same names are replaced.
        progress: told of the items done.

    Returns:
        How many were written.

    Raises:
        ConfigError: when the folder cannot be written, or the extra `sounds` is not installed.
    """
    done, whole = 0, sum(len(found.windows) for found in sets)
    for found in sets:
        place = Path(folder) / _plain(found.name) if len(sets) > 1 else Path(folder)
        digits = len(str(len(found.windows)))
        for number, (window, own) in enumerate(zip(found.windows, found.own, strict=True), 1):
            label = _plain(found.card.labels[own])
            data = window_sound(window)
            try:
                place.mkdir(parents=True, exist_ok=True)
                (place / f"{label}-{number:0{digits}}.wav").write_bytes(data)
            except OSError as error:
                raise ConfigError(f"sounds cannot be written to {place}: {error.strerror}") from error
            done += 1
            progress(done, whole)
    return done


def _plain(text: str) -> str:
    """Return a name that every file system takes."""
    return re.sub(r"[^\w.-]+", "-", text).strip("-.") or "set"
