"""From blocks of sound to the numbered frames of streams: front-end, byte code, gate. No threads, no network."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from exclaim import features, gate
from exclaim.chunks import GATED, OVERRUN, PRESENT, Run
from exclaim.config import GateOptions
from exclaim.sense.capture import Block
from exclaim.sense.heartbeat import Meter
from exclaim.windows import STEP_FRAMES
from exclaim.wire import StreamInfo

__all__ = ["Pipeline", "Sink"]

_MOST_DRIFT_SECONDS = 1.0
_MOST_LOST_FRAMES = 3750  # a minute; what is lost beyond that shows as drift, and a new stream begins


class Sink(Protocol):
    """Where frames go: a buffer that is sent, or a listener on the device itself."""

    def begin(self, info: StreamInfo) -> None:
        """Begin a stream."""

    def append(self, stream: str, run: Run) -> None:
        """Take the next frames of a stream."""

    def end(self, stream: str, *, backlog: bool = False) -> None:
        """End a stream."""


class Pipeline:
    """Turns the blocks of one run of capture into frames; after an outage it goes on as a new stream."""

    def __init__(
        self,
        sink: Sink,
        meter: Meter,
        options: GateOptions,
        *,
        new_stream: Callable[[float], StreamInfo],
        clock: Callable[[], float],
        follow_clock: bool = False,
    ) -> None:
        """Begin a stream.

        Args:
            sink: takes the frames.
            meter: takes note of what is heard, before the gate.
            options: of the gate.
            new_stream: describes a stream from the time of its first sample.
            clock: seconds since the epoch, UTC; tells how much sound an overrun lost.
            follow_clock: samples of a microphone and the clock drift apart; where they differ by more than a second
                a new stream begins, so that onsets stay true.
        """
        self._sink = sink
        self._meter = meter
        self._options = options
        self._new_stream = new_stream
        self._clock = clock
        self._follow_clock = follow_clock
        self._begin()

    @property
    def info(self) -> StreamInfo:
        """The stream under way."""
        return self._info

    def push(self, block: Block) -> None:
        """Take the next block of sound.

        Raises:
            AudioError: when it is not finite.
        """
        length = len(block.samples) / features.SAMPLE_RATE
        if block.overran:
            self._mark_lost(length)
        elif self._follow_clock and abs(self._elapsed(length) - self._heard) > _MOST_DRIFT_SECONDS:
            self.finish()
            self._begin(length)
        self._heard += length
        frames, self._front = features.stream(block.samples, self._front)
        self._take(features.encode(frames))

    def renew(self) -> None:
        """Go on as a new stream: what was heard so far is a backlog, and what is heard now goes before it."""
        self._flush()
        self._sink.end(self._info.stream, backlog=True)
        self._begin()

    def finish(self) -> None:
        """End the stream."""
        self._flush()
        self._sink.end(self._info.stream)

    def _begin(self, before: float = 0.0) -> None:
        """Begin a stream whose first sample was heard so many seconds ago."""
        self._began = self._clock() - before
        self._info = self._new_stream(self._began)
        self._heard = 0.0  # seconds since then that arrived, or are stood in for
        self._next = 0  # frame given to the sink next
        self._held: list[tuple[np.ndarray, np.ndarray]] = []  # frames and their status, not given to the sink yet
        self._front = features.start()
        self._gate = gate.start()
        self._sink.begin(self._info)

    def _take(self, codes: np.ndarray) -> None:
        self._meter.add(codes)
        gated, self._gate = gate.gate(codes, self._gate, self._options)
        self._give(gated.codes, np.where(gated.passes, PRESENT, GATED))

    def _flush(self) -> None:
        """Give out the frames that wait in the front-end and in the gate."""
        self._take(features.encode(features.finish(self._front)))
        rest = gate.finish(self._gate)
        self._give(rest.codes, np.full(len(rest.codes), GATED), at_least=1)

    def _elapsed(self, arriving: float) -> float:
        """Return how long ago the stream began, in seconds, at the start of what is arriving."""
        return self._clock() - self._began - arriving

    def _mark_lost(self, arriving: float) -> None:
        """Stand in for lost sound with overrun frames, so that frame numbers keep to the time."""
        self._flush()
        lost = min(max(1, round(self._elapsed(arriving) / features.FRAME_SECONDS) - self._next), _MOST_LOST_FRAMES)
        self._give(np.zeros((lost, features.N_MELS), np.uint8), np.full(lost, OVERRUN), at_least=1)
        self._heard = self._next * features.FRAME_SECONDS
        self._front = features.start()
        self._gate = gate.start()

    def _give(self, codes: np.ndarray, status: np.ndarray, at_least: int = STEP_FRAMES) -> None:
        """Give frames to the sink once they are worth a message of their own."""
        self._held.append((codes, status.astype(np.uint8)))
        if sum(len(status) for _, status in self._held) < at_least:
            return
        run = Run(self._next, *(np.concatenate(columns) for columns in zip(*self._held, strict=True)))
        self._held = []
        self._next = run.next
        self._sink.append(self._info.stream, run)
