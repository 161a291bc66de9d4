"""What a stream of this device is called, when it began, and how well its clock is kept."""

import ctypes
import os
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

from exclaim.wire import StreamInfo

__all__ = ["clock_quality", "new_stream", "uuid7"]

_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_TIMEX_BYTES = 1024  # more than struct timex has on any platform


def uuid7(milliseconds: int, random: bytes) -> uuid.UUID:
    """Return a UUID of version 7, which sorts by time.

    Args:
        milliseconds: since the epoch, UTC.
        random: ten bytes.

    Source: RFC 9562, section 5.7.
    """
    bits = int.from_bytes(milliseconds.to_bytes(6, "big") + random, "big")
    bits = bits & ~(0xF << 76) | 0x7 << 76
    bits = bits & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=bits)


def new_stream(
    device: str,
    started: float,
    *,
    origin: Literal["microphone", "file", "synthesised", "test"],
    clock: Literal["synchronised", "unsynchronised"] = "unsynchronised",
    random: Callable[[int], bytes] = os.urandom,
) -> StreamInfo:
    """Return the description of a stream whose frame 0 is at ``started``, in seconds since the epoch, UTC."""
    return StreamInfo(
        stream=str(uuid7(int(started * 1000), random(10))),
        device=device,
        started=datetime.fromtimestamp(started, UTC),
        clock=clock,
        origin=origin,
    )


def clock_quality() -> Literal["synchronised", "unsynchronised"]:
    """Ask the kernel whether something keeps this machine's clock; where it cannot say, nothing does."""
    try:
        answer = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))  # modes = 0: only reads
    except (OSError, AttributeError):
        return "unsynchronised"
    return "synchronised" if 0 <= answer < _TIME_ERROR else "unsynchronised"
