"""Empties an outbox of events into a peer: at least once, alerts first, patient while the peer is away."""

import logging
import threading
from datetime import timedelta

import httpx
import msgspec

from exclaim.errors import DeliveryError, StoreError
from exclaim.features import FRAME_SECONDS
from exclaim.outbox import ALERT, LATER, Entry, Outbox
from exclaim.transport import Backoff, error_message
from exclaim.wire import EVENTS_TYPE, Episode, Event, EventsAck

__all__ = ["EventForwarder", "as_event", "keep"]

_log = logging.getLogger(__name__)

_BATCH = 100  # events in one request
_MOST_BACKOFF_SECONDS = 5.0  # an alert waits no longer than this once the peer is back
_REFUSED = (400, 413, 422)  # the content is at fault, and the same bytes will be refused again
_SHUT = (401, 403, 404)  # a wrong credential, name or address


def as_event(episode: Episode) -> Event:
    """Return a revision of an episode as a CloudEvent: the same bytes, whoever makes it."""
    info = episode.info
    return Event(
        id=f"{episode.episode}.{episode.revision}",
        source=f"/devices/{info.device}",
        time=info.started + timedelta(seconds=episode.last_frame * FRAME_SECONDS),
        subject=info.stream,
        data=episode,
    )


def keep(event: Event, outbox: Outbox) -> bool:
    """Put an event into the outbox; an open episode may call a person, so it overtakes what is closed."""
    return outbox.put(event.id, msgspec.json.encode(event), _priority(event.data))


def _priority(episode: Episode) -> int:
    return ALERT if episode.state == "open" or episode.revision == 1 else LATER


class EventForwarder:
    """Sends what waits in an outbox, as CloudEvents batches, and deletes what the peer acknowledged."""

    def __init__(self, outbox: Outbox, client: httpx.Client, *, peer: str, backoff: Backoff | None = None) -> None:
        """Forward from ``outbox`` by ``client``; ``peer`` names the receiver in messages."""
        self._outbox = outbox
        self._client = client
        self._peer = peer
        self._backoff = backoff or Backoff(most=_MOST_BACKOFF_SECONDS)
        self._set_back: set[str] = set()  # events that the peer refused in this run; tried again in the next one
        self.reached: bool | None = None  # whether the last try succeeded; None before the first
        self.refusal: DeliveryError | None = None  # where the peer lets nothing in, and never took anything
        self.accepted = 0  # events that the peer took

    def step(self) -> int:
        """Send one batch and return how many events the peer took.

        Raises:
            DeliveryError: when the peer cannot be reached or refuses; all is kept.
            StoreError: when the outbox cannot be written; the peer may then be sent the same events again.
        """
        entries = [entry for entry in self._outbox.peek(_BATCH) if entry.id not in self._set_back]
        if not entries:
            return 0
        response = self._post(entries)
        if response.status_code in _REFUSED:
            return sum(self._alone(entry) for entry in entries)
        return self._settle(entries, response)

    def _alone(self, entry: Entry) -> int:
        """Send one event of a batch that was refused; what is refused alone waits behind all others."""
        response = self._post([entry])
        if response.status_code in _REFUSED:
            self._outbox.set_back([entry.id])
            self._set_back.add(entry.id)
            _log.error("%s refuses event %s, which is kept: %s", self._peer, entry.id, error_message(response))
            return 0
        return self._settle([entry], response)

    def _post(self, entries: list[Entry]) -> httpx.Response:
        body = b"[" + b",".join(entry.payload for entry in entries) + b"]"
        try:
            return self._client.post("/v1/events", content=body, headers={"content-type": EVENTS_TYPE})
        except httpx.HTTPError as error:
            raise DeliveryError(f"{self._peer} cannot be reached ({error}); events are kept") from error

    def _settle(self, entries: list[Entry], response: httpx.Response) -> int:
        if not response.is_success:
            error = DeliveryError(f"{self._peer} refuses events, which are kept: {error_message(response)}")
            self.refusal = error if response.status_code in _SHUT and not self.accepted else None
            raise error
        try:
            ack = msgspec.json.decode(response.content, type=EventsAck)
        except msgspec.MsgspecError as error:
            raise DeliveryError(f"{self._peer} answered no acknowledgement ({error}); events are kept") from error
        accepted = {entry.id for entry in entries}.intersection(ack.accepted)
        if not accepted:
            raise DeliveryError(f"{self._peer} acknowledged none of {len(entries)} events; they are kept")
        self._outbox.delete(accepted)
        self.accepted += len(accepted)
        return len(accepted)

    def run(self, stop: threading.Event) -> None:
        """Forward until ``stop`` is set; a put wakes it at once."""
        while not stop.is_set():
            self._outbox.arrived.clear()
            try:
                more = self.step() > 0
            except (DeliveryError, StoreError) as error:
                if self.reached is not False:
                    _log.warning("%s", error)
                self.reached = False
                stop.wait(self._backoff.failed())
                continue
            if more and self.reached is False:
                _log.info("%s is reached again; %d events wait", self._peer, self._outbox.count())
            self.reached = True if more else self.reached
            self._backoff.succeeded()
            if not more:
                self._outbox.arrived.wait(0.5)
