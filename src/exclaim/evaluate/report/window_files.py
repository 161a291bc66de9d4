"""A window as what a page can hold: a picture of its log-mel, and its sound. Both small, and whole inside the page."""

import base64
import io

import numpy as np

from exclaim.features import SAMPLE_RATE
from exclaim.inversion import invert
from exclaim.learn.views import quantise

__all__ = ["DIFFERENCE", "LOUDNESS", "data_uri", "scale_image", "window_image", "window_sound"]

LOUDNESS = "magma"  # even steps to the eye, and darker is softer in grey too
DIFFERENCE = "RdBu_r"  # pale in the middle


def data_uri(kind: str, data: bytes) -> str:
    """Return a file's bytes as an address that holds them."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def window_image(window: np.ndarray, colours: str = LOUDNESS) -> str:
    """Return a window's log-mel as the data URI of a PNG, a dot a cell, low bands at the bottom.

    Args:
        window: (bands, frames) of [-1, 1].
        colours: matplotlib's name of them, from -1 to 1.
    """
    return _png(quantise(window)[::-1], colours)


def scale_image(colours: str = LOUDNESS) -> str:
    """Return the colours from -1 to 1 as the data URI of a PNG, one dot high."""
    return _png(np.arange(256, dtype=np.uint8)[None], colours)


def window_sound(window: np.ndarray) -> bytes:
    """Return what a window sounds like as a WAV file: 3 s at 16 kHz, 16 bit, 96,044 bytes.

    Args:
        window: (bands, frames) of [-1, 1].

    Raises:
        ConfigError: when the extra `sounds` is not installed.
    """
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, invert(window), SAMPLE_RATE, format="WAV", subtype="PCM_16")
    return file.getvalue()


def _png(codes: np.ndarray, colours: str) -> str:
    from matplotlib import colormaps
    from PIL import Image  # comes with matplotlib

    image = Image.fromarray(np.ascontiguousarray(codes)).convert("P")
    image.putpalette((colormaps[colours](np.arange(256), bytes=True)[:, :3]).tobytes())
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return data_uri("image/png", file.getvalue())
