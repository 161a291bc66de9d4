"""What a person does with the page, in a browser: listen, choose a file, be told what is wrong, be offline."""

import base64
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from exclaim.listen import Analysis, listen_file
from exclaim.model import load_model

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WAIT = 120_000  # ms; on a busy machine the runtime takes a while to compile
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
FAKE_MICROPHONE = [*FLAGS, "--use-fake-device-for-media-stream"]


@pytest.fixture
def page(browser: Any, site) -> Iterator[Any]:
    with browser.new_context(viewport={"width": 360, "height": 740}) as context:
        made = context.new_page()
        errors: list[str] = []
        made.on("pageerror", lambda error: errors.append(str(error)))
        made.goto(site.url)
        yield made
        assert errors == []


def launch(browser: Any, *flags: str) -> Any:
    """Start another browser beside the shared one, with flags of its own."""
    return browser.browser_type.launch(executable_path=CHROMIUM, args=list(flags))


def ready(page: Any) -> None:
    page.locator("#status", has_text="Ready.").wait_for(timeout=WAIT)


def hear(page: Any, path: Path) -> None:
    page.set_input_files("#file", path)
    page.locator("#status", has_text="heard to its end").wait_for(timeout=WAIT)


def listed(page: Any) -> list[dict[str, str]]:
    """Return the episodes that are shown, oldest first."""
    return page.evaluate(
        "[...document.querySelectorAll('#episodes li')].map((item) => ({ ...item.dataset })).reverse()"
    )


def closed(recording: Path) -> list[Any]:
    """Return what Python hears."""
    listed = [load_model("scream-detection"), load_model("scream-type")]
    heard = [episode for step in listen_file(recording, Analysis(listed)) for episode in step.episodes]
    return [episode for episode in heard if episode.state == "closed"]


def test_a_file_shows_pythons_episodes(page, recording):
    hear(page, recording)
    expected = closed(recording)
    assert len(expected) == 2
    shown = [item for item in listed(page) if item["task"] == "scream-detection"]
    for item, episode in zip(shown, expected, strict=True):
        assert (int(item["onset"]), int(item["last"])) == (episode.onset_frame, episode.last_frame)
        assert item["type"] == (episode.type.label or "")
        assert float(item["probability"]) == pytest.approx(episode.detection.probability, abs=1e-3)
    assert "2 screams" in page.inner_text("#status")
    assert "at 0:01.8" in page.inner_text("#episodes")
    hear(page, recording)  # the same file again
    assert len(listed(page)) == len(shown)


def test_a_file_may_be_dropped(page, recording):
    ready(page)
    page.evaluate(
        """(text) => {
        const given = new DataTransfer();
        given.items.add(new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], "dropped.wav"));
        document.getElementById("drop").dispatchEvent(
          new DragEvent("drop", { dataTransfer: given, bubbles: true, cancelable: true }));
        }""",
        base64.b64encode(recording.read_bytes()).decode(),
    )
    page.locator("#status", has_text="dropped.wav is heard to its end").wait_for(timeout=WAIT)
    assert len(listed(page)) >= 2


def test_the_microphone_hears_the_screams(browser, site, recording):
    """Chromium plays the file as a microphone, through its own resampling, into the AudioWorklet."""
    played = f"--use-file-for-fake-audio-capture={recording}%noloop"
    running = launch(browser, *FAKE_MICROPHONE, "--use-fake-ui-for-media-stream", played)
    try:
        page = running.new_page()
        page.goto(site.url)
        ready(page)
        page.click("#listen")
        page.locator("#status", has_text="Listening.").wait_for(timeout=WAIT)
        page.locator("#episodes li[data-type=negative]").wait_for(timeout=WAIT)
        assert page.locator("#verdict").inner_text() != "Not listening"
        assert page.locator("#level").inner_text().endswith(" dB")
        page.locator("#episodes li[data-state=closed]").nth(1).wait_for(timeout=WAIT)
        page.click("#listen")
        page.locator("#status", has_text="Stopped.").wait_for(timeout=WAIT)
        shown = [item for item in listed(page) if item["task"] == "scream-detection"]
        expected = closed(recording)
        assert [item["type"] for item in shown] == [episode.type.label for episode in expected]
        for item, episode in zip(shown, expected, strict=True):
            assert float(item["probability"]) == pytest.approx(episode.detection.probability, abs=0.15)
        between = int(shown[1]["onset"]) - int(shown[0]["onset"])
        assert between == pytest.approx(expected[1].onset_frame - expected[0].onset_frame, abs=2 * 31)
    finally:
        running.close()


