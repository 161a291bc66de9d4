"""The journal of changes: written with what it tells of, read by the live feed from any point on."""

from datetime import datetime

import msgspec
from sqlalchemy import Connection, delete, func, insert, select

from exclaim.decide import schema

__all__ = ["KEPT", "Change", "changes_after", "newest", "note_change", "oldest", "prune"]

KEPT = 10_000  # a page that was away for longer reads the store instead


class Change(msgspec.Struct, frozen=True):
    """One entry: its number, what kind of thing changed, and how it is now as JSON."""

    seq: int
    kind: str
    body: str


def note_change(connection: Connection, kind: str, body: object, now: datetime) -> None:
    """Write that something changed, in the transaction that changes it."""
    values = {"at": now, "kind": kind, "body": msgspec.json.encode(body).decode()}
    connection.execute(insert(schema.changes).values(values))


def changes_after(connection: Connection, seq: int, limit: int) -> list[Change]:
    """The next changes after number ``seq``, oldest first."""
    table = schema.changes
    rows = connection.execute(select(table).where(table.c.seq > seq).order_by(table.c.seq).limit(limit))
    return [Change(row.seq, row.kind, row.body) for row in rows]


def newest(connection: Connection) -> int:
    """The number of the newest change; 0 where there is none."""
    return connection.execute(select(func.max(schema.changes.c.seq))).scalar() or 0


def oldest(connection: Connection) -> int:
    """The number of the oldest change that is kept; 0 where there is none."""
    return connection.execute(select(func.min(schema.changes.c.seq))).scalar() or 0


def prune(connection: Connection, kept: int = KEPT) -> None:
    """Delete all but about the newest ``kept`` changes."""
    connection.execute(delete(schema.changes).where(schema.changes.c.seq <= newest(connection) - kept))
