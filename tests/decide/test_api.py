import json
import socket
import threading
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest

from exclaim.decide.server import run_decide
from exclaim.errors import ConfigError, StoreError
from exclaim.wire import EVENTS_TYPE


@pytest.fixture
def client(serve):
    return serve()


@pytest.fixture(scope="module")
def refusing(serve_once):
    """A service that only refuses."""
    return serve_once(max_body_bytes=200_000)


def error_of(response):
    """The one shape of an error, and nothing beside it."""
    content = response.json()
    assert set(content) == {"error"}
    assert set(content["error"]) == {"code", "message"}
    assert response.headers["content-type"] == "application/json"
    return response.status_code, content["error"]["code"]


def test_an_event_becomes_an_alert_that_a_person_answers(client, episode_of):
    ack = client.send_events(episode_of("negative"), episode_of("positive", episode="e2"))
    assert (ack.status_code, ack.json()) == (200, {"version": 1, "accepted": ["e1.1", "e2.1"]})
    decisions = client.get("/v1/decisions").json()["decisions"]
    assert {one["episode"]: one["decision"] for one in decisions} == {"e1": "alert", "e2": "record"}
    (case,) = client.incidents()
    assert case["decision"]["reasons"] == [
        "scream 0.93 over threshold 0.70",
        "negative 0.81",
        "profile care → health care",
    ]
    answered = client.post(f"/v1/incidents/{case['id']}/acknowledge").json()
    assert (answered["state"], answered["history"][-1]["by"]) == ("acknowledged", "operator")
    client.post(f"/v1/incidents/{case['id']}/dismiss")
    assert client.incidents() == []
    (resolved,) = client.incidents("resolved")
    assert client.get(f"/v1/incidents/{case['id']}").json() == resolved
    assert error_of(client.post(f"/v1/incidents/{case['id']}/acknowledge")) == (409, "not_allowed_now")


def test_events_that_came_before_are_accepted_again(client, episode_of):
    episode = episode_of("negative")
    first = client.send_events(episode).json()
    assert client.send_events(episode, episode).json()["accepted"] == first["accepted"] * 2
    assert len(client.incidents()) == 1


def test_a_review_alerts_by_itself(serve, episode_of):
    client = serve(review_seconds=0.2, escalate_seconds=0.2)
    client.send_events(episode_of(None))
    with client.stream("GET", "/v1/live", params={"after": 0}) as stream:
        for kind, data in events(stream):
            if kind == "incident" and data["state"] == "escalated":
                break
    (case,) = client.incidents()
    assert [step["after"] for step in case["history"]] == ["review open", "alert open", "alert escalated"]


def test_devices_are_listed_and_muted_for_a_while(client, episode_of):
    assert client.send_heartbeat("hall", level_db=-20.0).json() == {"accepted": 1}
    assert client.send_heartbeat("edge", layer="edge").status_code == 200
    devices = client.get("/v1/devices").json()["devices"]
    assert [(one["name"], one["layer"], one["state"]) for one in devices] == [
        ("hall", "device", "alive"),
        ("edge", "edge", "alive"),
    ]
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert client.post("/v1/devices/hall/mute", json={"until": until}).json()["by"] == "operator"
    client.send_events(episode_of("negative", device="hall"))
    assert client.incidents() == []
    assert client.get("/v1/decisions").json()["decisions"][0]["muted"] is True
    assert client.post("/v1/devices/hall/unmute").json() == {"mute": None}
    assert client.get("/v1/devices").json()["devices"][0]["mute"] is None
    assert error_of(client.post("/v1/devices/attic/mute", json={"until": until})) == (404, "not_found")
    assert error_of(client.post("/v1/devices/hall/mute", json={"until": "soon"})) == (400, "malformed")


def test_a_test_alarm_goes_the_whole_way_marked_as_a_test(client):
    answer = client.post("/v1/test-alarm")
    assert (answer.status_code, answer.json()["test"], answer.json()["decision"]) == (201, True, "alert")
    (case,) = client.incidents()
    assert case["decision"]["origin"] == "test"


def events(stream):
    """Server-sent events as (kind, data); numbered ones are checked to count up."""
    kind, data, seen = None, None, 0
    for line in stream.iter_lines():
        name, _, value = line.partition(": ")
        if name == "event":
            kind = value
        elif name == "data":
            data = json.loads(value)
        elif name == "id":
            assert int(value) > seen
            seen = int(value)
        elif not line:
            yield kind, data


def test_the_live_feed_resumes_where_it_was_left(client, episode_of):
    client.send_events(episode_of("negative"))
    client.send_events(episode_of("positive", episode="e2"))
    seen = []
    with client.stream("GET", "/v1/live", headers={"last-event-id": "0"}) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            if line.startswith("id: "):
                seen.append(int(line[4:]))
            if line.startswith("event: ping"):
                break
    assert len(seen) == 3  # an incident and two decisions
    with client.stream("GET", "/v1/live", headers={"last-event-id": str(seen[-2])}) as stream:
        kinds = events(stream)
        assert next(kinds)[1]["episode"] == "e2"
        assert next(kinds)[0] == "ping"


