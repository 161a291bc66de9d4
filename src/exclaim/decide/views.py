"""What the interface and the page show: decisions, incidents and devices as read from the store."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, select

from exclaim.config import DecideOptions
from exclaim.decide import schema
from exclaim.decide.devices import Liveness, clock_off_seconds, liveness
from exclaim.decide.incidents import Transition
from exclaim.decide.rules import heard, is_test
from exclaim.wire import Episode

__all__ = [
    "DecisionView",
    "DeviceView",
    "IncidentView",
    "MuteView",
    "PageView",
    "decision_of",
    "incident_of",
    "list_decisions",
    "list_devices",
    "list_incidents",
    "mute_of",
]


class DecisionView(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the live feed: an episode and what was decided about it. Times are UTC."""

    episode: str
    revision: int
    device: str
    onset: datetime
    received: datetime
    heard: str
    confidence: float  # highest probability of the detection
    type: str | None
    type_confidence: float | None
    level_db: float
    decision: str  # record, review or alert
    call: str | None
    reasons: tuple[str, ...]
    late: bool
    muted: bool
    test: bool
    origin: str
    incident: int | None
    became: str | None  # what the incident is now, such as "alert escalated"


class PageView(msgspec.Struct, frozen=True, kw_only=True):
    """One message to the notifier."""

    created: datetime
    attempts: int
    delivered: datetime | None
    next_attempt: datetime | None
    last_error: str | None


class IncidentView(msgspec.Struct, frozen=True, kw_only=True):
    """One incident with why it rang, all that was done, and what went out. Times are UTC."""

    id: int
    severity: str
    state: str
    deadline: datetime | None
    late: bool
    verdict: str | None
    opened: datetime
    updated: datetime
    decision: DecisionView
    history: tuple[Transition, ...]
    pages: tuple[PageView, ...]


class MuteView(msgspec.Struct, frozen=True, kw_only=True):
    """A mute that holds now."""

    by: str
    at: datetime
    until: datetime


class DeviceView(msgspec.Struct, frozen=True, kw_only=True):
    """One device or edge: whether it lives and hears."""

    name: str
    layer: str
    state: Liveness
    last_heard: datetime | None
    hearing: bool
    level_db: float | None
    backlog: int
    infer: str | None
    origin: str
    clock_off_seconds: float | None  # behind (positive) or ahead; None within tolerance
    mute: MuteView | None

    @property
    def deaf(self) -> bool:
        """Whether a microphone that should be heard is not."""
        return self.origin == "microphone" and (self.state in ("silent", "dead") or not self.hearing)


def list_decisions(connection: Connection, *, limit: int, before: datetime | None = None) -> list[DecisionView]:
    """The newest decisions, newest first; ``before`` pages back by the time of receipt."""
    query = _episodes().order_by(schema.episodes.c.received.desc(), schema.episodes.c.episode).limit(limit)
    if before is not None:
        query = query.where(schema.episodes.c.received < before)
    return [_decision(row) for row in connection.execute(query)]


def decision_of(connection: Connection, episode: str) -> DecisionView:
    """The decision about one episode that is in the store."""
    return _decision(connection.execute(_episodes().where(schema.episodes.c.episode == episode)).one())


def list_incidents(connection: Connection, *, resolved: bool, limit: int) -> list[IncidentView]:
    """Incidents, newest first: those that are resolved, or those that are not."""
    state = schema.incidents.c.state
    query = select(schema.incidents).where(state == "resolved" if resolved else state != "resolved")
    order = schema.incidents.c.updated if resolved else schema.incidents.c.opened
    rows = connection.execute(query.order_by(order.desc(), schema.incidents.c.id.desc()).limit(limit)).all()
    return _incidents(connection, rows)


def incident_of(connection: Connection, identifier: int) -> IncidentView | None:
    """One incident, or None where there is none of that number."""
    rows = connection.execute(select(schema.incidents).where(schema.incidents.c.id == identifier)).all()
    return next(iter(_incidents(connection, rows)), None)


