"""The files of a report: one page that needs nothing else, and every number beside it."""

import csv
import json
import re
from html.parser import HTMLParser

import pytest

from exclaim.errors import ConfigError
from exclaim.evaluate.report import write as module
from exclaim.evaluate.report.figure import draw
from exclaim.evaluate.report.report import Report, ReportOptions, make_report
from exclaim.evaluate.report.section import Block, Cell, Column, Drawing, Line, Number, Section, Table
from exclaim.evaluate.report.write import check_installed, write_report

VOID = {"meta", "br", "img", "link", "hr", "input"}


class Page(HTMLParser):
    """What a page refers to, and whether its elements close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.ids, self.targets, self.sources, self.text = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.open += [] if tag in VOID else [tag]
        self.ids += [attributes["id"]] if "id" in attributes else []
        for name in ("src", "href", "xlink:href", "data", "srcset", "action"):
            if name in attributes:
                (self.targets if attributes[name].startswith("#") else self.sources).append(attributes[name])

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture
def report() -> Report:
    def paint(_, panels):
        panels[0].plot([0, 1])

    table = Table(
        "table-x",
        "A <caption>",
        (Column("figure", "what it means"),),
        (Block("group", (Line("one & two", (Cell("0.5", "0.4 to 0.6"),)), Line("three", (Cell("0.6"),)))),),
        shown=1,
    )
    drawing = Drawing("drawing-x", "A line", "a line", draw("drawing-x", "a line", 1, paint))
    numbers = (
        Number(section="x", row="one & two", figure="f", value=1 / 3, low=0.1, seeds=(1, 2)),
        Number(section="x", row="three", figure="f", value=None),
    )
    section = Section("x", "X", "lead", (table,), (drawing,), ("say `this` & <that>",), ("how",), numbers)
    return Report("A title", "a subtitle", (section,))


def test_the_page_is_whole_and_refers_to_nothing_outside(report, tmp_path):
    path = write_report(report, tmp_path / "out", command="exclaim report runs", tree="f" * 64)
    text = path.read_text("utf-8")
    page = Page(text)
    assert page.open == []
    assert page.sources == []
    assert len(page.ids) == len(set(page.ids))
    assert {target[1:] for target in page.targets} <= set(page.ids)
    assert "<script" not in text
    assert not re.search(r"url\((?!#)|@import", text)
    assert "<code>this</code> &amp; &lt;that&gt;" in text
    assert "one &amp; two" in text
    assert "three" not in "".join(page.text), "a table shows as many rows as it says"


def test_what_is_not_installed_is_said_before_anything_is_measured(monkeypatch):
    check_installed()
    monkeypatch.setattr(module, "_PARTS", ("jinja2", "no_such_part"))
    with pytest.raises(ConfigError, match=r"needs no_such_part; .*exclaim\[report\]"):
        check_installed()


def test_every_number_is_in_the_csv_and_in_the_json(report, tmp_path):
    folder = write_report(report, tmp_path, command="exclaim report runs", tree="f" * 64).parent
    with (folder / "numbers.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [line["row"] for line in lines] == ["one & two", "three"]
    assert lines[0]["value"] == "0.333333"
    assert lines[0]["seeds"] == "1 2"
    assert lines[1]["value"] == ""
    assert lines[0]["command"] == "exclaim report runs"
    assert lines[0]["source_tree"] == "f" * 64
    told = json.loads((folder / "numbers.json").read_text())
    assert [(n["row"], n["value"]) for n in told["numbers"]] == [("one & two", 0.333333), ("three", None)]
    assert told["command"] == "exclaim report runs"
    with (folder / "table-x.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[1] == ["group", "one & two", "", "0.5", "0.4 to 0.6"]
    assert len(rows) == 3
    assert (folder / "figures/drawing-x.svg").read_text().startswith("<svg")


def test_the_same_report_gives_the_same_bytes(report, tmp_path):
    for name in ("a", "b"):
        write_report(report, tmp_path / name, command="c", tree="t")
    for path in (tmp_path / "a").rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes(), path


def test_what_an_earlier_report_left_is_removed_and_nothing_else(report, tmp_path):
    write_report(report, tmp_path, command="c", tree="t")
    (tmp_path / "notes.txt").write_text("mine")
    write_report(report._replace(sections=()), tmp_path, command="c", tree="t")
    assert not (tmp_path / "table-x.csv").exists()
    assert not (tmp_path / "figures/drawing-x.svg").exists()
    assert (tmp_path / "notes.txt").exists()
    assert (tmp_path / "report.html").exists()


def test_a_whole_report_of_runs(make_run, tmp_path):
    teacher = make_run("teacher", shift=0.6)
    make_run("student-1", seed=1, teacher="teacher.yaml", parents=(teacher,))
    make_run("student-2", seed=2, teacher="teacher.yaml", parents=(teacher,), shift=1)
    going = make_run("going")
    (going / "going.onnx").unlink()
    lost = make_run("lost", shift=3)
    (lost / "test.csv").write_text("path,label,speaker\nnowhere.wav,scream,x\n")
    stages = []
    options = ReportOptions(data=tmp_path, noise=None, repeats=0, draws=20)
    found = make_report([teacher.parent], options, lambda name: stages.append(name) or (lambda done, whole: None))
    assert {one.name for one in found.skipped} == {"going", "lost"}
    assert [section.id for section in found.sections] == [
        *(
            "glance",
            "table-1",
            "comparison",
            "students",
            "table-4",
            "figure-7",
            "coverage",
            "calibration",
            "training",
            "runs",
        )
    ]
    assert found.subtitle == "3 runs of 2 recipes: scream-detection"
    runs = found.sections[-1]
    assert any("going is not in this report: it is not finished" in note for note in runs.notes)
    assert any("lost is not in this report" in note and "missing" in note for note in runs.notes)
    assert "student-1: test clips" in stages
    page = Page(write_report(found, tmp_path / "out", command="c", tree="t").read_text("utf-8"))
    assert page.open == []
    assert page.sources == []
    assert len(page.ids) == len(set(page.ids))
