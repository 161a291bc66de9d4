"""``infer: device``: frames become episodes here, and only episodes leave."""

import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from exclaim.chunks import Run
from exclaim.database import MAX_BYTES, Database
from exclaim.errors import StoreError
from exclaim.forward import as_event, keep
from exclaim.listen import Listener
from exclaim.outbox import SCHEMA, Outbox
from exclaim.wire import Episode, StreamInfo

__all__ = ["LocalResults", "ResultsStore"]

_log = logging.getLogger(__name__)

_SCHEMA = (
    SCHEMA
    + """
CREATE TABLE open_episodes (
    episode TEXT PRIMARY KEY,
    body BLOB NOT NULL
);
"""
)


class ResultsStore:
    """The device's results on disk: events that wait, and which episodes are open."""

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES) -> None:
        """Open the file, or make it.

        Raises:
            StoreError: when it cannot be opened.
        """
        self._database = Database(path, _SCHEMA, version=1, max_bytes=max_bytes)
        self.outbox = Outbox(self._database)

    def keep(self, episodes: list[Episode]) -> None:
        """Store revisions in one transaction.

        Raises:
            StoreError: when the disk is full; nothing is written then.
        """
        with self._database.transaction() as connection:
            for episode in episodes:
                keep(as_event(episode), self.outbox)
                connection.execute("DELETE FROM open_episodes WHERE episode = ?", (episode.episode,))
                if episode.state == "open":
                    connection.execute(
                        "INSERT INTO open_episodes VALUES (?, ?)",
                        (episode.episode, msgspec.json.encode(episode)),
                    )

    def close_left_open(self) -> int:
        """Close the episodes that an earlier run left open when it was killed, and return how many."""
        rows = self._database.read("SELECT body FROM open_episodes")
        left = [msgspec.json.decode(body, type=Episode) for (body,) in rows]
        self.keep(
            [msgspec.structs.replace(e, revision=e.revision + 1, state="closed") for e in left],
        )
        return len(left)

    def close(self) -> None:
        """Close the file."""
        self._database.close()


class LocalResults:
    """Takes the frames of streams, as a frame buffer does, and keeps what a listener makes of them."""

    def __init__(self, store: ResultsStore, listener: Callable[[StreamInfo], Listener]) -> None:
        """Keep results in ``store``; ``listener`` makes the listener of a stream."""
        self._store = store
        self._make = listener
        self._listeners: dict[str, Listener] = {}
        self._unsaved: list[Episode] = []
        self._failed = False

    def begin(self, info: StreamInfo) -> None:
        """Begin a stream."""
        self._listeners[info.stream] = self._make(info)

    def append(self, stream: str, run: Run) -> None:
        """Hear the next frames of a stream."""
        _, revisions = self._listeners[stream].push(run.codes, run.missing)
        self._save(revisions)

    def end(self, stream: str, *, backlog: bool = False) -> None:
        """End a stream, and with it its episode."""
        _, revisions = self._listeners.pop(stream).finish()
        self._save(revisions)

    def finish(self) -> None:
        """Store what could not be stored before.

        Raises:
            StoreError: when the disk is still full; what it could not take is lost when the process ends.
        """
        if self._unsaved:
            self._store.keep(self._unsaved)
            self._unsaved = []

    def _save(self, revisions: tuple[Episode, ...]) -> None:
        """Store revisions; while the disk is full they wait in memory, and listening goes on."""
        self._unsaved += revisions
        try:
            self.finish()
        except StoreError as error:
            if not self._failed:
                _log.error("%s; results wait in memory", error)
            self._failed = True
        else:
            self._failed = False