def list_devices(connection: Connection, now: datetime, options: DecideOptions) -> list[DeviceView]:
    """Every device and edge that was ever heard of, by name."""
    muted = _mutes(connection, now)
    rows = connection.execute(select(schema.devices).order_by(schema.devices.c.layer, schema.devices.c.name)).all()
    return [
        DeviceView(
            name=row.name,
            layer=row.layer,
            state=liveness(
                row.last_heard, now, silent_seconds=options.silent_seconds, dead_seconds=options.dead_seconds
            ),
            last_heard=row.last_heard,
            hearing=row.hearing,
            level_db=row.level_db,
            backlog=row.backlog,
            infer=row.infer,
            origin=row.origin,
            clock_off_seconds=clock_off_seconds(row.device_time, row.last_heard),
            mute=muted.get(row.name) if row.layer == "device" else None,
        )
        for row in rows
    ]


def mute_of(connection: Connection, device: str, now: datetime) -> MuteView | None:
    """The mute of a device that holds at ``now``; of several the longest."""
    return _mutes(connection, now, device).get(device)


def _mutes(connection: Connection, now: datetime, device: str | None = None) -> dict[str, MuteView]:
    mutes = schema.mutes.c
    query = select(schema.mutes).where(mutes.until > now, mutes.at <= now, mutes.ended.is_(None))
    if device is not None:
        query = query.where(mutes.device == device)
    rows = connection.execute(query.order_by(mutes.until))
    return {row.device: MuteView(by=row.by, at=row.at, until=row.until) for row in rows}


def _episodes() -> Select[Any]:
    incident = schema.incidents.c
    return select(
        schema.episodes,
        incident.id.label("incident"),
        incident.late.label("incident_late"),
        incident.severity.label("incident_severity"),
        incident.state.label("incident_state"),
    ).select_from(schema.episodes.outerjoin(schema.incidents))


def _decision(row: Row[Any]) -> DecisionView:
    episode = msgspec.json.decode(row.content, type=Episode)
    label = episode.type.label if episode.type is not None else None
    return DecisionView(
        episode=row.episode,
        revision=row.revision,
        device=row.device,
        onset=row.onset,
        received=row.received,
        heard=heard(episode),
        confidence=episode.detection.probability,
        type=label,
        type_confidence=episode.type.probabilities.get(label) if episode.type and label else None,
        level_db=episode.level_db,
        decision=row.severity,
        call=row.call,
        reasons=tuple(msgspec.json.decode(row.reasons, type=list[str])),
        late=row.late if row.incident_late is None else row.incident_late,
        muted=row.muted,
        test=is_test(episode),
        origin=episode.info.origin,
        incident=row.incident,
        became=None if row.incident is None else f"{row.incident_severity} {row.incident_state}",
    )


def _incidents(connection: Connection, rows: Sequence[Row[Any]]) -> list[IncidentView]:
    if not rows:
        return []
    ids = [row.id for row in rows]
    history: dict[int, list[Transition]] = {identifier: [] for identifier in ids}
    steps = schema.transitions.c
    for step in connection.execute(select(schema.transitions).where(steps.incident.in_(ids)).order_by(steps.id)):
        history[step.incident].append(
            Transition(
                at=step.at,
                by=step.by,
                person=step.person,
                action=step.action,
                before=step.before,
                after=step.after,
                note=step.note,
            )
        )
    pages: dict[int, list[PageView]] = {identifier: [] for identifier in ids}
    sent = schema.notifications.c
    for row in connection.execute(
        select(schema.notifications).where(sent.incident.in_(ids)).order_by(sent.created, sent.id)
    ):
        pages[row.incident].append(
            PageView(
                created=row.created,
                attempts=row.attempts,
                delivered=row.delivered,
                next_attempt=row.next_attempt,
                last_error=row.last_error,
            )
        )
    heard_in = schema.episodes.c.episode.in_([row.episode for row in rows])
    decisions = {row.episode: _decision(row) for row in connection.execute(_episodes().where(heard_in))}
    return [
        IncidentView(
            id=row.id,
            severity=row.severity,
            state=row.state,
            deadline=row.deadline,
            late=row.late,
            verdict=row.verdict,
            opened=row.opened,
            updated=row.updated,
            decision=decisions[row.episode],
            history=tuple(history[row.id]),
            pages=tuple(pages[row.id]),
        )
        for row in rows
    ]
