"""Sound as a device hears it: from a microphone, or a file at its own speed or as fast as it goes."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exclaim.audio import microphone, stream_audio
from exclaim.errors import AudioError
from exclaim.features import SAMPLE_RATE

__all__ = ["Block", "capture", "is_microphone"]

_log = logging.getLogger(__name__)

_LIVE_SECONDS = 0.1  # length of a block that is heard in real time
_FAST_SECONDS = 1.0
_REOPEN_SECONDS = 5.0  # between two tries to open a microphone that went away


class Block(NamedTuple):
    """The next piece of sound."""

    samples: np.ndarray  # (n,) float32 at 16 kHz, in [-1, 1]
    overran: bool = False  # sound in front of it was lost


def is_microphone(source: str) -> bool:
    """Return whether a source is a microphone ("mic", "mic:NAME") and not a file."""
    return source == "mic" or source.startswith("mic:")


def capture(
    source: str,
    stop: threading.Event,
    *,
    real_time: bool = True,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Block]:
    """Yield blocks of sound until the source ends or ``stop`` is set.

    Args:
        source: "mic", "mic:NAME", or a sound file's path.
        stop: ends it.
        real_time: a block of a file comes no earlier than a microphone would have heard its last sample.
        clock: seconds, for the pace.

    Raises:
        AudioError: when the microphone or the file cannot be opened or read.
    """
    if is_microphone(source):
        yield from _heard(source.partition(":")[2] or None, stop)
    else:
        blocks = stream_audio(Path(source), _LIVE_SECONDS if real_time else _FAST_SECONDS)
        with closing(blocks):
            yield from _paced(blocks, stop, clock) if real_time else _fast(blocks, stop)


def _heard(device: str | None, stop: threading.Event) -> Iterator[Block]:
    """Hear a microphone; one that goes away after it was heard is opened again."""
    lost, heard = threading.Event(), False
    while not stop.is_set():
        try:
            with closing(microphone(device, _LIVE_SECONDS, on_overrun=lost.set)) as blocks:
                for samples in blocks:
                    yield Block(samples, lost.is_set())
                    heard = True
                    lost.clear()
                    if stop.is_set():
                        return
        except AudioError as error:
            if not heard:
                raise
            _log.error("%s; trying again", error)
            lost.set()
            stop.wait(_REOPEN_SECONDS)


def _fast(blocks: Iterator[np.ndarray], stop: threading.Event) -> Iterator[Block]:
    for samples in blocks:
        if stop.is_set():
            return
        yield Block(samples)


def _paced(blocks: Iterator[np.ndarray], stop: threading.Event, clock: Callable[[], float]) -> Iterator[Block]:
    began, samples = clock(), 0
    for block in blocks:
        samples += len(block)
        if stop.wait(max(0.0, began + samples / SAMPLE_RATE - clock())):
            return
        yield Block(block)
