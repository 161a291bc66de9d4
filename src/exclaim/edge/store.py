"""What the edge has on disk: streams with their episode state, window results, and events for the decision
service.

Frames are not among it: they are personal data, and the device keeps them for as long as the edge may need
them again.
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from exclaim.database import MAX_BYTES, Database
from exclaim.forward import keep
from exclaim.lines import StreamState, WindowAnswers, read_state
from exclaim.outbox import SCHEMA, Outbox
from exclaim.wire import Event, StreamInfo

__all__ = ["EdgeStore", "Progress", "StoredStream"]

_SCHEMA = (
    SCHEMA
    + """
CREATE TABLE streams (
    stream TEXT PRIMARY KEY,
    info BLOB NOT NULL,
    committed INTEGER NOT NULL,
    state BLOB NOT NULL,
    final INTEGER NOT NULL,
    sounding INTEGER NOT NULL,
    touched REAL NOT NULL
);
CREATE INDEX streams_touched ON streams (touched);
CREATE TABLE results (
    stream TEXT NOT NULL,
    end_frame INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (stream, end_frame)
) WITHOUT ROWID;
"""
)


class StoredStream(msgspec.Struct, frozen=True, kw_only=True):
    """How far a stream has come, as it stands on disk."""

    info: StreamInfo
    committed: int  # the last inferred window ends at this frame; -1 before the first
    state: StreamState
    final: bool = False  # it ended


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """One step of one stream, to be stored as a whole."""

    stream: StoredStream
    results: tuple[WindowAnswers, ...]
    events: tuple[Event, ...]


class EdgeStore:
    """The edge's SQLite file."""

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES) -> None:
        """Open the file, or make it.

        Raises:
            StoreError: when it cannot be opened.
        """
        self._database = Database(path, _SCHEMA, version=1, max_bytes=max_bytes)
        self.outbox = Outbox(self._database)

    def load(self, stream: str) -> StoredStream | None:
        """Return how far a stream has come, None where it is new."""
        rows = self._database.read("SELECT info, committed, state, final FROM streams WHERE stream = ?", (stream,))
        return _stored(rows[0]) if rows else None

    def commit(self, steps: Iterable[Progress], now: float) -> None:
        """Store steps of several streams in one transaction: all of it is on disk at the return, or nothing.

        Args:
            steps: results are new ones; a window that was inferred before breaks the transaction.
            now: seconds since the epoch.

        Raises:
            StoreError: when the disk is full; nothing is written then.
        """
        with self._database.transaction() as connection:
            for step in steps:
                info, name = step.stream.info, step.stream.info.stream
                connection.executemany(
                    "INSERT INTO results VALUES (?, ?, ?)",
                    [(name, result.end_frame, msgspec.json.encode(result)) for result in step.results],
                )
                connection.execute(
                    "INSERT OR REPLACE INTO streams VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        name,
                        msgspec.msgpack.encode(info),
                        step.stream.committed,
                        msgspec.msgpack.encode(step.stream.state),
                        step.stream.final,
                        step.stream.state.sounding,
                        now,
                    ),
                )
                for event in step.events:
                    keep(event, self.outbox)

    def keep(self, events: Iterable[Event]) -> None:
        """Store events that devices made, in one transaction.

        Raises:
            StoreError: when the disk is full; nothing is written then.
        """
        with self._database.transaction():
            for event in events:
                keep(event, self.outbox)

    def left_sounding(self, silent_since: float) -> list[StoredStream]:
        """Return the streams with a sound under way of which nothing came since ``silent_since``."""
        rows = self._database.read(
            "SELECT info, committed, state, final FROM streams WHERE sounding = 1 AND touched < ?",
            (silent_since,),
        )
        return [_stored(row) for row in rows]

    def results(self, stream: str) -> list[WindowAnswers]:
        """Return a stream's window results in order."""
        rows = self._database.read("SELECT body FROM results WHERE stream = ? ORDER BY end_frame", (stream,))
        return [msgspec.json.decode(body, type=WindowAnswers) for (body,) in rows]

    def prune(self, before: float, *, frames: int) -> None:
        """Forget the streams of which nothing came since ``before``, and old results of those that go on.

        Args:
            before: seconds since the epoch.
            frames: results that lie this far behind their stream's last one go; a stream may go on for years.
        """
        with self._database.transaction() as connection:
            for name, committed in connection.execute("SELECT stream, committed FROM streams").fetchall():
                connection.execute("DELETE FROM results WHERE stream = ? AND end_frame < ?", (name, committed - frames))
            old = "SELECT stream FROM streams WHERE touched < ?"
            connection.execute(f"DELETE FROM results WHERE stream IN ({old})", (before,))
            connection.execute("DELETE FROM streams WHERE touched < ?", (before,))

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _stored(row: tuple) -> StoredStream:
    info, committed, state, final = row
    return StoredStream(
        info=msgspec.msgpack.decode(info, type=StreamInfo),
        committed=committed,
        state=read_state(state),
        final=bool(final),
    )
