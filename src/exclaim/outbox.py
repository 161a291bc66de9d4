"""Store and forward: what was put here is on disk until its receiver has acknowledged it."""

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from exclaim.database import MAX_BYTES, Database

__all__ = ["ALERT", "LATER", "REFUSED", "SCHEMA", "Entry", "Outbox", "open_outbox"]

ALERT = 0  # priority: may call a person; overtakes everything
LATER = 5  # priority: may wait
REFUSED = 9  # priority: the receiver refused it for good; kept, and tried after all others

SCHEMA = """
CREATE TABLE outbox (
    place INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    priority INTEGER NOT NULL,
    payload BLOB NOT NULL
);
CREATE INDEX outbox_order ON outbox (priority, place);
"""


class Entry(NamedTuple):
    """One thing that waits."""

    id: str
    payload: bytes
    priority: int  # the lower goes first


class Outbox:
    """A durable queue in a database that may hold other tables too.

    Inside ``database.transaction()`` it takes part in that transaction, so that an event is stored
    together with the state that it came from, or not at all.
    """

    def __init__(self, database: Database) -> None:
        """Use the table that :data:`SCHEMA` made in ``database``."""
        self.database = database
        self.arrived = threading.Event()  # set by every put; the one that forwards clears it

    def put(self, id: str, payload: bytes, priority: int = LATER) -> bool:
        """Keep ``payload`` until :meth:`delete`; on disk when the outermost transaction returns.

        Args:
            id: what is put twice under one id is kept once, as it was the first time.
            payload: bytes to send.
            priority: the lower goes first; among equals the older does.

        Returns:
            Whether the id was new.

        Raises:
            StoreError: when the disk is full; nothing is half-written then.
        """
        with self.database.transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO outbox (id, priority, payload) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING",
                (id, priority, payload),
            )
            self.arrived.set()
            return cursor.rowcount > 0

    def peek(self, limit: int = 100) -> list[Entry]:
        """Return the entries that go first, without removing them."""
        rows = self.database.read("SELECT id, payload, priority FROM outbox ORDER BY priority, place LIMIT ?", (limit,))
        return [Entry(*row) for row in rows]

    def delete(self, ids: Iterable[str]) -> None:
        """Forget entries that the receiver acknowledged; unknown ids are passed over."""
        with self.database.transaction() as connection:
            connection.executemany("DELETE FROM outbox WHERE id = ?", [(id,) for id in ids])

    def set_back(self, ids: Iterable[str]) -> None:
        """Let entries that the receiver refuses wait behind all others, so that they hold nothing up."""
        with self.database.transaction() as connection:
            connection.executemany("UPDATE outbox SET priority = ? WHERE id = ?", [(REFUSED, id) for id in ids])

    def count(self) -> int:
        """Return how many entries wait."""
        return self.database.read("SELECT count(*) FROM outbox")[0][0]


def open_outbox(path: Path, *, max_bytes: int = MAX_BYTES) -> Outbox:
    """Open, or make, a database that holds an outbox alone; close it by ``outbox.database.close()``.

    Raises:
        StoreError: when it cannot be opened.
    """
    return Outbox(Database(path, SCHEMA, version=1, max_bytes=max_bytes))
