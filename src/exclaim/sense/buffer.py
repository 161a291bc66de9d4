"""The frames that wait to be sent: in memory, for a bounded time, and where sealed also on disk."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

from exclaim.chunks import Run, join, make_chunk, read_chunk
from exclaim.errors import DeliveryError, StoreError
from exclaim.wire import Chunk, StreamInfo

__all__ = ["FrameBuffer", "Kept", "Vault", "Waiting"]

_log = logging.getLogger(__name__)


class Waiting(NamedTuple):
    """A stream of which something waits."""

    info: StreamInfo
    first: int  # the oldest frame that is kept
    next: int  # the frame behind the newest
    ended: bool  # no more frames come
    backlog: bool  # left from an outage or an earlier run: live streams go before it


class Kept(NamedTuple):
    """A piece of a stream and when it was captured."""

    at: float  # seconds since the epoch, UTC
    chunk: Chunk


class Vault(Protocol):
    """Where frames survive a restart of the device."""

    def begin(self, info: StreamInfo) -> None:
        """Note that a stream began."""

    def save(self, kept: Kept) -> None:
        """Keep a piece."""

    def delete(self, stream: str, below: int) -> None:
        """Forget the pieces whose frames all lie below."""

    def forget(self, stream: str) -> None:
        """Forget a stream altogether."""

    def load(self) -> list[tuple[StreamInfo, list[Kept]]]:
        """Return what an earlier run left, in order."""


class _Stream:
    """One stream in the buffer."""

    def __init__(self, info: StreamInfo) -> None:
        self.info = info
        self.pieces: deque[Kept] = deque()
        self.next = 0
        self.ended = False
        self.backlog = False

    @property
    def first(self) -> int:
        return self.pieces[0].chunk.first if self.pieces else self.next


class FrameBuffer:
    """Keeps the frames of each stream until the edge no longer needs them. Safe for several threads.

    What is older than ``seconds`` is let go; reading it afterwards gives dropped frames.
    """

    def __init__(self, *, seconds: float, vault: Vault | None = None, clock: Callable[[], float] = time.time) -> None:
        """Start empty, or with what an earlier run left in ``vault``, as backlog.

        Args:
            seconds: how long a frame is kept at most.
            vault: keeps a sealed copy on disk; None: in memory only.
            clock: seconds since the epoch.

        Raises:
            StoreError: when the vault cannot be read.
        """
        self._seconds = seconds
        self._vault = vault
        self._clock = clock
        self._streams: dict[str, _Stream] = {}
        self._vault_failed = False
        self.changed = threading.Condition()  # notified whenever something was added or removed
        for info, pieces in vault.load() if vault else []:
            stream = self._streams[info.stream] = _Stream(info)
            stream.pieces.extend(pieces)
            stream.next = pieces[-1].chunk.last + 1 if pieces else 0
            stream.ended = stream.backlog = True
        self._expire()

    def begin(self, info: StreamInfo) -> None:
        """Begin a stream."""
        with self.changed:
            self._streams[info.stream] = _Stream(info)
            self._persist(lambda vault: vault.begin(info))

    def append(self, stream: str, run: Run) -> None:
        """Add the next frames of a stream, which must follow the ones before."""
        with self.changed:
            entry = self._streams[stream]
            if run.first != entry.next:
                raise DeliveryError(f"stream {stream} got frame {run.first}; expected {entry.next}")
            kept = Kept(self._clock(), make_chunk(entry.info, run))
            entry.pieces.append(kept)
            entry.next = run.next
            self._persist(lambda vault: vault.save(kept))
            self._expire()
            self.changed.notify_all()

    def end(self, stream: str, *, backlog: bool = False) -> None:
        """Say that no more frames of a stream come; as backlog it lets live streams go first."""
        with self.changed:
            entry = self._streams[stream]
            entry.ended = True
            entry.backlog = entry.backlog or backlog
            self.changed.notify_all()

    def streams(self) -> list[Waiting]:
        """Return the streams: live ones first, then the backlog from the oldest."""
        with self.changed:
            self._expire()  # also when nothing is added any more
            waiting = [Waiting(s.info, s.first, s.next, s.ended, s.backlog) for s in self._streams.values()]
        return sorted(waiting, key=lambda stream: stream.backlog)

    def read(self, stream: str, first: int, next: int) -> Run:
        """Return frames ``first`` to ``next - 1`` of a stream; those no longer kept are dropped ones."""
        with self.changed:
            kept = [
                piece.chunk
                for piece in self._streams[stream].pieces
                if piece.chunk.first < next and piece.chunk.last >= first
            ]
        return join([read_chunk(chunk) for chunk in kept], first, next)

    def delete(self, stream: str, below: int) -> None:
        """Let go of the pieces of a stream whose frames all lie below."""
        with self.changed:
            pieces = self._streams[stream].pieces
            dropped = False
            while pieces and pieces[0].chunk.last < below:
                pieces.popleft()
                dropped = True
            if dropped:
                self._persist(lambda vault: vault.delete(stream, below))
            self.changed.notify_all()

    def forget(self, stream: str) -> None:
        """Let go of a stream that was delivered to its end."""
        with self.changed:
            self._streams.pop(stream, None)
            self._persist(lambda vault: vault.forget(stream))
            self.changed.notify_all()

    def _expire(self) -> None:
        oldest = self._clock() - self._seconds
        for entry in self._streams.values():
            below = 0
            while entry.pieces and entry.pieces[0].at < oldest:
                below = entry.pieces.popleft().chunk.last + 1
            if below:
                stream = entry.info.stream
                _log.warning("stream %s: frames below %d are older than the outbox keeps", stream, below)
                self._persist(lambda vault, stream=stream, below=below: vault.delete(stream, below))

    def _persist(self, action: Callable[[Vault], None]) -> None:
        """Act on the vault; where its disk is full, listening goes on, kept in memory alone."""
        if self._vault is None:
            return
        try:
            action(self._vault)
        except StoreError as error:
            if not self._vault_failed:
                _log.error("%s; frames are kept in memory only", error)
            self._vault_failed = True
        else:
            self._vault_failed = False
