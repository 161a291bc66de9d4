"""Frames on their way to an edge: repeated where it asks, deleted only where it needs them no longer."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import httpx
import msgspec
import numpy as np
import pytest

from exclaim.chunks import DROPPED, GATED, PRESENT, Run, read_chunk
from exclaim.errors import DeliveryError
from exclaim.sense.buffer import FrameBuffer
from exclaim.sense.sender import ChunkSender, Refused
from exclaim.transport import Backoff
from exclaim.wire import CHUNK_TYPE, Chunk, ChunkAck, StreamInfo


class Edge:
    """Takes chunks in order, as the wire says, and keeps the frames."""

    def __init__(self) -> None:
        self.codes: dict[str, list[np.ndarray]] = {}
        self.order: list[str] = []
        self.chunks: list[Chunk] = []
        self.committed = -1
        self.status: int | None = None
        self.client = httpx.Client(transport=httpx.MockTransport(self.answer), base_url="http://edge")
        self.asked = threading.Event()

    def expected(self, stream: str) -> int:
        return sum(len(codes) for codes in self.codes.get(stream, []))

    def answer(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["content-type"] == CHUNK_TYPE
        self.asked.set()
        if self.status == 0:
            raise httpx.ConnectError("nobody there")
        if self.status is not None:
            return httpx.Response(self.status, json={"error": {"code": "some-code", "message": "some sentence"}})
        chunk = msgspec.msgpack.decode(request.content, type=Chunk)
        name, run = chunk.info.stream, read_chunk(chunk)
        expected = self.expected(name)
        if run.first > expected:
            return httpx.Response(409, content=msgspec.json.encode({"ack": self._ack(name)}))
        self.chunks.append(chunk)
        self.order.append(name)
        self.codes.setdefault(name, []).append(run.codes[expected - run.first :])
        return httpx.Response(200, content=msgspec.json.encode(self._ack(name)))

    def _ack(self, name: str) -> ChunkAck:
        committed = self.committed
        return ChunkAck(
            stream=name, committed=committed, keep_from=max(0, committed - 187), expected=self.expected(name)
        )


@pytest.fixture
def edge() -> Iterator[Edge]:
    edge = Edge()
    yield edge
    edge.client.close()


def info(stream: str) -> StreamInfo:
    return StreamInfo(stream=stream, device="kitchen", started=datetime(2026, 1, 1, tzinfo=UTC))


def fill(buffer: FrameBuffer, stream: str, frames: int, status: int = PRESENT, first: int = 0) -> np.ndarray:
    """Put frames into a buffer in pieces of half a second; returns their codes."""
    codes = np.random.default_rng(frames).integers(1, 255, (frames, 128)).astype(np.uint8)
    codes[:] = codes if status == PRESENT else 0
    if first == 0:
        buffer.begin(info(stream))
    for begin in range(0, frames, 31):
        part = codes[begin : begin + 31]
        buffer.append(stream, Run(first + begin, part, np.full(len(part), status, np.uint8)))
    return codes


def sent(edge: Edge, stream: str) -> np.ndarray:
    return np.concatenate(edge.codes[stream])


def drain(sender: ChunkSender) -> None:
    while sender.step():
        pass


def test_a_stream_arrives_whole_and_is_forgotten(edge: Edge) -> None:
    buffer = FrameBuffer(seconds=3600)
    codes = fill(buffer, "s", 3000)
    buffer.end("s")
    sender = ChunkSender(edge.client, buffer)
    drain(sender)
    assert (sent(edge, "s") == codes).all()
    assert [chunk.final for chunk in edge.chunks] == [False, False, True]
    assert buffer.streams() == []
    assert sender.backlog() == 0


def test_only_what_the_edge_needs_no_longer_is_deleted(edge: Edge) -> None:
    buffer = FrameBuffer(seconds=3600)
    codes = fill(buffer, "s", 620)
    edge.committed = 589
    sender = ChunkSender(edge.client, buffer)
    sender.step()
    kept = buffer.streams()[0].first
    assert kept == 402 // 31 * 31  # a piece below which nothing is kept holds frame 402 = 589 - 187
    assert (buffer.read("s", 402, 620).codes == codes[402:]).all()


def test_an_edge_that_lost_its_frames_gets_them_again(edge: Edge) -> None:
    buffer = FrameBuffer(seconds=3600)
    codes = fill(buffer, "s", 620)
    edge.committed = 310
    sender = ChunkSender(edge.client, buffer)
    drain(sender)
    edge.codes["s"] = [codes[:123]]  # restarted: it has what it committed, and asks for keep_from
    more = fill(buffer, "s", 62, first=620)
    buffer.end("s")
    drain(sender)
    assert (sent(edge, "s") == np.concatenate([codes, more])).all()


def test_an_edge_that_lost_everything_gets_what_is_left_and_the_rest_as_dropped(edge: Edge) -> None:
    buffer = FrameBuffer(seconds=3600)
    codes = fill(buffer, "s", 620)
    edge.committed = 589
    sender = ChunkSender(edge.client, buffer)
    drain(sender)
    edge.codes.clear()
    edge.chunks.clear()
    edge.committed = -1
    fill(buffer, "s", 31, first=620)
    drain(sender)
    run = read_chunk(edge.chunks[0])
    assert (run.status[: 402 // 31 * 31] == DROPPED).all()
    assert (sent(edge, "s")[402:620] == codes[402:]).all()


def test_live_sound_goes_before_a_backlog(edge: Edge) -> None:
    buffer = FrameBuffer(seconds=3600)
    fill(buffer, "old", 3000)
    buffer.end("old", backlog=True)
    sender = ChunkSender(edge.client, buffer)
    sender.step()
    fill(buffer, "new", 62)
    sender.step()
    fill(buffer, "new", 62, first=62)
    drain(sender)
    assert edge.order == ["old", "new", "new", "old", "old"]
    assert [chunk.backlog for chunk in edge.chunks] == [True, False, False, True, True]


@pytest.mark.parametrize(("frames", "status", "sends"), [(30, PRESENT, False), (31, PRESENT, True)])
def test_a_chunk_is_worth_half_a_second(edge: Edge, frames: int, status: int, sends: bool) -> None:
    buffer = FrameBuffer(seconds=3600)
    fill(buffer, "s", frames, status)
    assert ChunkSender(edge.client, buffer).step() is sends


@pytest.mark.parametrize(("frames", "sends"), [(310, False), (320, True)])
def test_a_silent_stream_says_every_five_seconds_that_it_goes_on(edge: Edge, frames: int, sends: bool) -> None:
    buffer = FrameBuffer(seconds=3600)
    fill(buffer, "s", frames, GATED)
    assert ChunkSender(edge.client, buffer).step() is sends
    assert all(chunk.frames == b"" for chunk in edge.chunks)


@pytest.mark.parametrize("status", [0, 429, 500, 503, 507])
def test_what_may_pass_later_is_kept(edge: Edge, status: int) -> None:
    buffer = FrameBuffer(seconds=3600)
    codes = fill(buffer, "s", 310)
    buffer.end("s")
    sender = ChunkSender(edge.client, buffer)
    edge.status = status
    with pytest.raises(DeliveryError, match="kept") as caught:
        sender.step()
    assert not isinstance(caught.value, Refused)
    edge.status = None
    drain(sender)
    assert (sent(edge, "s") == codes).all()


def running(sender: ChunkSender, until: Callable[[], bool]) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=sender.run, args=(stop,))
    thread.start()
    for _ in range(3000):
        if until():
            break
        stop.wait(0.01)
    stop.set()
    thread.join()
    assert until()


def test_an_edge_that_will_never_take_it_is_an_error(edge: Edge) -> None:
    buffer = FrameBuffer(seconds=3600)
    fill(buffer, "s", 310)
    edge.status = 401
    sender = ChunkSender(edge.client, buffer)
    running(sender, lambda: sender.failure is not None)
    assert "401 some-code: some sentence" in str(sender.failure)
    assert buffer.streams()[0].next == 310


def test_after_an_outage_live_sound_asks_for_a_new_stream(edge: Edge) -> None:
    buffer, renewed = FrameBuffer(seconds=3600), threading.Event()
    codes = fill(buffer, "s", 3100)
    edge.status = 503
    sender = ChunkSender(edge.client, buffer, renew=renewed.set, backoff=Backoff(first=0.01, most=0.02))
    running(sender, edge.asked.is_set)
    assert not renewed.is_set()
    edge.status = None
    running(sender, lambda: edge.expected("s") == 3100)
    assert renewed.is_set()
    assert (sent(edge, "s") == codes).all()


def test_an_answer_that_is_none_is_no_acknowledgement(edge: Edge) -> None:
    edge.client = httpx.Client(
        transport=httpx.MockTransport(lambda _: httpx.Response(200, content=b"<html>")), base_url="http://edge"
    )
    buffer = FrameBuffer(seconds=3600)
    fill(buffer, "s", 310)
    with pytest.raises(DeliveryError, match="no acknowledgement"):
        ChunkSender(edge.client, buffer).step()
    assert buffer.streams()[0].first == 0
