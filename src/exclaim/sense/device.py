"""Runs a device in this process, until its sound ends or it is told to stop."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Literal

import httpx

from exclaim.background import Loop
from exclaim.config import SenseOptions
from exclaim.errors import AudioError, ConfigError
from exclaim.forward import EventForwarder
from exclaim.listen import Analysis, Listener
from exclaim.model import load_model
from exclaim.sense.buffer import FrameBuffer
from exclaim.sense.capture import Block, capture, is_microphone
from exclaim.sense.heartbeat import Meter, Pulse
from exclaim.sense.identity import clock_quality, new_stream
from exclaim.sense.pipeline import Pipeline, Sink
from exclaim.sense.results import LocalResults, ResultsStore
from exclaim.sense.sealed import SealedVault, read_key
from exclaim.sense.sender import ChunkSender
from exclaim.transport import open_client
from exclaim.wire import Heartbeat, StreamInfo

__all__ = ["run_sense"]

_log = logging.getLogger(__name__)

_DRAIN_SECONDS = 5.0  # how long what waits may take to be sent when the device is told to stop
_MOST_WAITING = 7500  # frames: a file that is read as fast as it goes waits for the edge beyond two minutes
Origin = Literal["microphone", "file", "synthesised"]


class _Delivery:
    """What leaves the device: who takes the frames, who sends, how much waits."""

    def __init__(self, sink: Sink, run: Callable[[threading.Event], None], waiting: Callable[[], int]) -> None:
        self.sink = sink
        self.run = run
        self.waiting = waiting  # frames or events
        self.failure: Callable[[], Exception | None] = lambda: None


def run_sense(
    options: SenseOptions,
    *,
    models: Sequence[str] = (),
    pins: Mapping[str, str] | None = None,
    stop: threading.Event | None = None,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Hear, and hand over what is heard, until the source ends or ``stop`` is set.

    A file ends it once all of it was handed over. After ``stop``, what waits is sent for five seconds at most; with
    ``outbox: memory`` the rest is lost, sealed it goes on at the next start.

    Args:
        options: of the device.
        models: shipped names, tasks, or paths of model files; used with ``infer: device`` alone.
        pins: path to SHA-256, for models that are not shipped.
        stop: ends it; None: only the source does.
        on_ready: called with the stream's id once sound is heard.

    Raises:
        AudioError: when the microphone or the file cannot be opened or read.
        ConfigError: when the edge must not be reached so, or options do not fit each other.
        DeliveryError: when the edge refuses this device before it took anything.
        ModelError: when a model is missing or not to be trusted.
        StoreError: when an outbox cannot be opened.
    """
    stop = stop or threading.Event()
    renew = threading.Event()
    meter = Meter()
    with ExitStack() as stack:
        client = stack.enter_context(
            open_client(options.edge_url, credential=options.credential, ca_file=options.ca_file, name="sense.edge_url")
        )
        delivery = _delivery(options, client, models, pins, renew, stack)
        blocks = stack.enter_context(_opened(options, stop))
        first = next(blocks, None)  # a source that cannot be heard says so before anything else starts
        pipeline = Pipeline(
            delivery.sink,
            meter,
            options.gate,
            new_stream=lambda began: _stream(options, began),
            clock=time.time,
            follow_clock=is_microphone(options.source),
        )
        pulse = Pulse(client, meter, _beat(options, pipeline, delivery), seconds=options.heartbeat_seconds)
        broken: AudioError | None = None
        with _running(deliver=delivery.run, pulse=pulse.run) as ended:
            if on_ready:
                on_ready(pipeline.info.stream)
            if first is not None:
                pipeline.push(first)
            try:
                for block in blocks:
                    if renew.is_set():
                        renew.clear()
                        pipeline.renew()
                    pipeline.push(block)
                    _wait_for_room(options, delivery, stop)
                    if delivery.failure():
                        break
            except AudioError as error:  # what was heard before is handed over all the same
                broken = error
                stop.set()
            pipeline.finish()
            _drain(delivery, stop, ended)
        pulse.step()
    if failure := broken or delivery.failure():
        raise failure


