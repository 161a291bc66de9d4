"""The demo from end to end: stage, processes, the decisions as they come, and the end."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx

from exclaim.config import Config
from exclaim.errors import DeliveryError
from exclaim.site import start_devices, start_services
from exclaim.supervise import Child, Supervisor
from exclaim.transport import open_client

__all__ = ["SETTLE_SECONDS", "Stage"]

POLL_SECONDS = 0.25
SETTLE_SECONDS = 180.0  # a scene is heard and decided in this time beyond its own length, or something is wrong


class Stage:
    """The running demo; leaving its context stops every process."""

    def __init__(self, config: Config, path: Path) -> None:
        """Take the configuration that stands at ``path``; its folder is the stage."""
        self.config = config
        self.path = path
        self._supervisor = Supervisor()
        self._devices: list[Child] = []
        self._decide = open_client(config.edge.decide_url, credential=None, ca_file=None, name="decide")
        self._edge = open_client(config.sense[0].edge_url, credential=None, ca_file=None, name="edge")

    def __enter__(self) -> "Stage":
        """Start the services, then the devices."""
        try:
            folder = self.path.parent
            start_services(self._supervisor, self.config, self.path, folder=folder, logs=True)
            self._devices = start_devices(self._supervisor, self.config, self.path, folder=folder, logs=True)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        """Stop every process."""
        self._close()

    def _close(self) -> None:
        self._supervisor.stop()
        self._decide.close()
        self._edge.close()

    def decisions(self) -> list[dict[str, Any]]:
        """Return all decisions so far, in the order of their onsets.

        Raises:
            DeliveryError: when the decision service does not answer.
        """
        found = _get(self._decide, "/v1/decisions", limit=500)["decisions"]
        return sorted(found, key=lambda decision: (decision["onset"], decision["device"]))

    def check(self) -> None:
        """Raise where a process failed.

        Raises:
            DeliveryError: with the last words of the process.
        """
        for child in self._supervisor.children:
            if not child.running and not child.finished:
                raise DeliveryError(f"{child.name} ended: {child.last_words()}")

    @property
    def played(self) -> bool:
        """Whether every device has played its sound and handed everything over."""
        return all(child.finished for child in self._devices)

    def watch(self, show: Callable[[Sequence[dict[str, Any]]], None], *, seconds: float) -> None:
        """Show the decisions as they come until the scene is over and all is decided.

        Args:
            show: called with all decisions so far, again and again.
            seconds: how long it may take at most.

        Raises:
            DeliveryError: when a process fails, or it takes longer.
        """
        deadline = time.monotonic() + seconds
        while not (self.played and not _get(self._edge, "/health")["events_waiting"]):
            self.check()
            if time.monotonic() > deadline:
                raise DeliveryError(f"the scene was not heard and decided within {seconds:g} s")
            show(self.decisions())
            time.sleep(POLL_SECONDS)
        show(self.decisions())


def _get(client: httpx.Client, path: str, **parameters: int) -> dict[str, Any]:
    try:
        response = client.get(path, params=parameters)
        response.raise_for_status()
        return response.json()
    except httpx.HTTPError as error:
        raise DeliveryError(f"{client.base_url}{path} does not answer: {error}") from error