def test_the_live_feed_starts_from_now_and_tells_what_comes(client, episode_of):
    client.send_events(episode_of("negative"))
    with client.stream("GET", "/v1/live") as stream:
        coming = events(stream)
        kind, ping = next(coming)
        assert (kind, ping["trouble"]) == ("ping", None)
        client.send_heartbeat("hall")
        kinds = {}
        client.send_events(episode_of("positive", episode="e2"))
        while {"heartbeat", "decision"} - kinds.keys():
            kind, data = next(coming)
            kinds[kind] = data
    assert kinds["heartbeat"]["device"] == "hall"
    assert kinds["decision"]["episode"] == "e2"


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (b"", {}, (400, "malformed")),
        (b"[{}]", {}, (400, "malformed")),
        (b"[" * 100_000, {}, (400, "malformed")),
        (b"\xff\xfe", {}, (400, "malformed")),
        (b"[]", {"content-type": "application/json"}, (415, "wrong_type")),
        (b" " * 200_001, {}, (413, "too_large")),
    ],
)
def test_bad_events_are_refused_in_the_one_shape(refusing, body, headers, expected):
    response = refusing.post("/v1/events", content=body, headers={"content-type": EVENTS_TYPE, **headers})
    assert error_of(response) == expected


def test_a_body_without_a_length_is_bounded_too(refusing):
    parts = iter([b" " * 2**16] * 4)
    response = refusing.post("/v1/events", content=parts, headers={"content-type": EVENTS_TYPE})
    assert error_of(response) == (413, "too_large")


def test_one_bad_event_leaves_nothing_of_its_batch(refusing, episode_of, event_of):
    bad = msgspec.structs.replace(event_of(episode_of("negative", episode="e2")), source="/devices/other")
    body = msgspec.json.encode([event_of(episode_of("negative")), bad])
    response = refusing.post("/v1/events", content=body, headers={"content-type": EVENTS_TYPE})
    assert error_of(response) == (400, "malformed")
    assert refusing.get("/v1/decisions").json() == {"decisions": []}


def test_too_many_events_at_once_are_refused(serve, episode_of, event_of):
    client = serve(max_body_bytes=8 * 2**20)
    body = msgspec.json.encode([event_of(episode_of("positive"))] * 1001)
    response = client.post("/v1/events", content=body, headers={"content-type": EVENTS_TYPE})
    assert error_of(response) == (400, "malformed")


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/v1/nothing", (404, "not_found")),
        ("DELETE", "/v1/devices", (405, "method_not_allowed")),
        ("GET", "/v1/incidents?state=odd", (400, "malformed")),
        ("GET", "/v1/incidents/many", (400, "malformed")),
        ("GET", "/v1/incidents/99999999999999999999", (404, "not_found")),
        ("GET", "/v1/decisions?limit=100000", (400, "malformed")),
        ("GET", "/v1/decisions?before=2025-01-01T00:00:00", (400, "malformed")),
        ("POST", "/v1/incidents/7/acknowledge", (404, "not_found")),
        ("POST", "/v1/incidents/7/explode", (400, "malformed")),
        ("GET", "/static/../app.py", (404, "not_found")),
    ],
)
def test_every_error_has_the_one_shape(refusing, method, path, expected):
    assert error_of(refusing.request(method, path)) == expected


def test_health_answers(refusing):
    assert refusing.get("/health").json() == {"status": "ok"}


def test_a_port_in_use_is_a_sentence(config_of, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = config_of(tmp_path / "a.sqlite")
        port = taken.getsockname()[1]
        options = msgspec.structs.replace(config.decide, port=port)
        with pytest.raises(ConfigError, match=f"port {port} on 127.0.0.1 is in use"):
            run_decide(msgspec.structs.replace(config, decide=options))


def test_a_store_that_cannot_be_opened_ends_it_before_it_serves(config_of, tmp_path):
    with pytest.raises(StoreError, match="does not exist"):
        run_decide(config_of(tmp_path / "none" / "a.sqlite"), stop=threading.Event())


def test_a_stop_does_not_wait_for_open_pages(serve):
    client = serve()
    with client.stream("GET", "/v1/live") as stream:
        lines = stream.iter_lines()
        assert next(lines) == "event: ping"
        # the fixture stops the service after this; the stream then ends rather than holding it up
        threading.Thread(target=lambda: [None for _ in _until_closed(lines)]).start()


def _until_closed(lines):
    try:
        yield from lines
    except httpx.HTTPError:
        return
