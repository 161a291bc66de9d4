"""What arrives: episode revisions and heartbeats, applied to the store.

Applied exactly once, in any order and however often it comes: the content of the highest revision wins, and the
decision is the strongest that any revision asked for. Both are maxima, so neither order nor repetition matters.
"""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, insert, select, update

from exclaim.config import Config
from exclaim.decide import schema
from exclaim.decide.casework import open_case, revise_case
from exclaim.decide.devices import is_newer
from exclaim.decide.journal import note_change
from exclaim.decide.rules import Decision, decide, is_late, is_test, rank_of
from exclaim.decide.views import decision_of, mute_of
from exclaim.errors import WireError
from exclaim.wire import Episode, Event, Heartbeat

__all__ = ["check_event", "take_episode", "take_heartbeat"]

_LARGEST = 2**53


def check_event(event: Event) -> None:
    """Refuse an event that does not agree with itself.

    Raises:
        WireError: when the id, source or times do not hold.
    """
    episode = event.data
    wanted = f"{episode.episode}.{episode.revision}"
    if event.id != wanted:
        raise WireError(f"event {event.id!r}: its id should be {wanted!r}, the episode and revision it carries")
    source = f"/devices/{episode.info.device}"
    if event.source != source:
        raise WireError(f"event {event.id!r}: source {event.source!r} should be {source!r}, the device it carries")
    _check_printable(f"event {event.id!r}: episode", episode.episode)
    if episode.revision > _LARGEST:
        raise WireError(f"event {event.id!r}: revision {episode.revision} is over {_LARGEST}")
    for name, time in (("onset", episode.onset), ("info.started", episode.info.started), ("time", event.time)):
        if time.tzinfo is None:
            raise WireError(f"event {event.id!r}: {name} {time.isoformat()} has no zone; times on the wire are UTC")


def _check_printable(name: str, text: str | None) -> None:
    if text is not None and not text.isprintable():  # PostgreSQL keeps no NUL, and logs should keep to their lines
        raise WireError(f"{name} {text!r} should have printable characters only")


def take_episode(connection: Connection, episode: Episode, *, now: datetime, source: str, config: Config) -> bool:
    """Apply one revision; returns whether it changed anything.

    Args:
        connection: of a writing transaction.
        episode: the revision.
        now: UTC of its arrival.
        source: who delivered it.
        config: the site's profile and the deadlines.
    """
    table = schema.episodes
    row = connection.execute(select(table).where(table.c.episode == episode.episode)).first()
    decision = decide(episode, config.site.profile_of(episode.info.device))
    late = is_late(episode.onset, now, config.decide.late_seconds)
    if row is None:
        _insert(connection, episode, decision, now=now, source=source, late=late)
        strongest = decision.severity
    else:
        values = {**_newer(row, episode), **_stronger(row, episode, decision)}
        if not values:
            return False
        connection.execute(update(table).where(table.c.episode == episode.episode).values(**values, updated=now))
        strongest = values.get("severity", row.severity)
    _follow(connection, episode, strongest, now=now, late=late, config=config)
    note_change(connection, "decision", decision_of(connection, episode.episode), now)
    return True


def _insert(
    connection: Connection, episode: Episode, decision: Decision, *, now: datetime, source: str, late: bool
) -> None:
    values = {
        "episode": episode.episode,
        "device": episode.info.device,
        **_content(episode),
        **_decided(episode, decision),
        "late": late,
        "muted": False,
        "received_from": source,
        "received": now,
        "updated": now,
    }
    connection.execute(insert(schema.episodes).values(values))
    if not is_test(episode):
        _know_device(connection, episode, now)


def _newer(row: Row[Any], episode: Episode) -> dict[str, Any]:
    return _content(episode) if episode.revision > row.revision else {}


def _stronger(row: Row[Any], episode: Episode, decision: Decision) -> dict[str, Any]:
    asked = (rank_of(decision.severity), episode.revision)
    return _decided(episode, decision) if asked > (rank_of(row.severity), row.decided_revision) else {}


def _content(episode: Episode) -> dict[str, Any]:
    return {
        "revision": episode.revision,
        "content": msgspec.json.encode(episode).decode(),
        "onset": episode.onset,
    }


def _decided(episode: Episode, decision: Decision) -> dict[str, Any]:
    return {
        "severity": decision.severity,
        "decided_revision": episode.revision,
        "call": decision.call,
        "reasons": msgspec.json.encode(decision.reasons).decode(),
    }


def _follow(
    connection: Connection, episode: Episode, severity: str, *, now: datetime, late: bool, config: Config
) -> None:
    """Open or raise the incident that the decision asks for; under a mute only note that it would have."""
    if rank_of(severity) == 0:
        return
    incidents, table = schema.incidents.c, schema.episodes
    known = connection.execute(select(incidents.id).where(incidents.episode == episode.episode)).first()
    if known is not None:
        revise_case(connection, episode.episode, severity, now=now, config=config)
        return
    muted = mute_of(connection, episode.info.device, now) is not None
    connection.execute(update(table).where(table.c.episode == episode.episode).values(muted=muted))
    if not muted:
        open_case(connection, episode.episode, severity, late=late, now=now, config=config)


def _know_device(connection: Connection, episode: Episode, now: datetime) -> None:
    """A device that only its sounds are known of is listed too, as one whose heartbeat never came."""
    table = schema.devices
    key = (table.c.layer == "device", table.c.name == episode.info.device)
    if connection.execute(select(table.c.name).where(*key)).first() is None:
        values = {"layer": "device", "name": episode.info.device, "first_seen": now, "hearing": True, "backlog": 0}
        connection.execute(insert(table).values(**values, origin=episode.info.origin))


def take_heartbeat(connection: Connection, beat: Heartbeat, now: datetime) -> bool:
    """Apply one heartbeat; returns whether it was the newest, the only one that counts.

    Raises:
        WireError: when its time has no zone, or its stream is no text to keep.
    """
    if beat.time.tzinfo is None:
        raise WireError(f"heartbeat of {beat.device!r}: time {beat.time.isoformat()} has no zone; it should be UTC")
    _check_printable(f"heartbeat of {beat.device!r}: stream", beat.stream)
    table = schema.devices
    key = (table.c.layer == beat.layer, table.c.name == beat.device)
    row = connection.execute(select(table.c.device_time).where(*key)).first()
    values = {
        "last_heard": now,
        "device_time": beat.time,
        "stream": beat.stream,
        "hearing": beat.hearing,
        "level_db": beat.level_db,
        "backlog": min(beat.backlog, _LARGEST),
        "infer": beat.infer,
        "origin": beat.origin,
    }
    if row is None:
        connection.execute(insert(table).values(layer=beat.layer, name=beat.device, first_seen=now, **values))
        return True
    if not is_newer(beat.time, row.device_time):
        return False
    connection.execute(update(table).where(*key).values(**values))
    return True
