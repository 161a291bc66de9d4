"""From blocks of sound to the numbered frames of streams: front-end, byte code, gate. No threads, no network."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from exclaim import features, gate
from exclaim.chunks import GATED, OVERRUN, PRESENT, Run
from exclaim.config import GateOptions
from exclaim.sense.capture import Block
from exclaim.sense.heartbeat import Meter
from exclaim.wire import StreamInfo

__all__ = ["Pipeline", "Sink"]


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
        new_stream: Callable[[], StreamInfo],
        clock: Callable[[], float],
    ) -> None:
        """Begin a stream.

        Args:
            sink: takes the frames.
            meter: takes note of what is heard, before the gate.
            options: of the gate.
            new_stream: describes a stream that begins now.
            clock: seconds, monotonic; tells how much sound an overrun lost.
        """
        self._sink = sink
        self._meter = meter
        self._options = options
        self._new_stream = new_stream
        self._clock = clock
        self._begin()

    @property
    def info(self) -> StreamInfo:
        """The stream under way."""
        return self._info

    def push(self, block: Block) -> None:
        """Take the next block of sound."""
        if block.overran:
            self._mark_lost(len(block.samples))
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

    def _begin(self) -> None:
        self._info = self._new_stream()
        self._began = self._clock()
        self._next = 0  # frame given to the sink next
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
        self._give(rest.codes, np.full(len(rest.codes), GATED))

    def _mark_lost(self, arriving: int) -> None:
        """Stand in for lost sound with overrun frames, so that frame numbers keep to the time."""
        self._flush()
        elapsed = (self._clock() - self._began) * features.SAMPLE_RATE - arriving
        lost = max(1, round(elapsed / features.HOP_LENGTH) - self._next)
        self._give(np.zeros((lost, features.N_MELS), np.uint8), np.full(lost, OVERRUN))
        self._front = features.start()
        self._gate = gate.start()

    def _give(self, codes: np.ndarray, status: np.ndarray) -> None:
        if len(codes):
            self._sink.append(self._info.stream, Run(self._next, codes, status.astype(np.uint8)))
            self._next += len(codes)