@contextmanager
def _opened(options: SenseOptions, stop: threading.Event) -> Iterator[Iterator[Block]]:
    blocks = capture(options.source, stop, real_time=options.real_time)
    try:
        yield blocks
    finally:
        blocks.close()


@contextmanager
def _running(**bodies: Callable[[threading.Event], None]) -> Iterator[threading.Event]:
    """Run loops by name; set the event that they are given, and wait for them, at the end."""
    ended = threading.Event()
    threads = [Loop(body, ended, name=name) for name, body in bodies.items()]
    for thread in threads:
        thread.start()
    try:
        yield ended
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def _delivery(
    options: SenseOptions,
    client: httpx.Client,
    models: Sequence[str],
    pins: Mapping[str, str] | None,
    renew: threading.Event,
    stack: ExitStack,
) -> _Delivery:
    if options.infer == "edge":
        return _frames_leave(options, client, renew, stack)
    store = ResultsStore(Path(options.results_outbox))
    stack.callback(store.close)
    if left := store.close_left_open():
        _log.info("closed %d episodes that an earlier run left open", left)
    analysis = Analysis([load_model(name, pin=(pins or {}).get(name)) for name in models])
    sink = LocalResults(store, lambda info: Listener(analysis, info))
    stack.callback(sink.finish)
    forwarder = EventForwarder(store.outbox, client, peer="the edge")
    delivery = _Delivery(sink, forwarder.run, store.outbox.count)
    delivery.failure = lambda: forwarder.refusal
    return delivery


def _frames_leave(options: SenseOptions, client: httpx.Client, renew: threading.Event, stack: ExitStack) -> _Delivery:
    vault = None
    if options.outbox != "memory":
        if options.seal_key_file is None:
            raise ConfigError(
                f"sense.outbox is {options.outbox}, a file of frames, which are personal data; "
                "set sense.seal_key_file, or sense.outbox: memory"
            )
        vault = SealedVault(Path(options.outbox), read_key(Path(options.seal_key_file)))
        stack.callback(vault.close)
    buffer = FrameBuffer(seconds=options.outbox_seconds, vault=vault)
    live = is_microphone(options.source) or options.real_time
    sender = ChunkSender(client, buffer, renew=renew.set if live else None)

    def waiting() -> int:
        return sender.backlog() + sum(
            stream.ended for stream in buffer.streams()
        )  # an ended one waits for its last word

    delivery = _Delivery(buffer, sender.run, waiting)
    delivery.failure = lambda: sender.failure
    return delivery


def _origin(options: SenseOptions) -> Origin:
    if is_microphone(options.source):
        return "microphone"
    return "synthesised" if options.synthesised else "file"


def _stream(options: SenseOptions, began: float) -> StreamInfo:
    return new_stream(options.device, began, origin=_origin(options), clock=clock_quality())


def _beat(
    options: SenseOptions, pipeline: Pipeline, delivery: _Delivery
) -> Callable[[datetime, bool, float | None], Heartbeat]:
    def beat(at: datetime, hearing: bool, level_db: float | None) -> Heartbeat:
        return Heartbeat(
            device=options.device,
            layer="device",
            time=at,
            stream=pipeline.info.stream,
            hearing=hearing,
            level_db=level_db,
            backlog=delivery.waiting(),
            infer=options.infer,
            origin=_origin(options),
        )

    return beat


def _wait_for_room(options: SenseOptions, delivery: _Delivery, stop: threading.Event) -> None:
    """Let the edge keep up with a file that is read as fast as it goes, so that memory stays bounded."""
    if options.real_time or is_microphone(options.source) or options.infer == "device":
        return
    while delivery.waiting() > _MOST_WAITING and not delivery.failure() and not stop.wait(0.02):
        pass


def _drain(delivery: _Delivery, stop: threading.Event, ended: threading.Event) -> None:
    """Wait until nothing waits any more; once told to stop, for five seconds."""
    deadline: float | None = None
    while delivery.waiting() and not delivery.failure():
        if stop.is_set():
            deadline = deadline or time.monotonic() + _DRAIN_SECONDS
            if time.monotonic() > deadline:
                _log.warning("stopped while %d frames or events wait to be sent", delivery.waiting())
                return
        ended.wait(0.05)
