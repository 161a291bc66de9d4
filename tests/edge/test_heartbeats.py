"""Heartbeats are passed on: the newest of each device, and the edge's own."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec
import pytest

from exclaim.config import EdgeOptions
from exclaim.edge.heartbeats import HeartbeatRelay
from exclaim.outbox import Outbox, open_outbox
from exclaim.wire import Heartbeat

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Cloud:
    """Takes heartbeats, or answers as it is told."""

    def __init__(self) -> None:
        self.status = 204
        self.heard: list[Heartbeat] = []
        self.some = threading.Event()
        self.client = httpx.Client(transport=httpx.MockTransport(self.answer), base_url="http://cloud")

    def answer(self, request: httpx.Request) -> httpx.Response:
        if self.status == 0:
            raise httpx.ConnectError("nobody there")
        if self.status == 204:
            self.heard.append(msgspec.json.decode(request.content, type=Heartbeat))
            self.some.set()
        return httpx.Response(self.status)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    cloud = Cloud()
    yield cloud
    cloud.client.close()


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    outbox = open_outbox(tmp_path / "outbox.sqlite")
    yield outbox
    outbox.database.close()


def beat(device: str, seconds: int = 0, **fields: object) -> Heartbeat:
    return Heartbeat(device=device, layer="device", time=NOW + timedelta(seconds=seconds), **fields)


def test_only_the_newest_of_each_device_is_passed_on_as_it_came(cloud: Cloud, outbox: Outbox) -> None:
    relay = HeartbeatRelay(EdgeOptions(), cloud.client, outbox)
    relay.hear(beat("kitchen"))
    relay.hear(beat("cellar", 1, hearing=False, level_db=-80.0, backlog=7))
    relay.hear(beat("kitchen", 2))
    assert relay.step() == 2
    assert cloud.heard == [beat("cellar", 1, hearing=False, level_db=-80.0, backlog=7), beat("kitchen", 2)]
    assert relay.step() == 0


@pytest.mark.parametrize("status", [0, 500, 503])
def test_what_did_not_arrive_waits_unless_a_newer_one_comes(cloud: Cloud, outbox: Outbox, status: int) -> None:
    relay = HeartbeatRelay(EdgeOptions(), cloud.client, outbox)
    cloud.status = status
    relay.hear(beat("kitchen"))
    assert relay.step() == 0
    cloud.status = 204
    relay.hear(beat("kitchen", 9))
    assert relay.step() == 1
    assert cloud.heard == [beat("kitchen", 9)]


def test_one_that_is_refused_holds_no_other_up(cloud: Cloud, outbox: Outbox) -> None:
    relay = HeartbeatRelay(EdgeOptions(), cloud.client, outbox)
    cloud.status = 400
    relay.hear(beat("kitchen"))
    relay.step()
    cloud.status = 204
    relay.hear(beat("cellar"))
    relay.step()
    assert cloud.heard == [beat("cellar")]


def test_the_edge_says_itself_that_it_lives_and_how_much_waits(cloud: Cloud, outbox: Outbox) -> None:
    outbox.put("a", b"1")
    relay = HeartbeatRelay(EdgeOptions(name="kitchen"), cloud.client, outbox, clock=NOW.timestamp)
    relay.hear(beat("kitchen"))  # a device of the same name is another one
    stop = threading.Event()
    thread = threading.Thread(target=relay.run, args=(stop,))
    thread.start()
    assert cloud.some.wait(30)
    stop.set()
    thread.join()
    own = Heartbeat(device="kitchen", layer="edge", time=NOW, backlog=1)
    assert sorted(cloud.heard, key=lambda beat: beat.layer) == [beat("kitchen"), own]
