"""The edge's interface: who is let in, what is bounded, what is refused and in which shape."""

import asyncio
import hashlib
import zlib
from datetime import UTC, datetime

import httpx
import msgspec
import numpy as np
import pytest

from exclaim.edge.access import Access, RateLimit
from exclaim.edge.answers import Refusal
from exclaim.edge.app import create_app
from exclaim.forward import as_event
from exclaim.wire import CHUNK_TYPE, EVENTS_TYPE, Chunk, Event, Heartbeat, StreamInfo

from .conftest import Edge, chunk, info, sound

CODES = sound(400)
EVENTS = {"content-type": EVENTS_TYPE}


def error(response: httpx.Response) -> tuple[int, str]:
    """Return status and code of a refusal, which has the one shape."""
    body = response.json()
    assert set(body["error"]) == {"code", "message"}
    assert body["error"]["message"]
    return response.status_code, body["error"]["code"]


def some_events(edge: Edge, device: str = "kitchen") -> list[Event]:
    """Return events as a device that infers itself makes them."""
    from exclaim.listen import Listener

    listener = Listener(edge.analysis, info(device=device))
    codes = sound(1000)
    _, revisions = listener.push(codes, np.zeros(len(codes), bool))
    return [as_event(episode) for episode in (*revisions, *listener.finish()[1])]


def post_events(edge: Edge, events: list[Event]) -> httpx.Response:
    return edge.client.post("/v1/events", content=msgspec.json.encode(events), headers=EVENTS)


# chunks


def test_a_chunk_is_answered_with_how_far_the_edge_has_come(edge: Edge) -> None:
    ack = edge.send(chunk(CODES, 0, 300)).json()
    assert (ack["committed"], ack["keep_from"], ack["expected"]) == (279, 92, 300)
    assert {episode["state"] for episode in ack["episodes"]} == {"open"}
    assert [result.end_frame for result in edge.store.results("s1")] == list(range(31, 280, 31))


def test_missing_frames_are_asked_for(edge: Edge) -> None:
    edge.send(chunk(CODES, 0, 100))
    response = edge.send(chunk(CODES, 120, 200))
    assert error(response) == (409, "frames-missing")
    assert response.json()["ack"]["expected"] == 100


def test_overlap_and_repetition_change_nothing(edge: Edge) -> None:
    first = edge.send(chunk(CODES, 0, 300)).json()
    before = (edge.store.results("s1"), edge.events())
    assert edge.send(chunk(CODES, 0, 300)).json() == {**first, "episodes": []}
    assert edge.send(chunk(CODES, 50, 120)).json()["expected"] == 300
    assert (edge.store.results("s1"), edge.events()) == before
    assert edge.send(chunk(CODES, 250, 400)).json()["expected"] == 400


def test_an_edge_that_restarted_asks_for_three_seconds_again_and_infers_nothing_twice(edge: Edge) -> None:
    edge.send(chunk(CODES, 0, 300))
    before = edge.store.results("s1")
    edge.down()
    edge.up()
    response = edge.send(chunk(CODES, 300, 400))
    assert response.status_code == 409
    assert response.json()["ack"]["expected"] == response.json()["ack"]["keep_from"] == 279 - 187
    assert edge.send(chunk(CODES, 92, 400)).json()["committed"] == 372
    assert edge.store.results("s1")[: len(before)] == before  # a second insertion would have failed


def test_a_final_chunk_closes_and_may_come_again_after_a_restart(edge: Edge) -> None:
    edge.send(chunk(CODES, 0, 290))
    final = chunk(CODES, 290, 290, final=True)
    ack = edge.send(final).json()
    assert [episode["state"] for episode in ack["episodes"]] == ["closed"]
    assert ack["committed"] == 310  # the window under way is completed with floor
    edge.down()
    edge.up()
    again = edge.send(final)
    assert again.status_code == 200
    assert again.json()["expected"] >= 290
    assert again.json()["episodes"] == []


