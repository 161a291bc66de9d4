"""The tables of a report: what they say is what was measured."""

import msgspec
import numpy as np
import pytest

from exclaim.evaluate.metrics import accuracy
from exclaim.evaluate.report.answered import answered
from exclaim.evaluate.report.clean import clean_section, gap_note
from exclaim.evaluate.report.curves import calibration_section, coverage_section, reliability, training_section
from exclaim.evaluate.report.gate import gate_section
from exclaim.evaluate.report.glance import glance_section
from exclaim.evaluate.report.paper import STUDENT_NOTE
from exclaim.evaluate.report.rows import judgements, rows, twins
from exclaim.evaluate.report.runs import find_runs
from exclaim.evaluate.report.section import signed
from exclaim.evaluate.report.size import size_section, trained_parameters
from exclaim.evaluate.report.teaching import teaching_section
from exclaim.learn.admission import Admission, Quality
from exclaim.learn.recipe import NetworkOptions


@pytest.fixture
def judge(make_run, tmp_path):
    def judged(*runs):
        folders = [make_run(**run) for run in runs]
        found = find_runs(folders).runs
        answers = {run.sha256: answered(run, tmp_path) for run in found}
        table = rows(found, answers)
        return judgements(table, answers, draws=60), twins(table), table

    return judged


def number(section, row, figure, **fields):
    (found,) = [
        one
        for one in section.numbers
        if (one.row, one.figure) == (row, figure) and all(getattr(one, k) == v for k, v in fields.items())
    ]
    return found


def line(section, name):
    (found,) = [line for table in section.tables for block in table.blocks for line in block.lines if line.name == name]
    return found


def test_table_one_has_accuracy_with_interval_and_seeds(judge):
    found, pairs, _ = judge({"name": "a-1", "seed": 1}, {"name": "a-2", "seed": 2, "shift": 2.5})
    section = clean_section(found, pairs)
    each = [accuracy(found[0].truth, answers) for answers in found[0].answers]
    told = number(section, "a", "accuracy", source="ours")
    assert told.value == pytest.approx(np.mean(each))
    assert told.deviation == pytest.approx(np.std(each, ddof=1))
    assert told.low < told.value < told.high
    assert (told.seeds, told.clips, told.split) == ((1, 2), 30, "speaker")
    assert told.data_sha256 == found[0].data_sha256
    row = line(section, "a")
    assert row.cells[0].text == f"{np.mean(each):.3f}"
    assert "mean of 2 seeds (1, 2)" in row.detail
    assert "sd 0." in row.cells[0].detail
    assert any(found[0].data_sha256[:12] in words for words in section.how)


def test_table_one_shows_the_papers_figure_as_the_papers(judge):
    found, pairs, _ = judge({"name": "a"})
    section = clean_section(found, pairs)
    theirs = [one for one in section.numbers if one.source == "paper"]
    assert [(one.row, one.value) for one in theirs] == [("student", 0.806)]
    assert line(section, "the paper's student").kind == "paper"
    assert line(section, "the paper's student").cells[0].text == "0.806"


def test_a_random_split_stands_below_its_twin_with_the_gap(judge):
    found, pairs, _ = judge(
        {"name": "other", "shift": 9}, {"name": "a"}, {"name": "a-random", "by": "random", "turned": (3,), "shift": 0.1}
    )
    section = clean_section(found, pairs)
    names = [one.name for one in section.tables[0].blocks[0].lines]
    assert names == ["other", "a", "a-random", "gap", "the paper's student"]
    by = {one.row.name: one for one in found}
    gap = number(section, "a-random", "gap of accuracy")
    assert gap.value == pytest.approx(by["a-random"].figures["accuracy"].whole - by["a"].figures["accuracy"].whole)
    assert gap.value != 0
    assert gap.low < gap.value < gap.high
    assert signed(gap.value) in gap_note(found, pairs)
    assert signed(gap.value) in " ".join(glance_section(found, pairs).notes)


def test_a_random_split_without_a_twin_says_so(judge):
    found, pairs, _ = judge({"name": "a-random", "by": "random"})
    assert any("a-random" in note and "twin" in note for note in clean_section(found, pairs).notes)
    assert gap_note(found, pairs) is None


def test_the_best_of_each_column_is_marked_where_there_is_a_choice(judge):
    found, pairs, _ = judge({"name": "good"}, {"name": "deaf", "shift": -30})
    section = clean_section(found, pairs)
    assert line(section, "good").cells[1].best
    assert not line(section, "deaf").cells[1].best
    assert glance_section(found, pairs).notes[0].startswith("scream-detection: good has the highest UAR")


