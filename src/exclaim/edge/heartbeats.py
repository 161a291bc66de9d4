"""Passes heartbeats on to the decision service, best effort: only the newest of each device counts."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import msgspec

from exclaim.config import EdgeOptions
from exclaim.errors import StoreError
from exclaim.outbox import Outbox
from exclaim.wire import Heartbeat

__all__ = ["HeartbeatRelay"]

_log = logging.getLogger(__name__)

_MOST_DEVICES = 4096  # heartbeats that wait; the oldest goes first


class HeartbeatRelay:
    """Keeps the newest heartbeat of each device until it was passed on, and adds the edge's own."""

    def __init__(
        self,
        options: EdgeOptions,
        client: httpx.Client,
        outbox: Outbox,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Pass on by ``client``; what waits in ``outbox`` is said in the edge's own heartbeat."""
        self._options = options
        self._client = client
        self._outbox = outbox
        self._clock = clock
        self._lock = threading.Lock()
        self._newest: OrderedDict[tuple[str, str], Heartbeat] = OrderedDict()

    def hear(self, beat: Heartbeat) -> None:
        """Take a device's heartbeat."""
        with self._lock:
            self._newest.pop((beat.layer, beat.device), None)
            self._newest[beat.layer, beat.device] = beat
            if len(self._newest) > _MOST_DEVICES:
                self._newest.popitem(last=False)

    def step(self) -> int:
        """Pass on what was heard and return how many heartbeats arrived; what failed waits for newer ones."""
        passed = 0
        while True:
            with self._lock:
                if not self._newest:
                    return passed
                key, beat = self._newest.popitem(last=False)
            if not self._post(beat):
                with self._lock:
                    self._newest.setdefault(key, beat)
                return passed
            passed += 1

    def run(self, stop: threading.Event) -> None:
        """Pass on every second, and the edge's own heartbeat at its pace, until ``stop`` is set."""
        due = 0.0
        while not stop.wait(1.0):
            if time.monotonic() >= due:
                due = time.monotonic() + self._options.heartbeat_seconds
                self._beat()
            self.step()

    def _beat(self) -> None:
        try:
            waiting = self._outbox.count()
        except StoreError as error:
            _log.error("%s", error)
            waiting = 0
        now = datetime.fromtimestamp(self._clock(), UTC)
        self.hear(Heartbeat(device=self._options.name, layer="edge", time=now, backlog=waiting))

    def _post(self, beat: Heartbeat) -> bool:
        try:
            response = self._client.post(
                "/v1/heartbeats",
                content=msgspec.json.encode(beat),
                headers={"content-type": "application/json"},
            )
        except httpx.HTTPError as error:
            _log.debug("heartbeat of %s was not passed on: %s", beat.device, error)
            return False
        if not response.is_success:
            _log.debug("heartbeat of %s was refused: status %d", beat.device, response.status_code)
        return response.status_code < 500