def test_frames_are_not_on_disk(edge: Edge) -> None:
    marked = CODES.copy()
    marked[5] = np.frombuffer(b"exclaim!" * 16, np.uint8)
    edge.send(chunk(marked, 0, 300))
    edge.down()
    for path in edge.path.parent.iterdir():
        assert b"exclaim!exclaim!" not in path.read_bytes()


def test_a_stream_belongs_to_the_device_that_began_it(edge: Edge) -> None:
    edge.send(chunk(CODES, 0, 100))
    other = chunk(CODES, 100, 200, info=info(device="cellar"))
    assert error(edge.send(other)) == (403, "other-stream")


def test_a_full_disk_is_said_and_the_stream_stays_where_it_was(edge: Edge) -> None:
    edge.down()
    edge.max_bytes = 60_000
    edge.up()
    codes = sound(40_000)
    for first in range(0, len(codes), 1250):
        response = edge.send(chunk(codes, first, first + 1250))
        if response.status_code != 200:
            break
    assert error(response) == (507, "store-failed")
    results = edge.store.results("s1")
    edge.down()
    edge.max_bytes = 2**30
    edge.up()
    start = max(0, results[-1].end_frame - 187)
    assert edge.send(chunk(codes, start, first + 1250)).status_code == 200
    assert edge.store.results("s1")[: len(results)] == results


# events and heartbeats


def test_a_devices_events_are_kept_once(edge: Edge) -> None:
    events = some_events(edge)
    assert post_events(edge, events).json()["accepted"] == [event.id for event in events]
    assert post_events(edge, events).json()["accepted"] == [event.id for event in events]
    assert sorted(edge.events()) == sorted(event.id for event in events)


@pytest.mark.parametrize(
    "change", [{"id": "other.1"}, {"source": "/devices/cellar"}, {"time": datetime(2026, 1, 1)}], ids=str
)
def test_an_event_that_disagrees_with_itself_is_refused_with_all_that_came_along(edge: Edge, change: dict) -> None:
    events = some_events(edge)
    assert error(post_events(edge, [*events, msgspec.structs.replace(events[0], **change)])) == (400, "malformed")
    assert edge.events() == []


def test_a_heartbeat_is_taken_and_the_edge_does_not_let_a_device_speak_for_it(edge: Edge) -> None:
    beat = Heartbeat(device="kitchen", layer="device", time=datetime.now(UTC))
    headers = {"content-type": "application/json"}
    assert edge.client.post("/v1/heartbeats", content=msgspec.json.encode(beat), headers=headers).status_code == 204
    forged = msgspec.json.encode(msgspec.structs.replace(beat, layer="edge"))
    assert error(edge.client.post("/v1/heartbeats", content=forged, headers=headers)) == (400, "malformed")


def test_health_says_what_runs(edge: Edge) -> None:
    health = edge.client.get("/health").json()
    assert health["status"] == "ok"
    assert [model["name"] for model in health["models"]] == ["tiny"]
    assert health["events_waiting"] == 0


def test_health_tells_others_no_more_than_that_it_runs(edge: Edge) -> None:
    elsewhere = httpx.ASGITransport(create_app(edge.options, edge.service), client=("192.0.2.7", 5000))

    async def ask() -> object:
        async with httpx.AsyncClient(transport=elsewhere, base_url=edge.url) as client:
            return (await client.get("/health")).json()

    assert asyncio.run(ask()) == {"status": "ok"}


# bounds


@pytest.mark.parametrize(
    "body",
    [b"", b"\xc1", b"{}", b"\x80" * 99, msgspec.msgpack.encode({"version": 2}), b"\x91" * 100_000],
    ids=["empty", "invalid", "json", "maps", "version", "nested"],
)
def test_what_is_no_chunk_is_refused_in_a_sentence(edge: Edge, body: bytes) -> None:
    response = edge.client.post("/v1/chunks", content=body, headers={"content-type": CHUNK_TYPE})
    assert error(response) == (400, "malformed")


def test_a_body_that_is_too_large_is_refused_whatever_it_claims(edge: Edge) -> None:
    edge.down()
    edge.up(max_body_bytes=2048)
    headers = {"content-type": CHUNK_TYPE}
    assert error(edge.client.post("/v1/chunks", content=bytes(2049), headers=headers)) == (413, "too-large")
    untold = edge.client.post("/v1/chunks", content=iter([bytes(1500), bytes(1500)]), headers=headers)
    assert error(untold) == (413, "too-large")


