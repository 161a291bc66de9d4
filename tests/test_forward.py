"""Events leave an outbox at least once, alerts first; what is refused holds nothing up."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import msgspec
import pytest

from exclaim.errors import DeliveryError
from exclaim.forward import EventForwarder, as_event, keep
from exclaim.outbox import Outbox, open_outbox
from exclaim.transport import Backoff
from exclaim.wire import Detection, Episode, Event, EventsAck, StreamInfo

STARTED = datetime(2026, 1, 1, tzinfo=UTC)


def episode(name: str, revision: int = 1, state: str = "open") -> Episode:
    return Episode(
        episode=name,
        revision=revision,
        state=state,
        info=StreamInfo(stream="s", device="kitchen", started=STARTED),
        onset_frame=0,
        last_frame=125,
        onset=STARTED,
        detection=Detection(task="scream-detection", probability=0.9, threshold=0.7),
        level_db=0.0,
    )


class Peer:
    """Takes events, as the edge and the decision service do."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.requests: list[list[str]] = []
        self.poison: set[str] = set()
        self.status: int | None = None
        self.body: bytes | None = None
        self.changed = threading.Condition()
        self.client = httpx.Client(transport=httpx.MockTransport(self.answer), base_url="http://peer")

    def answer(self, request: httpx.Request) -> httpx.Response:
        ids = [event.id for event in msgspec.json.decode(request.content, type=list[Event])]
        with self.changed:
            self.requests.append(ids)
            self.changed.notify_all()
            if self.status is not None:
                return httpx.Response(self.status, content=self.body or b"")
            if self.poison.intersection(ids):
                return httpx.Response(400, json={"error": {"code": "malformed", "message": "it has no onset"}})
            self.taken += ids
            self.changed.notify_all()
        return httpx.Response(200, content=msgspec.json.encode(EventsAck(accepted=tuple(ids))))


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.client.close()


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    outbox = open_outbox(tmp_path / "outbox.sqlite")
    yield outbox
    outbox.database.close()


def put(outbox: Outbox, *names: str) -> None:
    for name in names:
        keep(as_event(episode(name)), outbox)


def test_an_event_is_the_same_whoever_makes_it() -> None:
    event = as_event(episode("e", 3))
    assert (event.id, event.source, event.subject) == ("e.3", "/devices/kitchen", "s")
    assert event.time.isoformat() == "2026-01-01T00:00:02+00:00"


def test_what_was_taken_is_forgotten_and_alerts_go_first(outbox: Outbox, peer: Peer) -> None:
    keep(as_event(episode("old", 2, "closed")), outbox)
    put(outbox, "new")
    assert EventForwarder(outbox, peer.client, peer="the peer").step() == 2
    assert peer.taken == ["new.1", "old.2"]
    assert outbox.count() == 0


def test_what_is_refused_is_kept_and_holds_nothing_up(
    outbox: Outbox, peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    peer.poison = {"bad.1"}
    put(outbox, "a", "bad", "b")
    forwarder = EventForwarder(outbox, peer.client, peer="the peer")
    assert forwarder.step() == 2
    asked = len(peer.requests)
    assert forwarder.step() == 0
    assert len(peer.requests) == asked  # it is not asked again and again
    put(outbox, "c")
    assert forwarder.step() == 1
    assert peer.taken == ["a.1", "b.1", "c.1"]
    assert [record.message for record in caplog.records] == [
        "the peer refuses event bad.1, which is kept: 400 malformed: it has no onset"
    ]
    peer.poison = set()  # a newer version takes it, once this one was restarted
    assert EventForwarder(outbox, peer.client, peer="the peer").step() == 1
    assert outbox.count() == 0


@pytest.mark.parametrize(
    ("status", "body", "complaint"),
    [
        (503, b"", "refuses events, which are kept: status 503"),
        (507, b'{"error": {"code": "full", "message": "no room"}}', "kept: 507 full: no room"),
        (200, b"<html>", "answered no acknowledgement"),
        (200, b'{"accepted": ["other.1"]}', "acknowledged none of 1 events"),
    ],
)
def test_nothing_is_forgotten_without_an_acknowledgement(
    outbox: Outbox, peer: Peer, status: int, body: bytes, complaint: str
) -> None:
    peer.status, peer.body = status, body
    put(outbox, "a")
    with pytest.raises(DeliveryError, match=complaint):
        EventForwarder(outbox, peer.client, peer="the peer").step()
    assert outbox.count() == 1


def test_it_waits_for_a_peer_that_is_away_and_sends_what_comes_then(outbox: Outbox, peer: Peer) -> None:
    peer.status = 503
    put(outbox, "a")
    forwarder = EventForwarder(outbox, peer.client, peer="the peer", backoff=Backoff(first=0.01, most=0.02))
    stop = threading.Event()
    thread = threading.Thread(target=forwarder.run, args=(stop,))
    thread.start()
    with peer.changed:
        assert peer.changed.wait_for(lambda: len(peer.requests) > 2, 30)
        assert forwarder.reached is False
        peer.status = None
    put(outbox, "b")
    with peer.changed:
        assert peer.changed.wait_for(lambda: len(peer.taken) == 2, 30)
    stop.set()
    outbox.arrived.set()
    thread.join()
    assert sorted(peer.taken) == ["a.1", "b.1"]
    assert outbox.count() == 0
