"""Says every few seconds that the device lives, and whether it hears anything."""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import msgspec
import numpy as np

from exclaim.errors import StoreError
from exclaim.features import decode
from exclaim.transport import error_message
from exclaim.wire import Heartbeat

__all__ = ["Meter", "Pulse"]

_log = logging.getLogger(__name__)


class Meter:
    """The loudest frame since it was last asked."""

    def __init__(self) -> None:
        """Start without a frame."""
        self._lock = threading.Lock()
        self._loudest: int | None = None

    def add(self, codes: np.ndarray) -> None:
        """Take note of coded frames, (n, 128) uint8, as they were before the gate."""
        if codes.size:
            with self._lock:
                self._loudest = max(self._loudest or 0, int(codes.max()))

    def take(self) -> tuple[bool, float | None]:
        """Return whether anything was heard since the last call, and the loudest frame in dB.

        A microphone in the quietest room gives noise. Frames that all lie on the floor, or no frames at all,
        mean that it is dead, unplugged or muted.
        """
        with self._lock:
            loudest, self._loudest = self._loudest, None
        if loudest is None:
            return False, None
        return loudest > 0, float(decode(np.array(loudest, np.uint8)))


class Pulse:
    """Posts heartbeats; only the newest counts, so a lost one is not sent again."""

    def __init__(
        self,
        client: httpx.Client,
        meter: Meter,
        beat: Callable[[datetime, bool, float | None], Heartbeat],
        *,
        seconds: float,
    ) -> None:
        """Post by ``client`` every ``seconds``.

        Args:
            client: for the edge's base URL.
            meter: what was heard.
            beat: makes the message from the time, whether anything is heard, and the level in dB.
            seconds: between two heartbeats.
        """
        self._client = client
        self._meter = meter
        self._beat = beat
        self._seconds = seconds
        self._refused = False

    def step(self) -> bool:
        """Post one heartbeat and return whether it arrived."""
        try:
            message = self._beat(datetime.now(UTC), *self._meter.take())
            headers = {"content-type": "application/json"}
            body = msgspec.json.encode(message)
            response = self._client.post("/v1/heartbeats", content=body, headers=headers)
        except (httpx.HTTPError, StoreError) as error:
            _log.debug("heartbeat was not sent: %s", error)
            return False
        if response.status_code in (401, 403) and not self._refused:  # a device that hears nothing is told here alone
            self._refused = True
            _log.warning("the edge refuses this device's heartbeats: %s", error_message(response))
        return response.is_success

    def run(self, stop: threading.Event) -> None:
        """Post until ``stop`` is set; the first one as soon as there was time to hear something."""
        wait = min(1.0, self._seconds)
        while not stop.wait(wait):
            self.step()
            wait = self._seconds
