"""Incidents in the store: every step of the state machine is written with its record, its page and its change."""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, insert, select, update

from exclaim.config import Config
from exclaim.decide import schema
from exclaim.decide.incidents import Incident, IncidentError, Step, Timing, act, open_incident, pass_deadline, revise
from exclaim.decide.journal import note_change
from exclaim.decide.paging import enqueue
from exclaim.decide.views import IncidentView, incident_of, mute_of

__all__ = ["act_on", "fire_deadlines", "open_case", "revise_case", "timing_of"]


def timing_of(config: Config) -> Timing:
    """The deadlines of a configuration."""
    return Timing(config.decide.review_seconds, config.decide.escalate_seconds)


def open_case(
    connection: Connection, episode: str, severity: str, *, late: bool, now: datetime, config: Config
) -> None:
    """Open an incident for an episode that is in the store and has none."""
    step = open_incident(severity, now=now, late=late, timing=timing_of(config))
    values = {**_columns(step.incident), "episode": episode, "opened": now, "updated": now}
    identifier = connection.execute(insert(schema.incidents).values(values)).inserted_primary_key[0]
    _record(connection, identifier, episode, step, now, config)


def revise_case(connection: Connection, episode: str, severity: str, *, now: datetime, config: Config) -> None:
    """Raise the severity of an episode's incident where the revision is stronger."""
    row = connection.execute(select(schema.incidents).where(schema.incidents.c.episode == episode)).one()
    _take(connection, row, revise(_incident(row), severity, now=now, timing=timing_of(config)), now, config)


def act_on(
    connection: Connection, identifier: int, action: str, person: str, *, now: datetime, config: Config
) -> IncidentView | None:
    """A person acts on an incident; returns it as it is then, or None where there is none of that number.

    Raises:
        IncidentError: when its state does not allow the action.
    """
    row = connection.execute(select(schema.incidents).where(schema.incidents.c.id == identifier)).first()
    if row is None:
        return None
    try:
        step = act(_incident(row), action, person, now=now)
    except IncidentError as error:
        raise IncidentError(f"incident {identifier}: {error}") from error
    _take(connection, row, step, now, config)
    return incident_of(connection, identifier)


def fire_deadlines(connection: Connection, now: datetime, config: Config) -> int:
    """Take every step that is due at ``now``; returns how many were taken.

    A step that is due is found in the store, so one that a dead process missed is taken by the next.
    """
    due = select(schema.incidents).where(schema.incidents.c.deadline <= now).order_by(schema.incidents.c.deadline)
    rows = connection.execute(due).all()
    for row in rows:
        _take(connection, row, pass_deadline(_incident(row), now=now, timing=timing_of(config)), now, config)
    return len(rows)


def _incident(row: Row[Any]) -> Incident:
    return Incident(severity=row.severity, state=row.state, deadline=row.deadline, late=row.late, verdict=row.verdict)


def _columns(incident: Incident) -> dict[str, Any]:
    return msgspec.structs.asdict(incident)


def _take(connection: Connection, row: Row[Any], step: Step | None, now: datetime, config: Config) -> None:
    if step is None:
        return
    table = schema.incidents
    connection.execute(update(table).where(table.c.id == row.id).values(**_columns(step.incident), updated=now))
    _record(connection, row.id, row.episode, step, now, config)


def _record(connection: Connection, identifier: int, episode: str, step: Step, now: datetime, config: Config) -> None:
    """Write the transition, what goes out, and the change. A muted device's step is recorded and pages nobody."""
    device = connection.execute(
        select(schema.episodes.c.device).where(schema.episodes.c.episode == episode)
    ).scalar_one()
    note = step.transition.note
    page = step.page
    if page is not None and (mute := mute_of(connection, device, now)) is not None:
        note = "; ".join(filter(None, (note, f"{device} is muted by {mute.by}: nobody is paged")))
        page = None
    values = {**msgspec.structs.asdict(step.transition), "note": note, "incident": identifier}
    connection.execute(insert(schema.transitions).values(values))
    if page is not None:
        incident = incident_of(connection, identifier)
        assert incident is not None  # it was written above
        enqueue(connection, incident, page, now, config)
    note_change(connection, "incident", incident_of(connection, identifier), now)