def test_nothing_leaves_the_page(browser, site, recording):
    asked: list[str] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server, browser.new_context() as context:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        other = f"http://127.0.0.1:{server.server_port}/leak"
        requests: list[str] = []
        context.on("request", lambda request: requests.append(request.url))
        page = context.new_page()
        page.goto(site.url)
        hear(page, recording)
        addresses = [url for url in requests if not url.startswith("blob:")]
        assert len(addresses) > 20
        assert [url for url in addresses if not url.startswith(site.url)] == []
        assert all(path.startswith("/listen/") for path in site.asked)
        # The browser would refuse, in the page and in the thread that listens. A page without the rule gets through.
        leak = "(url) => fetch(url).then(() => 'sent', () => 'refused')"
        assert page.evaluate(leak, other) == "refused"
        assert [worker.evaluate(leak, other) for worker in page.workers] == ["refused"]
        assert asked == []
        free = context.new_page()
        free.goto(f"{site.url}data/front-end.json")
        assert free.evaluate(leak, other) == "sent"
        assert asked == ["/leak"]
        server.shutdown()


def test_it_works_offline_after_the_first_visit(browser, site, recording):
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(site.url)
        page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
        context.set_offline(True)
        before = len(site.asked)
        page.reload()
        ready(page)
        hear(page, recording)
        assert len(listed(page)) >= 2
        looked_for = ("/listen/service-worker.js", "/listen/data/files.js")  # whether there is a newer page
        assert [path for path in site.asked[before:] if path not in looked_for] == []


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("empty.wav", b"", "holds no sound"),
        ("letter.wav", b"Dear Sir or Madam", "could not be decoded"),
        (
            "header.wav",
            b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80\x3e\0\0\0\x7d\0\0\2\0\x10\0data\0\0\0\0",
            "no sound",
        ),
    ],
)
def test_a_file_that_cannot_be_heard_is_explained(page, tmp_path, name, data, told):
    path = tmp_path / name
    path.write_bytes(data)
    page.set_input_files("#file", path)
    page.locator("#problem", has_text=told).wait_for(timeout=WAIT)
    assert page.locator("#listen").inner_text() == "Listen"


def test_a_file_of_numbers_that_are_not_sound_is_explained(page, tmp_path):
    path = tmp_path / "nan.wav"
    wave = np.zeros(32_000, np.float32)
    wave[20_000] = np.nan
    soundfile.write(path, wave, 16_000, subtype="FLOAT")
    page.set_input_files("#file", path)
    page.locator("#problem", has_text="numbers that are not sound").wait_for(timeout=WAIT)


def test_no_microphone_and_no_permission_are_explained(browser, site):
    for flags, told in ((FLAGS, "No microphone was found"), (FAKE_MICROPHONE, "not allowed for this page")):
        running = launch(browser, *flags)
        try:
            page = running.new_page()
            page.goto(site.url)
            page.click("#listen")
            page.locator("#problem", has_text=told).wait_for(timeout=WAIT)
            assert page.locator("#listen").inner_text() == "Listen"
        finally:
            running.close()


def test_a_page_that_is_not_secure_says_so_and_hears_files(browser, site, recording):
    running = launch(browser, *FLAGS, "--host-resolver-rules=MAP phone.test 127.0.0.1")
    try:
        page = running.new_page()
        page.goto(site.url.replace("127.0.0.1", "phone.test"))
        assert not page.evaluate("isSecureContext")
        page.click("#listen")
        page.locator("#problem", has_text="only to pages opened over https").wait_for(timeout=WAIT)
        hear(page, recording)
        assert len(listed(page)) >= 2
    finally:
        running.close()


def test_a_model_that_is_not_what_its_card_describes_is_refused(browser, site):
    with browser.new_context(service_workers="block") as context:
        page = context.new_page()
        page.route("**/models/scream-type.onnx", lambda route: route.fulfill(body=b"something else"))
        page.goto(site.url)
        page.locator("#problem", has_text="scream-type.onnx is not the file that its card describes").wait_for(
            timeout=WAIT
        )
        page.unroute("**/models/scream-type.onnx")
        page.reload()
        ready(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_a_keyboard(browser, site, recording, scheme):
    with browser.new_context(viewport={"width": 360, "height": 740}, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(site.url)
        hear(page, recording)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.evaluate("document.activeElement.blur()")
        reached = []
        for _ in range(4):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
        assert reached[:2] == ["listen", "file"]
        assert "SUMMARY" in reached
        assert page.get_attribute("#status", "role") == "status"
        assert page.get_attribute("#problem", "role") == "alert"
        ratio = page.evaluate(CONTRAST)
        assert min(ratio.values()) >= 4.5, ratio


CONTRAST = """
() => {
  const light = (colour) => {
    const parts = colour.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255);
    const [r, g, b] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    const colour = getComputedStyle(node).backgroundColor;
    return colour === "rgba(0, 0, 0, 0)" && node.parentElement ? ground(node.parentElement) : colour;
  };
  const ratio = (selector) => {
    const node = document.querySelector(selector);
    const pair = [light(getComputedStyle(node).color), light(ground(node))].sort((a, b) => b - a);
    return (pair[0] + 0.05) / (pair[1] + 0.05);
  };
  const texts = ["#listen", "#status", "#verdict", "dt", ".episodes .more", "footer p", ".axis span", "summary"];
  return Object.fromEntries(texts.map((selector) => [selector, ratio(selector)]));
}
"""
