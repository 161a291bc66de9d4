"""Drawings: the same numbers give the same bytes, text is text, and nothing is shared with the page by accident."""

import re
from xml.etree import ElementTree

from exclaim.evaluate.report.figure import INK, SERIES, draw, finish_axes


def paint(_, panels):
    for axes in panels:
        axes.plot([0, 1], [0, 1], color=SERIES[0], label="a < b & c")
        axes.scatter([0.5], [0.5], color=SERIES[1])
        axes.legend()
        finish_axes(axes, "title", "x", "y")


def test_the_same_numbers_give_the_same_bytes():
    assert draw("one", "words", 2, paint) == draw("one", "words", 2, paint)


def test_it_is_an_element_with_words_for_who_does_not_see_it():
    svg = draw("one", 'less < more & "quoted"', 1, paint)
    root = ElementTree.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("role") == "img"
    title = root.find("{http://www.w3.org/2000/svg}title")
    assert title.text == 'less < more & "quoted"'
    assert root.get("aria-labelledby") == title.get("id")
    assert "a < b & c" in "".join(root.itertext())
    assert "<style" not in svg
    assert "<metadata" not in svg


def test_two_drawings_share_no_id_and_every_reference_is_kept():
    ids = []
    for name in ("one", "two"):
        svg = draw(name, "words", 1, paint)
        own = re.findall(r'\bid="([^"]+)"', svg)
        assert set(re.findall(r'(?:url\(|href=")#([^)"]+)', svg)) <= set(own)
        ids += own
    assert len(ids) == len(set(ids))


def test_colours_are_the_pages_with_their_own_beside():
    svg = draw("one", "words", 1, paint)
    assert f"var(--series-0, {SERIES[0]})" in svg
    assert f"var(--ink, {INK})" in svg
    assert not re.search(r"(?<!, )#[0-9a-f]{6}", svg)
