"""What is a finished run, and what is said of the others."""

import pytest

from exclaim.errors import RecipeError
from exclaim.evaluate.report.runs import find_runs
from exclaim.model import pin_of


def test_a_folder_of_runs_is_read_in_the_order_of_names(make_run, tmp_path):
    for name in ("b", "a"):
        make_run(name)
    (tmp_path / "runs/notes").mkdir()
    found = find_runs([tmp_path / "runs"])
    assert [run.recipe.name for run in found.runs] == ["a", "b"]
    assert found.skipped == ()
    run = found.runs[0]
    assert run.sha256 == pin_of(run.model)
    assert run.facts.device == "cpu"
    assert [epoch["epoch"] for epoch in run.history] == [1, 2, 3]


def test_a_run_that_is_named_twice_is_there_once(make_run):
    folder = make_run("a")
    assert len(find_runs([folder, folder.parent]).runs) == 1


def test_a_run_that_is_not_finished_is_said_and_left_out(make_run):
    make_run("done")
    going = make_run("going", epochs=5)
    (going / "going.onnx").unlink()
    found = find_runs([going.parent])
    assert [run.recipe.name for run in found.runs] == ["done"]
    assert found.skipped[0].name == "going"
    assert "5 of 12 epochs" in found.skipped[0].reason


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda run: (run / "recipe.json").write_text("{"), "recipe.json cannot be read"),
        (lambda run: (run / "recipe.json").write_text('{"name": "x", "unheard_of": 1}'), "another release"),
        (lambda run: (run / "odd.onnx").write_bytes(b"no model"), "odd.onnx"),
    ],
)
def test_what_cannot_be_read_is_said_and_left_out(make_run, damage, words):
    make_run("good")
    damage(make_run("odd"))
    found = find_runs([make_run("other").parent])
    assert [run.recipe.name for run in found.runs] == ["good", "other"]
    assert words in found.skipped[0].reason


def test_without_a_finished_run_there_is_an_error_with_the_reasons(make_run, tmp_path):
    run = make_run("going")
    (run / "going.onnx").unlink()
    with pytest.raises(RecipeError, match=r"no finished run.*going: is not finished"):
        find_runs([run])
    with pytest.raises(RecipeError, match="is no folder"):
        find_runs([tmp_path / "nowhere"])


def test_a_last_line_that_was_cut_short_does_not_count(make_run):
    run = make_run("a")
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 4, "lo')
    assert len(find_runs([run]).runs[0].history) == 3


def test_a_teacher_on_waveforms_is_said_to_have_no_model_file(make_run):
    make_run("student")
    teacher = make_run("teacher")
    (teacher / "teacher.onnx").unlink()
    (teacher / "card.json").write_text("{}")
    found = find_runs([teacher.parent])
    assert [run.recipe.name for run in found.runs] == ["student"]
    assert found.skipped[0].reason.startswith("hears waveforms")
