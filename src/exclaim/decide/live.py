"""The live feed: server-sent events from the journal of changes, resumed from any entry that is kept."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime

import msgspec
from fastapi.sse import format_sse_event

from exclaim.decide.journal import Change

__all__ = ["PING_SECONDS", "Live", "Ping"]

PING_SECONDS = 3.0  # a page that hears nothing for a few of these says that its connection is lost
_BATCH = 200


class _Follower:
    """One open page: woken when there is something, with the passing news that no journal keeps."""

    def __init__(self) -> None:
        self.woken = asyncio.Event()
        self.passing: deque[tuple[str, bytes]] = deque(maxlen=500)


class Live:
    """Wakes everybody who follows the changes. Of one event loop; :meth:`wake` may be called from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Belong to ``loop``."""
        self._loop = loop
        self._followers: set[_Follower] = set()
        self.closed = False

    def __len__(self) -> int:
        """How many follow."""
        return len(self._followers)

    def wake(self) -> None:
        """There is something new in the journal."""
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody follows
            self._loop.call_soon_threadsafe(self._wake)

    def publish(self, kind: str, body: object) -> None:
        """Tell something that passes, such as a heartbeat, to those who follow now. Only from the loop's thread."""
        encoded = msgspec.json.encode(body)
        for follower in self._followers:
            follower.passing.append((kind, encoded))
        self._wake()

    def close(self) -> None:
        """End every stream, so that a server that stops need not wait for pages that stay open."""
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        for follower in self._followers:
            follower.woken.set()

    async def follow(
        self,
        after: int,
        read: Callable[[int, int], Awaitable[list[Change]]],
        pulse: Callable[[], Awaitable[object | None]],
    ) -> AsyncIterator[bytes]:
        """Server-sent events from change ``after`` on, without end.

        Args:
            after: number of the last change that the reader has.
            read: ``(after, limit)`` to the next changes of the journal.
            pulse: what to tell in a ping; None ends the stream (the reader may no longer read).
        """
        follower = _Follower()
        self._followers.add(follower)
        try:
            pinged = None
            while not self.closed:
                follower.woken.clear()
                changes = await read(after, _BATCH)
                for change in changes:
                    after = change.seq
                    yield format_sse_event(data_str=change.body, event=change.kind, id=str(change.seq))
                while follower.passing:
                    kind, body = follower.passing.popleft()
                    yield format_sse_event(data_str=body.decode(), event=kind)
                now = self._loop.time()
                if pinged is None or now - pinged >= PING_SECONDS:
                    told = await pulse()
                    if told is None:
                        return
                    pinged = now
                    yield format_sse_event(data_str=msgspec.json.encode(told).decode(), event="ping")
                if len(changes) < _BATCH:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(follower.woken.wait(), PING_SECONDS - (now - pinged))
        finally:
            self._followers.discard(follower)


class Ping(msgspec.Struct, frozen=True):
    """A sign of life: the server's time, and what is wrong with it, if anything."""

    now: datetime
    trouble: str | None
