"""The page in a real browser: offline, by keyboard, in light and dark, on a phone and on paper."""

import pytest

from exclaim.evaluate.report.report import ReportOptions, make_report
from exclaim.evaluate.report.write import write_report

pytestmark = pytest.mark.browser


@pytest.fixture
def page(make_run, tmp_path):
    for i, name in enumerate(("first", "second")):
        make_run(name, shift=i)
    found = make_report([tmp_path / "runs"], ReportOptions(data=tmp_path, noise=None, repeats=0, draws=10))
    return write_report(found, tmp_path / "out", command="exclaim report runs", tree="0" * 64).as_uri()


def test_it_opens_offline_and_is_read_by_keyboard(browser, page):
    opened = browser.new_page()
    asked, complaints = [], []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("console", lambda message: complaints.append(message.text))
    opened.goto(page)
    assert asked == [page]
    assert complaints == []
    opened.keyboard.press("Tab")
    assert opened.evaluate("document.activeElement.textContent") == "To the content"
    opened.keyboard.press("Enter")
    assert opened.evaluate("location.hash") == "#content"
    summary = opened.locator("#table-1 summary").last
    summary.focus()
    opened.keyboard.press("Enter")
    assert "source tree" in opened.locator("#table-1 details[open]").inner_text()
    opened.close()


def test_drawings_follow_light_and_dark(browser, page):
    colours = []
    for scheme in ("light", "dark"):
        opened = browser.new_page(color_scheme=scheme)
        opened.goto(page)
        colours.append(opened.evaluate("getComputedStyle(document.querySelector('#glance svg text')).fill"))
        colours.append(opened.evaluate("getComputedStyle(document.body).backgroundColor"))
        opened.close()
    assert len(set(colours)) == 4


@pytest.mark.parametrize("width", [360, 1400])
def test_only_tables_scroll_sideways(browser, page, width):
    opened = browser.new_page(viewport={"width": width, "height": 800})
    opened.goto(page)
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    opened.close()


def test_on_paper_there_is_no_navigation(browser, page):
    opened = browser.new_page()
    opened.goto(page)
    opened.emulate_media(media="print")
    assert not opened.locator("nav").is_visible()
    assert opened.locator("#table-1 table").is_visible()
    opened.close()
