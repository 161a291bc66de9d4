"""Log-mels kept as grey pictures: what is left of a corpus whose sound may not or need not travel.

A picture has a row for each of the 128 mel bands, the lowest at the top, and a column for each frame. Grey value ``v``
stands for ``(v / 255 - 1) * 80`` dB below the clip's own maximum; columns behind the sound's end are 0. How loud the
sound was is lost, so its maximum is put where a voice near a microphone has it.
"""

import os
from pathlib import Path

import numpy as np

from exclaim import features
from exclaim.errors import AudioError, CorpusError

__all__ = ["PEAK_DB", "PICTURE_SUFFIX", "find_pictures", "picture_codes"]

PICTURE_SUFFIX = ".png"
PEAK_DB = 14.0  # what a clip's loudest band and frame is taken to have: a voice at -20 dB re full scale


def find_pictures(folder: Path, depth: int = 8) -> list[Path]:
    """Return the pictures under a folder, sorted by path; hidden files are passed over.

    Args:
        folder: where to look.
        depth: how many levels of folders below it are entered; 0 takes only the folder's own files.
    """
    found: list[Path] = []
    for parent, folders, files in os.walk(folder):
        level = len(Path(parent).relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if level < depth else []
        found += [
            Path(parent, name) for name in files if not name.startswith(".") and name.lower().endswith(PICTURE_SUFFIX)
        ]
    return sorted(found)


def picture_codes(path: Path) -> np.ndarray:
    """Read a picture as coded frames.

    Args:
        path: of an 8-bit grey PNG of 128 rows.

    Returns:
        (frames, 128) uint8 in the byte code of :mod:`exclaim.features`, without the columns behind the sound's end.

    Raises:
        AudioError: when it is no such picture, or holds nothing but floor.
        CorpusError: when Pillow is not installed.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise CorpusError("log-mels kept as pictures need Pillow; run `pip install 'exclaim[learn]'`") from error
    try:
        with Image.open(path) as picture:
            if picture.format != "PNG" or picture.mode != "L" or picture.height != features.N_MELS:
                raise AudioError(
                    f"{path}: is a {picture.format} of mode {picture.mode} and {picture.width} x {picture.height}; "
                    f"expected an 8-bit grey PNG with a row for each of the {features.N_MELS} mel bands"
                )
            grey = np.asarray(picture, np.float32).T
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise AudioError(f"{path}: cannot be read as a picture: {error}") from error
    sounding = np.flatnonzero(grey.any(axis=1))
    if not len(sounding):
        raise AudioError(f"{path}: holds nothing but floor; expected a log-mel")
    relative_db = (grey[: sounding[-1] + 1] / 255 - 1) * features.RANGE_DB
    return features.encode(np.maximum(relative_db + PEAK_DB, features.FLOOR_DB).astype(np.float32))
