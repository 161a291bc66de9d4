"""Sessions of people: a random token in the browser's cookie, its SHA-256 in the store."""

import hashlib
import secrets
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from exclaim.decide import schema

__all__ = [
    "Session",
    "end_session",
    "find_session",
    "forget_old_sessions",
    "is_worth_touching",
    "start_session",
    "touch_session",
]

_IDLE = timedelta(hours=14)  # a night shift and its handover; an open page counts as use
_TOUCH = timedelta(minutes=1)


class Session(msgspec.Struct, frozen=True):
    """Who is logged in, and the token that their forms carry."""

    person: str
    csrf: str
    used: datetime


def start_session(connection: Connection, person: str, now: datetime) -> str:
    """Begin a session; returns the token for the cookie, which is not stored."""
    token = secrets.token_urlsafe(32)
    values = {"token_sha256": _digest(token), "person": person, "csrf": secrets.token_urlsafe(32)}
    connection.execute(insert(schema.sessions).values(**values, created=now, used=now))
    return token


def find_session(connection: Connection, token: str, now: datetime) -> Session | None:
    """The session of a cookie's token; None where it is unknown or was not used for too long."""
    table = schema.sessions.c
    query = select(table.person, table.csrf, table.used).where(table.token_sha256 == _digest(token))
    row = connection.execute(query.where(table.used > now - _IDLE)).first()
    return None if row is None else Session(row.person, row.csrf, row.used)


def is_worth_touching(session: Session, now: datetime) -> bool:
    """Whether the last use was long enough ago to write down a new one: once a minute, not for every request."""
    return now - session.used > _TOUCH


def touch_session(connection: Connection, token: str, now: datetime) -> None:
    """Note that the session is used."""
    table = schema.sessions
    connection.execute(update(table).where(table.c.token_sha256 == _digest(token)).values(used=now))


def end_session(connection: Connection, token: str) -> None:
    """Log out."""
    connection.execute(delete(schema.sessions).where(schema.sessions.c.token_sha256 == _digest(token)))


def forget_old_sessions(connection: Connection, now: datetime) -> None:
    """Delete sessions that were not used for too long."""
    connection.execute(delete(schema.sessions).where(schema.sessions.c.used <= now - _IDLE))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
