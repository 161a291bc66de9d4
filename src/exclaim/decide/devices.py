"""Whether a device lives, from when it was last heard. Pure."""

from datetime import datetime
from typing import Literal

__all__ = ["CLOCK_TOLERANCE_SECONDS", "REORDER_SECONDS", "Liveness", "clock_off_seconds", "is_newer", "liveness"]

Liveness = Literal["alive", "silent", "dead", "unknown"]
CLOCK_TOLERANCE_SECONDS = 30.0  # a clock further off than this is worth telling: lateness is judged by it
REORDER_SECONDS = 60.0  # an older time further back than this is a clock that was set, not a message that was overtaken


def liveness(last_heard: datetime | None, now: datetime, *, silent_seconds: float, dead_seconds: float) -> Liveness:
    """``alive``, ``silent`` or ``dead`` by the age of the last heartbeat; ``unknown`` where none ever came."""
    if last_heard is None:
        return "unknown"
    age = (now - last_heard).total_seconds()
    if age >= dead_seconds:
        return "dead"
    return "silent" if age >= silent_seconds else "alive"


def is_newer(time: datetime, known: datetime | None) -> bool:
    """Whether a heartbeat with the device's ``time`` counts, ``known`` being the one that counted last."""
    if known is None or time >= known:
        return True
    return (known - time).total_seconds() > REORDER_SECONDS


def clock_off_seconds(device_time: datetime | None, received: datetime | None) -> float | None:
    """How far the device's clock was behind (positive) or ahead (negative), in seconds; None within tolerance."""
    if device_time is None or received is None:
        return None
    off = (received - device_time).total_seconds()
    return off if abs(off) > CLOCK_TOLERANCE_SECONDS else None
