"""The page as a night nurse uses it, in a real browser, by keyboard."""

import re
from datetime import UTC, datetime, timedelta

import pytest

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def expect():
    """Wait for what a page should come to; ``wait_for_function`` evaluates text, which the page forbids."""
    return pytest.importorskip("playwright.sync_api", reason="needs playwright, of the extra `dev`").expect


@pytest.fixture
def open_page(browser):
    """Open a service's page; what the browser complains about fails the test."""
    pages, complaints = [], []

    def opened(client, **options):
        page = browser.new_page(**options)
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(str(client.base_url))
        pages.append(page)
        return page

    opened.complaints = complaints
    yield opened
    for page in pages:
        page.close()
    assert [one for one in complaints if "ERR_CONNECTION_REFUSED" not in one and "net::" not in one] == []


def headline(page):
    return page.locator("#state h1")


def wait_for_text(locator, text):
    locator.filter(has_text=text).first.wait_for()


def test_an_alert_arrives_live_and_is_answered_by_keyboard(serve, open_page, episode_of):
    client = serve()
    client.send_heartbeat("room-12")
    page = open_page(client)
    wait_for_text(headline(page), "All quiet")
    client.send_events(episode_of("negative"))
    wait_for_text(headline(page), "1 alert needs you")
    assert page.title().startswith("(1) 1 alert needs you")
    card = page.locator("article.case")
    wait_for_text(card, "scream 0.93 over threshold 0.70")
    assert "until it escalates" in card.inner_text()
    assert page.locator("#feed tbody tr").count() == 1
    for _ in range(30):  # by keyboard alone, from the top of the page
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "acknowledge-1":
            break
    page.keyboard.press("Enter")
    wait_for_text(card, "In hand: operator")
    wait_for_text(headline(page), "No new alert, 1 incident is in hand")
    assert client.incidents()[0]["state"] == "acknowledged"
    assert page.evaluate("document.activeElement.id") == "incident-1"  # not thrown back to the top
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "resolve-1"
    page.keyboard.press("Enter")
    wait_for_text(headline(page), "All quiet")
    wait_for_text(page.locator("#handled"), "resolved")


def test_a_review_counts_down_and_becomes_an_alert(serve, open_page, episode_of, expect):
    client = serve(review_seconds=8.0)
    page = open_page(client)
    client.send_events(episode_of(None))
    left = page.locator("article.case time[data-left]")
    left.wait_for()
    first = left.inner_text()
    assert re.fullmatch(r"0:0\d", first)
    left.filter(has_not_text=first).wait_for()
    wait_for_text(headline(page), "1 alert needs you")
    page.locator("details summary", has_text="What was done").click()
    wait_for_text(page.locator(".history"), "nobody reviewed it within 8 s")


def test_a_test_alarm_rings_marked_as_a_test(serve, open_page):
    page = open_page(serve())
    page.locator("#test-alarm").click()
    wait_for_text(headline(page), "A test alarm rings")
    wait_for_text(page.locator("article.case"), "This is a test. A real one would call health care.")
    assert page.locator("article.case .mark-test").is_visible()
    assert page.locator("#icon").get_attribute("href") == "/static/alert.svg"


def test_a_device_is_muted_visibly_and_unmuted(serve, open_page, episode_of):
    client = serve()
    client.send_heartbeat("room-12")
    page = open_page(client)
    page.locator("#minutes-room-12").select_option("60")
    page.locator("#mute-room-12").press("Enter")
    device = page.locator("#device-device-room-12")
    wait_for_text(device, "by operator")
    (shown,) = client.get("/v1/devices").json()["devices"]
    left = datetime.fromisoformat(shown["mute"]["until"]) - datetime.now(UTC)
    assert timedelta(minutes=58) < left <= timedelta(minutes=60)
    client.send_events(episode_of("negative"))
    wait_for_text(page.locator("#feed"), "muted")
    assert "All quiet" in headline(page).inner_text()
    page.locator("#unmute-room-12").click()
    page.locator("#mute-room-12").wait_for()


def test_what_a_person_opened_and_chose_survives_news(serve, open_page, episode_of, expect):
    client = serve()
    client.send_heartbeat("room-12")
    client.send_events(episode_of("positive"))
    page = open_page(client)
    page.locator("#feed details summary").first.click()
    page.locator("#minutes-room-12").select_option("15")
    page.locator("#mute-room-12").focus()
    client.send_events(episode_of("positive", episode="e2"))
    rows = page.locator("#feed tbody tr")  # waited for by locator: a script to poll is what the page's policy forbids
    rows.nth(1).wait_for()
    assert rows.count() == 2
    assert page.locator("#why-e1").get_attribute("open") is not None
    assert page.locator("#minutes-room-12").input_value() == "15"
    assert page.evaluate("document.activeElement.id") == "mute-room-12"


def test_a_page_that_lost_the_service_says_so_and_comes_back(serve_at, open_page, episode_of):
    with serve_at(0) as client:
        client.send_heartbeat("room-12")
        page = open_page(client)
        wait_for_text(headline(page), "All quiet")
        page.locator("#lost").wait_for(state="hidden")
        port = client.base_url.port
    page.locator("#lost").wait_for(state="visible")
    assert not headline(page).is_visible()  # a dead page must not look quiet
    assert page.locator(".unknown").is_visible()
    assert page.title().startswith("Connection lost")
    with serve_at(port) as client:
        client.send_events(episode_of("negative"))
        page.locator("#lost").wait_for(state="hidden")
        wait_for_text(headline(page), "1 alert needs you")


def test_the_alarm_sounds_only_once_a_person_asked_for_it(serve, open_page):
    page = open_page(serve())
    sound = page.locator("#sound")
    assert sound.get_attribute("aria-pressed") == "false"
    sound.click()
    wait_for_text(sound, "Alarm sound: on")
    page.reload()
    wait_for_text(page.locator("#sound"), "click to allow")  # a browser stays silent before a click: the page says so


def test_text_can_be_read_against_what_it_is_on(serve, open_page, episode_of):
    client = serve()
    client.send_heartbeat("room-12")
    client.send_heartbeat("hall", hearing=False)
    client.send_events(
        episode_of("negative"),
        episode_of(None, episode="e2"),
        episode_of("positive", episode="e3", origin="synthesised"),
    )
    client.post("/v1/test-alarm")
    for scheme in ("dark", "light"):
        page = open_page(client, color_scheme=scheme)
        poor = page.evaluate(CONTRAST)
        assert poor == [], scheme


# WCAG 2.2, 1.4.3: text needs 4.5 to 1, large text (24 px, or 18.66 px and bold) 3 to 1
CONTRAST = """() => {
  const parse = (text) => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255, 255];
  };
  const poor = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.nodeValue.trim());
    if (!own || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(parse(style.color)), light(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) poor.push(`${element.textContent.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return poor;
}"""
