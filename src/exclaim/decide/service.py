"""What the service does, each as one transaction: the interface and the page call nothing else."""

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from exclaim.config import Config
from exclaim.decide import intake, journal, muting, views
from exclaim.decide.casework import act_on
from exclaim.decide.headline import Headline, headline
from exclaim.decide.paging import trouble
from exclaim.decide.rehearsal import ring_test_alarm
from exclaim.decide.responses import NotFoundError
from exclaim.decide.store import Store
from exclaim.errors import WireError
from exclaim.wire import Event, EventsAck, Heartbeat

__all__ = ["LARGEST_BATCH", "Overview", "Service"]

LARGEST_BATCH = 1000  # events of one request
_FEED_ROWS = 40
_HANDLED_ROWS = 8
_MOST_OPEN = 200


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page shows, as of one moment."""

    now: datetime
    seq: int  # number of the newest change that is in it
    headline: Headline
    incidents: list[views.IncidentView]
    handled: list[views.IncidentView]
    decisions: list[views.DecisionView]
    devices: list[views.DeviceView]
    stuck_pages: int
    page_error: str | None


class Service:
    """The use cases over one store. Every method may be called from any thread."""

    def __init__(self, store: Store, config: Config, clock: Callable[[], datetime]) -> None:
        """Take the open store, the configuration, and the time in UTC."""
        self.store, self.config, self.clock = store, config, clock

    def take_events(self, body: bytes, source: str) -> EventsAck:
        """Apply a batch of CloudEvents; the answer is given once they are on disk.

        Raises:
            WireError: when the body is malformed; nothing of it is applied.
        """
        events = _decoded(body, list[Event], "events")
        if len(events) > LARGEST_BATCH:
            raise WireError(f"events: {len(events)} in one request, over {LARGEST_BATCH}; send them in parts")
        for event in events:
            intake.check_event(event)
        now = self.clock()
        with self.store.write() as connection:
            for event in events:
                intake.take_episode(connection, event.data, now=now, source=source, config=self.config)
        return EventsAck(accepted=tuple(event.id for event in events))

    def take_heartbeats(self, body: bytes) -> tuple[Heartbeat, ...]:
        """Apply one heartbeat or a list of them; returns those that counted.

        Raises:
            WireError: when the body is malformed.
        """
        content = _decoded(body, Heartbeat | list[Heartbeat], "heartbeats")
        beats = content if isinstance(content, list) else [content]
        if len(beats) > LARGEST_BATCH:
            raise WireError(f"heartbeats: {len(beats)} in one request, over {LARGEST_BATCH}; send them in parts")
        now = self.clock()
        with self.store.write() as connection:
            return tuple(beat for beat in beats if intake.take_heartbeat(connection, beat, now))

    def act(self, identifier: int, action: str, person: str) -> views.IncidentView:
        """A person acts on an incident.

        Raises:
            NotFoundError: when there is no such incident.
            IncidentError: when its state does not allow the action.
        """
        with self.store.write() as connection:
            view = act_on(connection, identifier, action, person, now=self.clock(), config=self.config)
        return _found(view, identifier)

    def mute(self, device: str, person: str, *, until: datetime | None = None, minutes: int = 0) -> views.MuteView:
        """Mute a device, until then or for that long."""
        now = self.clock()
        with self.store.write() as connection:
            end = now + timedelta(minutes=minutes) if until is None else until
            return muting.mute(connection, device, until=end, person=person, now=now)

    def unmute(self, device: str, person: str) -> None:
        """End a device's mute."""
        with self.store.write() as connection:
            muting.unmute(connection, device, person=person, now=self.clock())

    def test_alarm(self, person: str) -> views.DecisionView:
        """Ring a test alarm."""
        with self.store.write() as connection:
            return ring_test_alarm(connection, person=person, now=self.clock(), config=self.config)

    def incident(self, identifier: int) -> views.IncidentView:
        """One incident; raises NotFoundError where there is none."""
        with self.store.read() as connection:
            return _found(views.incident_of(connection, identifier), identifier)

    def incidents(self, *, resolved: bool, limit: int) -> list[views.IncidentView]:
        """Incidents that are resolved, or that are not, newest first."""
        with self.store.read() as connection:
            return views.list_incidents(connection, resolved=resolved, limit=limit)

    def decisions(self, *, limit: int, before: datetime | None) -> list[views.DecisionView]:
        """Decisions, newest first."""
        if before is not None and before.tzinfo is None:
            raise WireError(f"before {before.isoformat()} has no zone; give UTC")
        with self.store.read() as connection:
            return views.list_decisions(connection, limit=limit, before=before)

    def devices(self) -> list[views.DeviceView]:
        """Devices and edges."""
        with self.store.read() as connection:
            return views.list_devices(connection, self.clock(), self.config.decide)

    def changes(self, after: int, limit: int) -> list[journal.Change]:
        """The journal after an entry."""
        with self.store.read() as connection:
            return journal.changes_after(connection, after, limit)

    def newest_change(self) -> int:
        """The journal's newest entry."""
        with self.store.read() as connection:
            return journal.newest(connection)

    def overview(self) -> Overview:
        """Everything that the page shows, from one state of the store."""
        now = self.clock()
        with self.store.read() as connection:
            incidents = views.list_incidents(connection, resolved=False, limit=_MOST_OPEN)
            devices = views.list_devices(connection, now, self.config.decide)
            stuck, error = trouble(connection, now)
            return Overview(
                now=now,
                seq=journal.newest(connection),
                headline=headline(incidents, devices),
                incidents=incidents,
                handled=views.list_incidents(connection, resolved=True, limit=_HANDLED_ROWS),
                decisions=views.list_decisions(connection, limit=_FEED_ROWS),
                devices=sorted(devices, key=lambda device: not device.deaf),  # those in trouble first
                stuck_pages=stuck,
                page_error=error,
            )


def _decoded(body: bytes, kind, name: str):
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"{name}: {error}") from error


def _found(view: views.IncidentView | None, identifier: int) -> views.IncidentView:
    if view is None:
        raise NotFoundError(f"there is no incident {identifier}")
    return view
