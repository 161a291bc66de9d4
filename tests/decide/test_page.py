from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import msgspec
import pytest

from exclaim.wire import EVENTS_TYPE


class Outline(HTMLParser):
    """What of a page's structure matters: ids, forms, labels, scripts, and the text."""

    VOID = frozenset({"meta", "link", "input", "br", "img"})

    def __init__(self, html):
        super().__init__()
        self.ids, self.forms, self.scripts, self.open, self.inline = [], [], [], [], []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if "id" in values:
            self.ids.append(values["id"])
        if tag == "form":
            self.forms.append((values["method"], values["action"]))
        if tag == "script":
            self.scripts.append(values.get("src"))
        self.inline += [name for name in values if name.startswith("on") or name == "style"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def client(serve):
    return serve()


def test_the_page_works_without_scripts(client, episode_of):
    client.send_heartbeat("room-12")
    client.send_events(episode_of("negative"), episode_of(None, episode="e2"))
    page = Outline(client.get("/").text)
    assert page.open == []  # well-formed
    assert len(page.ids) == len(set(page.ids))
    assert page.scripts == ["/static/main.js"]
    assert page.inline == []  # the policy allows no inline script or style
    assert ("post", "/incidents/1/acknowledge") in page.forms
    assert ("post", "/incidents/2/dismiss") in page.forms
    assert ("post", "/devices/room-12/mute") in page.forms
    for text in ("1 alert needs you", "Why it rang", "scream 0.93 over threshold 0.70", "Call health care.",
                 "left to judge it, then it alerts", "Not a medical or safety device"):  # fmt: skip
        assert text in page.text
    done = client.post("/incidents/1/acknowledge", follow_redirects=True)
    assert "In hand: operator" in Outline(done.text).text
    assert client.post("/devices/room-12/mute", data={"minutes": "60"}).status_code == 303
    assert "until" in Outline(client.get("/").text).text.split("muted", 1)[1][:20]


def test_text_from_devices_is_escaped(client, episode_of, event_of):
    attack = '<img src=x onerror="alert(1)">'
    episode = episode_of(attack, episode=attack)
    client.send_events(episode)
    html = client.get("/").text
    assert attack not in html
    assert "&lt;img src=x" in html
    assert Outline(html).inline == []


def test_a_device_may_not_have_a_name_that_is_markup(client, episode_of, event_of):
    event = msgspec.json.encode([event_of(episode_of("negative"))]).replace(b"room-12", b"<b>room</b>")
    response = client.post("/v1/events", content=event, headers={"content-type": EVENTS_TYPE})
    assert response.status_code == 400


def test_what_was_not_live_is_marked_wherever_it_shows(client, episode_of):
    client.send_events(episode_of("negative", origin="synthesised", device="demo"))
    client.post("/test-alarm")
    html = client.get("/").text
    assert html.count('<span class="mark mark-made">synthesised</span>') == 3  # incident, feed, device
    assert html.count('<span class="mark mark-test">test</span>') == 2  # incident, feed
    assert "This is a test. A real one would call health care." in html


def test_times_are_the_sites_and_the_machine_readable_ones_utc(config_of, serve, episode_of, tmp_path):
    from exclaim.config import SiteOptions
    from exclaim.decide.page import Page

    config = msgspec.structs.replace(
        config_of(), site=SiteOptions(name="h", context="c", purpose="p", time_zone="Asia/Kolkata")
    )
    now = datetime(2025, 3, 1, 20, 0, tzinfo=UTC)
    page = Page(config)
    assert page.at(now, now) == "01:30:00"
    assert page.at(now - timedelta(hours=3), now) == "01 Mar 22:30"  # the day before, there


def test_a_mute_of_no_offered_length_is_refused(client):
    client.send_heartbeat("hall")
    for minutes in ("", "-1", "61", "9" * 400, "x"):
        assert client.post("/devices/hall/mute", data={"minutes": minutes}).status_code == 400


def test_a_clock_that_is_wrong_is_said(client):
    client.send_heartbeat("hall", time=datetime.now(UTC) - timedelta(hours=2, minutes=1))
    text = Outline(client.get("/").text).text
    assert "Its clock is 2 h behind: its sounds count as late and page nobody." in text
