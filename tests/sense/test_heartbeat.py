"""A device says that it lives, and whether it hears anything."""

from datetime import UTC, datetime

import httpx
import msgspec
import numpy as np
import pytest

from exclaim.errors import StoreError
from exclaim.features import encode
from exclaim.sense.heartbeat import Meter, Pulse
from exclaim.wire import Heartbeat


def frames(db: float) -> np.ndarray:
    return encode(np.full((6, 128), db))


def test_the_loudest_frame_since_the_last_heartbeat_is_told() -> None:
    meter = Meter()
    meter.add(frames(-60))
    meter.add(frames(-12.5))
    meter.add(frames(-70))
    assert meter.take() == (True, -12.5)
    meter.add(frames(-70))
    assert meter.take() == (True, -70.0)


def test_a_microphone_that_gives_nothing_or_digital_silence_is_dead() -> None:
    meter = Meter()
    assert meter.take() == (False, None)
    meter.add(np.empty((0, 128), np.uint8))
    assert meter.take() == (False, None)
    meter.add(frames(-80))
    assert meter.take() == (False, -80.0)
    meter.add(frames(-79.5))
    assert meter.take() == (True, -79.5)


def beat(at: datetime, hearing: bool, level_db: float | None) -> Heartbeat:
    return Heartbeat(device="kitchen", layer="device", time=at, hearing=hearing, level_db=level_db)


def test_a_heartbeat_arrives_as_the_wire_has_it() -> None:
    heard = []

    def answer(request: httpx.Request) -> httpx.Response:
        heard.append((request.url.path, msgspec.json.decode(request.content, type=Heartbeat)))
        return httpx.Response(204)

    meter = Meter()
    meter.add(frames(-20))
    with httpx.Client(transport=httpx.MockTransport(answer), base_url="http://edge") as client:
        assert Pulse(client, meter, beat, seconds=10).step()
    (path, message) = heard[0]
    assert path == "/v1/heartbeats"
    assert (message.hearing, message.level_db) == (True, -20.0)
    assert abs((message.time - datetime.now(UTC)).total_seconds()) < 60


@pytest.mark.parametrize("failure", [httpx.ConnectError("nobody"), StoreError("the disk failed"), None])
def test_one_that_does_not_arrive_disturbs_nothing(failure: Exception | None) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if isinstance(failure, httpx.HTTPError):
            raise failure
        return httpx.Response(503)

    def failing(*arguments: object) -> Heartbeat:
        if isinstance(failure, StoreError):
            raise failure
        return beat(*arguments)

    with httpx.Client(transport=httpx.MockTransport(answer), base_url="http://edge") as client:
        assert not Pulse(client, Meter(), failing, seconds=10).step()


def test_a_device_that_is_not_let_in_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    refusal = httpx.Response(401, json={"error": {"code": "unauthorised", "message": "the token is no device's"}})
    with httpx.Client(transport=httpx.MockTransport(lambda _: refusal), base_url="http://edge") as client:
        pulse = Pulse(client, Meter(), beat, seconds=10)
        assert not pulse.step()
        assert not pulse.step()
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        "the edge refuses this device's heartbeats: 401 unauthorised: the token is no device's"
    ]