def test_a_chunk_that_unpacks_to_more_than_it_says_is_refused(edge: Edge) -> None:
    bomb = Chunk(info=info(), first=0, last=9, encoding="zlib", frames=zlib.compress(bytes(10_000_000)))
    assert error(edge.send(bomb)) == (400, "malformed")


def test_another_content_type_is_refused(edge: Edge) -> None:
    assert error(edge.client.post("/v1/chunks", content=b"x")) == (415, "unsupported-media-type")


def test_a_stream_without_a_time_zone_is_refused(edge: Edge) -> None:
    naive = StreamInfo(stream="s", device="kitchen", started=datetime(2026, 1, 1))
    assert error(edge.send(chunk(CODES, 0, 50, info=naive))) == (400, "malformed")


def test_a_device_that_sends_too_often_is_held_back_alone(edge: Edge) -> None:
    edge.down()
    edge.up(max_requests_per_second=1.0)
    codes = [edge.send(chunk(CODES, 0, 31)).status_code for _ in range(4)]
    assert codes == [200, 200, 429, 429]
    assert edge.send(chunk(CODES, 0, 31, info=info("s2", "cellar"))).status_code == 200


@pytest.mark.parametrize(("method", "path", "wanted"), [("GET", "/nothing", 404), ("PUT", "/v1/chunks", 405)])
def test_unknown_paths_and_methods_have_the_one_shape(edge: Edge, method: str, path: str, wanted: int) -> None:
    assert error(edge.client.request(method, path))[0] == wanted


# access


def test_with_credentials_everybody_needs_one(edge: Edge) -> None:
    edge.down()
    digest = hashlib.sha256(b"secret").hexdigest()
    edge.up(devices={"kitchen": digest, "cellar": hashlib.sha256(b"other").hexdigest()})
    message = chunk(CODES, 0, 31)
    assert error(edge.send(message)) == (401, "unauthorised")
    assert error(edge.send(message, authorization="Bearer wrong")) == (401, "unauthorised")
    assert error(edge.send(message, authorization="Basic secret")) == (401, "unauthorised")
    assert error(edge.send(message, authorization="Bearer other")) == (403, "forbidden")
    assert edge.send(message, authorization="Bearer secret").status_code == 200
    assert error(edge.client.get("/openapi.json"))[0] == 404


@pytest.mark.parametrize("host", ["192.0.2.7", "10.0.0.1", None])
def test_without_credentials_only_this_machine_is_let_in(host: str | None) -> None:
    access = Access({}, RateLimit(50))
    assert access.admit(None, "127.0.0.1") is None
    with pytest.raises(Refusal, match="only loopback"):
        access.admit(None, host)


def test_a_rate_limit_lets_in_again_what_waited() -> None:
    now = [0.0]
    limit = RateLimit(2.0, clock=lambda: now[0])
    for _ in range(4):
        limit.take("kitchen")
    with pytest.raises(Refusal, match="more than 2 requests"):
        limit.take("kitchen")
    now[0] = 0.5
    limit.take("kitchen")


def test_a_sender_that_goes_away_amid_its_body_is_no_error_of_the_edge(edge: Edge) -> None:
    """Killed, a device leaves half a body; the log stays free of it, and nothing is kept."""
    app, answered = create_app(edge.options, edge.service), []
    told = [{"type": "http.request", "body": b"half a", "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> dict:
        return told.pop(0)

    async def send(message: dict) -> None:
        answered.append(message)

    headers = [(b"content-type", EVENTS_TYPE.encode()), (b"content-length", b"4000")]
    scope = {"type": "http", "method": "POST", "path": "/v1/events", "query_string": b"", "headers": headers}
    asyncio.run(app(scope | {"client": ("127.0.0.1", 5000), "root_path": "", "http_version": "1.1"}, receive, send))
    assert answered[0]["status"] == 400
    assert edge.events() == []
