"""The tables of the decision service, as the newest migration leaves them."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.types import TypeDecorator

__all__ = [
    "UtcTime",
    "changes",
    "devices",
    "episodes",
    "incidents",
    "metadata",
    "mutes",
    "notifications",
    "sessions",
    "transitions",
]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
_Key = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only in a column of type INTEGER


class UtcTime(TypeDecorator[datetime]):
    """A UTC instant. SQLite keeps no zone, so it is taken off there on the way in and put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Refuse a time without a zone; store it in UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone; the store keeps UTC only")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the instant back in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


episodes = Table(
    "episodes",
    metadata,
    Column("episode", String(128), primary_key=True),
    Column("device", String(64), nullable=False),
    Column("revision", BigInteger, nullable=False),  # the highest that came
    Column("content", Text, nullable=False),  # wire.Episode of that revision, JSON
    Column("onset", UtcTime, nullable=False),
    Column("severity", String(8), nullable=False),  # the highest that any revision asked for
    Column("decided_revision", BigInteger, nullable=False),  # the newest revision that asked for it
    Column("call", String(32)),
    Column("reasons", Text, nullable=False),  # JSON list of that revision's reasons
    Column("late", Boolean, nullable=False),
    Column("muted", Boolean, nullable=False),  # asked for a person, but the device was muted: no incident
    Column("received_from", String(64), nullable=False),
    Column("received", UtcTime, nullable=False),
    Column("updated", UtcTime, nullable=False),
    Index(None, "received"),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("episode", String(128), ForeignKey("episodes.episode"), nullable=False, unique=True),
    Column("severity", String(8), nullable=False),
    Column("state", String(16), nullable=False),
    Column("deadline", UtcTime),
    Column("late", Boolean, nullable=False),
    Column("verdict", String(16)),
    Column("opened", UtcTime, nullable=False),
    Column("updated", UtcTime, nullable=False),
    Index(None, "deadline"),
    Index(None, "state"),
    sqlite_autoincrement=True,
)

transitions = Table(
    "transitions",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("incident", _Key, ForeignKey("incidents.id"), nullable=False, index=True),
    Column("at", UtcTime, nullable=False),
    Column("by", String(64), nullable=False),
    Column("person", Boolean, nullable=False),
    Column("action", String(16), nullable=False),
    Column("before", String(32), nullable=False),
    Column("after", String(32), nullable=False),
    Column("note", Text, nullable=False),
    sqlite_autoincrement=True,
)

devices = Table(
    "devices",
    metadata,
    Column("layer", String(8), primary_key=True),  # "device" or "edge"
    Column("name", String(64), primary_key=True),
    Column("first_seen", UtcTime, nullable=False),
    Column("last_heard", UtcTime),  # when the newest heartbeat arrived; None where none ever did
    Column("device_time", UtcTime),  # what the device's own clock said then
    Column("stream", String(128)),
    Column("hearing", Boolean, nullable=False),
    Column("level_db", Float),
    Column("backlog", BigInteger, nullable=False),
    Column("infer", String(8)),
    Column("origin", String(16), nullable=False),
)

mutes = Table(
    "mutes",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("device", String(64), nullable=False, index=True),
    Column("by", String(64), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("until", UtcTime, nullable=False),
    Column("ended", UtcTime),  # a person ended it before its time
    Column("ended_by", String(64)),
    sqlite_autoincrement=True,
)

notifications = Table(
    "notifications",
    metadata,
    Column("id", String(64), primary_key=True),  # the same over every attempt: receivers know a repeat by it
    Column("incident", _Key, ForeignKey("incidents.id"), nullable=False, index=True),
    Column("priority", Integer, nullable=False),  # lower goes first
    Column("body", Text, nullable=False),
    Column("created", UtcTime, nullable=False),
    Column("next_attempt", UtcTime),  # None once it is settled
    Column("attempts", Integer, nullable=False),
    Column("delivered", UtcTime),
    Column("last_error", Text),
    Index(None, "next_attempt"),
)

changes = Table(
    "changes",
    metadata,
    Column("seq", _Key, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("kind", String(16), nullable=False),  # the event's name on the live feed
    Column("body", Text, nullable=False),
    sqlite_autoincrement=True,
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_sha256", String(64), primary_key=True),
    Column("person", String(64), nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("created", UtcTime, nullable=False),
    Column("used", UtcTime, nullable=False),
)
