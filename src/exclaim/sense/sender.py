"""Sends the frames that wait to the edge: live first, at least once, patient while the edge is away."""

import logging
import threading
from collections.abc import Callable

import httpx
import msgspec

from exclaim.chunks import PRESENT, Run, make_chunk
from exclaim.errors import DeliveryError
from exclaim.features import FRAME_SECONDS
from exclaim.sense.buffer import FrameBuffer, Waiting
from exclaim.transport import Backoff, error_message
from exclaim.windows import STEP_FRAMES
from exclaim.wire import CHUNK_TYPE, ChunkAck

__all__ = ["ChunkSender", "Refused"]

_log = logging.getLogger(__name__)

_MOST_FRAMES = 1250  # in one chunk: 20 s; halved where the edge finds that too much
_MOST_BACKOFF_SECONDS = 5.0  # what is heard waits no longer than this once the edge is back
_WATERMARK_FRAMES = round(5.0 / FRAME_SECONDS)  # a gated stream says every 5 s that it goes on
_OUTAGE_FRAMES = round(5.0 / FRAME_SECONDS)  # live sound that lags more than 5 s is a backlog
_TRY_AGAIN = (408, 425, 429)


class Refused(DeliveryError):
    """The edge answers that it will not have this, now or later: a wrong credential, name, or address."""


class _Conflict(msgspec.Struct):
    """The body of a 409: the edge expects another frame than was sent."""

    ack: ChunkAck


class ChunkSender:
    """Sends chunks from a frame buffer until it is empty and told to stop."""

    def __init__(
        self,
        client: httpx.Client,
        buffer: FrameBuffer,
        *,
        renew: Callable[[], None] | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        """Send from ``buffer`` by ``client``.

        Args:
            client: for the edge's base URL.
            buffer: what waits.
            renew: asks for the live sound to go on as a new stream, after an outage; None: never.
            backoff: how long to wait after failures.
        """
        self._client = client
        self._buffer = buffer
        self._renew = renew
        self._backoff = backoff or Backoff(most=_MOST_BACKOFF_SECONDS)
        self._most_frames = _MOST_FRAMES
        self._next: dict[str, int] = {}  # frame to send next, by stream
        self.accepted = 0  # chunks that the edge took
        self.failure: Refused | None = None  # why sending was given up before anything was accepted

    def backlog(self) -> int:
        """Return how many frames wait to be sent for the first time."""
        return sum(stream.next - self._first(stream) for stream in self._buffer.streams())

    def step(self) -> bool:
        """Send one chunk, if one is due.

        Returns:
            Whether one was sent.

        Raises:
            DeliveryError: when the edge cannot be reached or refuses; all is kept.
        """
        chosen = self._choose()
        if chosen is None:
            return False
        stream, run = chosen
        final = stream.ended and run.next == stream.next
        message = make_chunk(stream.info, run, final=final, backlog=stream.backlog)
        try:
            response = self._client.post(
                "/v1/chunks", content=msgspec.msgpack.encode(message), headers={"content-type": CHUNK_TYPE}
            )
        except httpx.HTTPError as error:
            raise DeliveryError(f"the edge cannot be reached ({error}); frames are kept") from error
        self._settle(stream, run, final, response)
        return True

    def _first(self, stream: Waiting) -> int:
        return self._next.get(stream.info.stream, stream.first)

    def _choose(self) -> tuple[Waiting, Run] | None:
        """Return the stream and the frames that go next, or None when nothing is due."""
        for stream in self._buffer.streams():
            first = self._first(stream)
            next = min(stream.next, first + self._most_frames)
            if stream.ended:
                return stream, self._buffer.read(stream.info.stream, first, next)
            if next - first >= STEP_FRAMES:
                run = self._buffer.read(stream.info.stream, first, next)
                if next - first >= _WATERMARK_FRAMES or (run.status == PRESENT).any():
                    return stream, run
        return None

    def _settle(self, stream: Waiting, run: Run, final: bool, response: httpx.Response) -> None:
        name = stream.info.stream
        if response.status_code == 409:
            expected = _decode(response, _Conflict).ack.expected
            if expected == run.first:
                raise DeliveryError(f"the edge expects frame {expected} and refuses it; frames are kept")
            self._next[name] = expected
            return
        if response.status_code == 413 and self._most_frames > STEP_FRAMES:
            self._most_frames = max(STEP_FRAMES, self._most_frames // 2)
            return
        if not response.is_success:
            kind = DeliveryError if _may_pass(response.status_code) else Refused
            raise kind(f"the edge refuses frames, which are kept: {error_message(response)}")
        ack = _decode(response, ChunkAck)
        self.accepted += 1
        self._next[name] = min(ack.expected, stream.next)
        if final and ack.expected >= run.next:
            self._buffer.forget(name)
            del self._next[name]
        else:
            self._buffer.delete(name, min(ack.keep_from, run.next))

    def run(self, stop: threading.Event) -> None:
        """Send until ``stop`` is set, or the edge refuses for good before it accepted anything."""
        while not stop.is_set():
            try:
                sent = self.step()
            except DeliveryError as error:
                if isinstance(error, Refused) and not self.accepted:
                    self.failure = error
                    return
                if not self._backoff.failures:
                    _log.warning("%s", error)
                stop.wait(self._backoff.failed())
                continue
            if sent:
                self._recovered()
            else:
                with self._buffer.changed:
                    self._buffer.changed.wait(0.1)

    def _recovered(self) -> None:
        """After an outage, let what is heard now overtake what was heard meanwhile."""
        if self._backoff.failures:
            _log.info("the edge is reached again")
            self._backoff.succeeded()
        live = [stream for stream in self._buffer.streams() if not (stream.backlog or stream.ended)]
        if self._renew and any(stream.next - self._first(stream) > _OUTAGE_FRAMES for stream in live):
            self._renew()


def _may_pass(status: int) -> bool:
    """Return whether the same request may be accepted later."""
    return status >= 500 or status in _TRY_AGAIN


def _decode(response: httpx.Response, kind: type) -> msgspec.Struct:
    try:
        return msgspec.json.decode(response.content, type=kind)
    except msgspec.MsgspecError as error:
        raise DeliveryError(f"the edge answered no acknowledgement ({error}); frames are kept") from error
