"""What runs behind the edge's interface, and who stops it: ingest, forwarding, heartbeats, upkeep."""

import logging
import threading
import time
from collections.abc import Callable

import httpx

from exclaim.background import Loop
from exclaim.config import EdgeOptions
from exclaim.edge.heartbeats import HeartbeatRelay
from exclaim.edge.ingest import Ingest
from exclaim.edge.store import EdgeStore
from exclaim.errors import StoreError
from exclaim.features import FRAME_SECONDS
from exclaim.forward import EventForwarder
from exclaim.listen import Analysis

__all__ = ["EdgeService"]

_log = logging.getLogger(__name__)

_UPKEEP_SECONDS = 30.0
_CLOSE_SECONDS = 900.0  # a stream that is silent for so long has its episode closed: what comes later is late
_KEEP_SECONDS = 7 * 86_400.0  # a stream is kept this long after its last frame, longer than any device keeps frames
_RESULTS_FRAMES = round(86_400 / FRAME_SECONDS)  # results are kept for a day of sound


class EdgeService:
    """The edge without its interface. Start it, stop it; the store is its owner's to close."""

    def __init__(
        self,
        options: EdgeOptions,
        store: EdgeStore,
        analysis: Analysis,
        client: httpx.Client,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Put the parts together.

        Args:
            options: of the edge.
            store: where everything durable is.
            analysis: models and episode options.
            client: for the decision service's base URL.
            clock: seconds since the epoch.
        """
        self.store = store
        self.ingest = Ingest(store, analysis, clock=clock)
        self.heartbeats = HeartbeatRelay(options, client, store.outbox, clock=clock)
        self.forwarder = EventForwarder(store.outbox, client, peer="the decision service")
        self._models = [
            {"name": model.card.name, "version": model.card.version, "sha256": model.sha256}
            for model in analysis.models
        ]
        self._clock = clock
        self._stop = threading.Event()
        self._threads = [
            Loop(self.forwarder.run, self._stop, name="forward"),
            Loop(self.heartbeats.run, self._stop, name="heartbeats"),
            Loop(self._keep_up, self._stop, name="upkeep"),
        ]

    def start(self) -> None:
        """Start the threads."""
        self.ingest.start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the threads; the ingest last, since the upkeep may wait for it. It answers what waits."""
        self._stop.set()
        self.store.outbox.arrived.set()
        for thread in self._threads:
            thread.join()
        self.ingest.stop()

    def health(self) -> dict[str, object]:
        """Return what ``GET /health`` says."""
        return {
            "status": "ok",
            "models": self._models,
            "events_waiting": self.store.outbox.count(),
            "decide_reached": self.forwarder.reached,
        }

    def _keep_up(self, stop: threading.Event) -> None:
        while not stop.wait(_UPKEEP_SECONDS):
            now = self._clock()
            try:
                for stored in self.store.left_sounding(now - _CLOSE_SECONDS):
                    self.ingest.close_silent(stored.info.stream).result()
                self.store.prune(now - _KEEP_SECONDS, frames=_RESULTS_FRAMES)
            except StoreError as error:
                _log.error("%s", error)
