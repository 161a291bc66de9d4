"""What goes out to the notifier, written in the transaction that decides it (a transactional outbox)."""

import uuid
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, func, insert, select, update

from exclaim.config import Config
from exclaim.decide import schema
from exclaim.decide.incidents import Page
from exclaim.decide.views import IncidentView

__all__ = [
    "GIVE_UP_AFTER",
    "Waiting",
    "backoff_seconds",
    "delivered",
    "due",
    "enqueue",
    "failed",
    "trouble",
]

GIVE_UP_AFTER = timedelta(days=1)
_LONGEST_BACKOFF_SECONDS = 300.0
_URGENT, _TEST = 0, 1  # alerts overtake tests


class Waiting(msgspec.Struct, frozen=True):
    """A message to deliver: its id stays the same over every attempt."""

    id: str
    body: str
    attempts: int
    created: datetime


def enqueue(connection: Connection, incident: IncidentView, page: Page, now: datetime, config: Config) -> None:
    """Write one message about an incident; nothing where no notifier is configured."""
    if config.decide.webhook is None:
        return
    heard = incident.decision
    data = {
        "incident": incident.id,
        "test": heard.test,
        "origin": heard.origin,
        "site": config.site.name,
        "profile": config.site.profile_of(heard.device),
        "device": heard.device,
        "heard": heard.heard,
        "confidence": heard.confidence,
        "call": heard.call,
        "reasons": heard.reasons,
        "onset": heard.onset,
        "state": incident.state,
    }
    body = {"type": f"exclaim.incident.{page}", "timestamp": now, "data": data}
    values = {
        "id": f"msg_{uuid.uuid4().hex}",
        "incident": incident.id,
        "priority": _TEST if heard.test else _URGENT,
        "body": msgspec.json.encode(body).decode(),
        "created": now,
        "next_attempt": now,
        "attempts": 0,
    }
    connection.execute(insert(schema.notifications).values(values))


def due(connection: Connection, now: datetime) -> Waiting | None:
    """The message to send next: the most urgent, then the oldest, of those whose time has come."""
    table = schema.notifications.c
    query = select(table.id, table.body, table.attempts, table.created).where(table.next_attempt <= now)
    row = connection.execute(query.order_by(table.priority, table.created, table.id).limit(1)).first()
    return None if row is None else Waiting(row.id, row.body, row.attempts, row.created)


def delivered(connection: Connection, message: Waiting, now: datetime) -> None:
    """The receiver took it."""
    _settle(connection, message, delivered=now, next_attempt=None, last_error=None)


def failed(connection: Connection, message: Waiting, now: datetime, error: str, jitter: float) -> None:
    """The receiver did not take it: try again after a pause, or give up when it is a day old.

    Args:
        connection: of a writing transaction.
        message: what was sent.
        now: UTC.
        error: what went wrong, for the page.
        jitter: 0 to 1; spreads the attempts of several senders.
    """
    again = now + timedelta(seconds=backoff_seconds(message.attempts, jitter))
    next_attempt = again if again - message.created < GIVE_UP_AFTER else None
    _settle(connection, message, delivered=None, next_attempt=next_attempt, last_error=error[:300])


def backoff_seconds(attempts: int, jitter: float) -> float:
    """1, 2, 4 ... 300 s after ``attempts`` earlier failures, and up to a quarter more by ``jitter`` (0 to 1)."""
    return min(_LONGEST_BACKOFF_SECONDS, 2.0 ** min(attempts, 16)) * (1 + jitter / 4)


def trouble(connection: Connection, now: datetime) -> tuple[int, str | None]:
    """How many messages of the last two days were tried and not taken, and what went wrong last."""
    table = schema.notifications.c
    stuck = (table.delivered.is_(None), table.attempts > 0, table.created > now - 2 * GIVE_UP_AFTER)
    count = connection.execute(select(func.count()).where(*stuck)).scalar_one()
    query = select(table.last_error).where(*stuck).order_by(table.created.desc()).limit(1)
    return count, connection.execute(query).scalar()


def _settle(connection: Connection, message: Waiting, **values: object) -> None:
    table = schema.notifications
    connection.execute(update(table).where(table.c.id == message.id).values(attempts=message.attempts + 1, **values))