def test_a_student_is_compared_with_its_own_teacher_on_the_same_clips(make_run, tmp_path):
    teacher = make_run("teacher", shift=2.5)
    student = make_run("student", teacher="teacher.yaml", parents=(teacher,))
    make_run("stranger", shift=1)
    found = find_runs([student.parent]).runs
    answers = {run.sha256: answered(run, tmp_path) for run in found}
    judged = judgements(rows(found, answers), answers, draws=60)
    by = {one.row.name: one for one in judged}
    section = teaching_section(judged)
    told = number(section, "student less teacher", "uar")
    assert told.value == pytest.approx(by["student"].figures["uar"].whole - by["teacher"].figures["uar"].whole)
    assert len([one for one in section.numbers if one.figure == "uar"]) == 1
    assert teaching_section([by["teacher"], by["stranger"]]) is None


def test_parameters_are_those_that_training_moves(tmp_path):
    torch = pytest.importorskip("torch", reason="needs the extra `learn`")
    safetensors = pytest.importorskip("safetensors.torch")
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Linear(4, 2))
    safetensors.save_file(network.state_dict(), tmp_path / "best.safetensors")
    assert trained_parameters(tmp_path / "best.safetensors") == sum(p.numel() for p in network.parameters())
    (tmp_path / "other").write_bytes(b"nothing of the kind")
    assert trained_parameters(tmp_path / "other") is None
    assert trained_parameters(tmp_path / "absent") is None


def test_table_four_says_why_the_papers_student_counts_otherwise(judge):
    _, _, (row, _) = judge({"name": "a"}, {"name": "b", "shift": 1})
    section = size_section([row])
    theirs = {one.row: one.value for one in section.numbers if one.source == "paper" and one.figure == "parameters"}
    assert theirs["student"] == 712_778
    assert number(section, "a", "file").value == row.runs[0].model.stat().st_size / 1e6
    assert STUDENT_NOTE not in section.notes
    recipe = msgspec.structs.replace(row.recipe, network=NetworkOptions(name="paper-student"))
    theirs = row._replace(runs=(msgspec.structs.replace(row.runs[0], recipe=recipe),))
    assert STUDENT_NOTE in size_section([theirs]).notes


def test_coverage_and_calibration_are_drawn_and_told(judge):
    found, _, _ = judge({"name": "a"}, {"name": "b", "shift": 2})
    section = coverage_section(found)
    whole = number(section, "a", "accuracy at 100% coverage")
    assert whole.value == pytest.approx(found[0].figures["accuracy"].whole)
    assert "<svg" in calibration_section(found).drawings[0].svg
    confidence, right, counts = reliability(found[0])
    assert counts.sum() == 30
    assert np.sum(right * counts) / 30 == pytest.approx(
        np.mean(found[0].probabilities[0].argmax(axis=1) == found[0].truth)
    )
    assert (np.diff(confidence) > 0).all()


def test_training_is_drawn_where_runs_kept_it(judge):
    _, _, table = judge({"name": "a"}, {"name": "b", "shift": 1, "epochs": 1})
    assert "<svg" in training_section(table).drawings[0].svg
    assert training_section([row for row in table if row.name == "b"]) is None


def test_the_gate_says_what_is_not_shipped_and_why(make_runs, caplog):
    a, b = make_runs({"name": "a"}, {"name": "b"})
    assert gate_section([a, b]) is None
    costs = {"original": "a", "original_sha256": "0" * 64, "sha256": "1" * 64, "processor": "this one"}
    costs |= {"bytes": 1234, "original_bytes": 4000, "ms": 2.0, "original_ms": 2.5, "time_ratio": 0.8, "data": "clips"}
    uar = Quality(
        task="scream-type", figure="uar", original=0.7, candidate=0.6, difference=-0.1, interval=(-0.15, -0.05)
    )
    tried = [
        Admission(model="a-8bit", method="int8", **costs, quality=(uar,), passed=False, reason="UAR falls by 0.1"),
        Admission(model="a-half", method="pruned", **costs, quality=(), passed=True, reason="smaller and as good"),
    ]
    (a.folder / "compress.json").write_bytes(msgspec.json.encode(tried))
    (b.folder / "compress.json").write_text("[]]")
    section = gate_section([a, b])
    lines = section.tables[0].blocks[0].lines
    assert [(one.name, one.cells[-1].text) for one in lines] == [("a-8bit", "not shipped"), ("a-half", "passed")]
    assert lines[0].cells[-1].detail == "UAR falls by 0.1"
    gain = number(section, "a-8bit", "gain of uar")
    assert (gain.value, gain.low, gain.high) == (-0.1, -0.15, -0.05)
    assert "left out" in caplog.text
