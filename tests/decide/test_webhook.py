import base64
import hashlib
import hmac
import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from exclaim.config import WebhookOptions
from exclaim.decide.intake import take_episode
from exclaim.decide.paging import GIVE_UP_AFTER, backoff_seconds, delivered, due, failed, trouble
from exclaim.decide.webhook import check_webhook, signed_headers
from exclaim.errors import ConfigError

NOW = datetime(2025, 3, 1, 1, 0, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_signature_is_that_of_standard_webhooks():
    # the example of the specification's reference libraries (standard-webhooks, test vectors)
    key = check_webhook(WebhookOptions(url="https://example.org", secret=SECRET))
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = signed_headers(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}')
    assert headers["webhook-timestamp"] == "1614265330"
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("url", "secret", "message"),
    [
        ("http://example.org/hook", SECRET, "should be https"),
        ("ftp://127.0.0.1/hook", SECRET, "should be https"),
        ("https://", SECRET, "should be https"),
        ("https://[bad", SECRET, "url"),
        ("https://example.org", "plain", "does not begin so"),
        ("https://example.org", "whsec_AAAA", "holds 3 bytes"),
        ("https://example.org", "whsec_*not base64*", "secret should be"),
    ],
)
def test_a_webhook_that_cannot_be_is_a_sentence(url, secret, message):
    with pytest.raises(ConfigError, match=message):
        check_webhook(WebhookOptions(url=url, secret=secret))


def test_pauses_double_to_five_minutes():
    assert [backoff_seconds(n, 0) for n in (0, 1, 2, 8, 9, 100)] == [1, 2, 4, 256, 300, 300]
    assert backoff_seconds(0, 1) == 1.25


def test_alerts_overtake_tests_and_failures_wait(store, episode_of, config_of):
    config = config_of(webhook=WebhookOptions(url="https://example.org", secret=SECRET))
    with store.write() as connection:
        for name, origin in (("test", "test"), ("real", "microphone")):
            take_episode(
                connection, episode_of(episode=name, onset=NOW, origin=origin), now=NOW, source="edge", config=config
            )
        first = due(connection, NOW)
        assert json.loads(first.body)["data"]["test"] is False
        failed(connection, first, NOW, "refused", 0.0)
        assert trouble(connection, NOW) == (1, "refused")
        second = due(connection, NOW)
        assert json.loads(second.body)["data"]["test"] is True
        delivered(connection, second, NOW)
        assert due(connection, NOW) is None
        again = due(connection, NOW + timedelta(seconds=1))
        assert (again.id, again.attempts) == (first.id, 1)
        failed(connection, again, NOW + GIVE_UP_AFTER, "refused", 0.0)
        assert due(connection, NOW + timedelta(days=30)) is None  # a day later it is given up, and said
        assert trouble(connection, NOW + GIVE_UP_AFTER) == (1, "refused")


class Receiver:
    """A real receiver on loopback, which refuses the first attempts."""

    def __init__(self, refusals):
        self.seen = []
        self.done = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.seen.append((dict(self.headers), body))
                taken = len(receiver.seen) > refusals
                self.send_response(204 if taken else 503)
                self.end_headers()
                if taken:
                    receiver.done.set()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def receiver():
    receiver = Receiver(refusals=1)
    yield receiver
    receiver.close()


def test_an_alert_is_sent_signed_and_sent_again_when_refused(serve, receiver, episode_of):
    client = serve(webhook=WebhookOptions(url=receiver.url, secret=SECRET))
    client.send_events(episode_of("positive", episode="e0"), episode_of("negative"))
    assert receiver.done.wait(60)
    (first, body), (second, again) = receiver.seen  # nothing for what is only recorded
    assert body == again
    assert first["webhook-id"] == second["webhook-id"]
    signed = ".".join((second["webhook-id"], second["webhook-timestamp"], again.decode())).encode()
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert second["webhook-signature"] == f"v1,{expected}"
    content = json.loads(again)
    assert content["type"] == "exclaim.incident.alert"
    assert (content["data"]["device"], content["data"]["call"], content["data"]["test"]) == (
        "room-12",
        "health care",
        False,
    )
    assert secrets_are_not_in(content)


def secrets_are_not_in(content):
    return SECRET not in json.dumps(content)


def test_a_notifier_that_does_not_get_through_is_said_on_the_page(serve, episode_of):
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as closed:
        url = f"http://127.0.0.1:{closed.server_address[1]}/"
    client = serve(webhook=WebhookOptions(url=url, secret=SECRET))
    client.send_events(episode_of("negative"))
    with client.stream("GET", "/v1/live", params={"after": 0}) as stream:
        for line in stream.iter_lines():
            if line.startswith("data: ") and '"last_error":"webhook' in line:
                break
    page = client.get("/").text
    assert "The notifier does not get through" in page
    assert "not delivered yet" in page
