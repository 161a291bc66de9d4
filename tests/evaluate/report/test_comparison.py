"""Quality beside cost, and what is taken for what."""

from pathlib import Path

import numpy as np
import pytest

from exclaim.evaluate.bench import machine, peak_memory
from exclaim.evaluate.bench_speed import Speed
from exclaim.evaluate.report.answered import answered
from exclaim.evaluate.report.comparison import comparison_section
from exclaim.evaluate.report.confusion import confusion, confusion_section
from exclaim.evaluate.report.latency import Timing
from exclaim.evaluate.report.rows import judgements, rows
from exclaim.evaluate.report.runs import find_runs


@pytest.fixture
def judge(make_run, tmp_path):
    def judged(*runs):
        found = find_runs([make_run(**run) for run in runs]).runs
        answers = {run.sha256: answered(run, tmp_path) for run in found}
        return judgements(rows(found, answers), answers, draws=40)

    return judged


def timing(found) -> Timing:
    paths = [str(one.row.runs[0].model) for one in found]
    speed = Speed(
        front_end_ms=1.25,
        stream_100ms_ms=0.1,
        librosa_ms=None,
        model_ms={path: 1.0 + i for i, path in enumerate(paths)},
        load_ms=dict.fromkeys(paths, 4.5),
        eager_ms={},
        teacher_ms=None,
    )
    return Timing(speed, machine(), 1, dict.fromkeys(paths, 87_000_000))


def lines_of(section) -> dict:
    return {line.name: line for table in section.tables for block in table.blocks for line in block.lines}


def test_a_line_has_quality_and_cost_and_who_taught(judge) -> None:
    found = judge({"name": "teacher"}, {"name": "student", "teacher": "teacher.yaml", "shift": 2.0})
    section = comparison_section(found, timing(found))
    student = lines_of(section)["student"]
    assert [cell.text for cell in student.cells[3:5]] == ["3.25", "4.5"]
    assert student.cells[6].text == "87"
    assert student.cells[0].text == f"{found[1].figures['uar'].whole:.3f}"
    assert "taught by teacher" in student.detail
    assert "from labels alone" in lines_of(section)["teacher"].detail
    size = found[1].row.runs[0].model.stat().st_size
    (told,) = [number for number in section.numbers if (number.row, number.figure) == ("student", "file")]
    assert told.value == pytest.approx(size / 1e6)


def test_without_times_the_quality_still_stands_and_one_model_is_no_comparison(judge) -> None:
    found = judge({"name": "a"}, {"name": "b", "shift": 1.0})
    line = lines_of(comparison_section(found, None))["a"]
    assert line.cells[3].text == line.cells[4].text == line.cells[6].text == ""
    assert comparison_section(found[:1], None) is None


def test_a_matrix_counts_each_label_s_clips_over_all_seeds(judge) -> None:
    (one,) = judge({"name": "a"})
    three = one._replace(
        labels=("x", "y", "z"), truth=np.array([0, 0, 1, 1]), answers=np.array([[0, 2, 1, 1], [0, 0, 1, 0]])
    )
    expected = [[0.75, 0, 0.25], [0.25, 0.75, 0], [np.nan] * 3]
    np.testing.assert_allclose(confusion(three), expected)
    section = confusion_section([three])
    cells = lines_of(section)["a"].cells
    assert [cell.text for cell in cells[:2]] == ["0.750", "0.750"]
    (told,) = [number for number in section.numbers if number.figure == "x answered z"]
    assert (told.value, told.clips) == (0.25, 2)
    assert "<svg" in section.drawings[0].svg


def test_two_labels_need_no_matrix(judge) -> None:
    assert confusion_section(judge({"name": "a"})) is None


def test_peak_memory_is_of_a_fresh_process(make_run) -> None:
    model = next(Path(make_run("a")).glob("*.onnx"))
    held = np.ones(400_000_000 // 8)  # of this process, not of the one that is measured
    peak = peak_memory(model)
    assert held.nbytes > peak > 20_000_000
