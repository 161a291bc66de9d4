"""exclaim report."""

import csv
import json

import msgspec
import pytest

from exclaim.evaluate.results import read_records
from exclaim.learn.recipe import HeadOptions, NetworkOptions, Recipe


@pytest.fixture
def run(tmp_path, crowd, make_model):
    """Write a finished run on the crowd's clips: ``run(name)``."""
    from exclaim.card import Head, Thresholds

    labels = ("other", "scream")

    def write(name, on=0.5, seed=0):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        recipe = Recipe(
            name=name,
            task="scream-detection",
            seed=seed,
            bursts=("csv",),
            heads={"scream-detection": HeadOptions(labels=labels)},
            network=NetworkOptions(name="compact"),
        )
        (folder / "recipe.json").write_bytes(msgspec.json.encode(recipe))
        rows = list(csv.reader(crowd.read_text().splitlines()))
        with (folder / "test.csv").open("w", newline="") as file:
            csv.writer(file).writerows([rows[0], *([crowd.parent / row[0], *row[1:]] for row in rows[1:])])
        thresholds = Thresholds(on=on, off=on / 2)
        head = Head(task="scream-detection", output="scream-detection", labels=labels, thresholds=thresholds)
        make_model(folder / f"{name}.onnx", heads=(head,), name=name)
        return folder

    return write


def test_runs_become_a_page(exclaim, run, tmp_path):
    run("a")
    run("b", on=0.999)
    options = ("--out", tmp_path / "out", "--data", tmp_path, "--noise", "none", "--repeats", 0, "--draws", 20)
    done = exclaim("report", tmp_path / "runs", *options)
    assert done.status == 0, done.err
    assert "Report of runs: 2 runs of 2 recipes: scream-detection" in done.out
    assert f"wrote {tmp_path / 'out/report.html'}" in done.out
    told = json.loads((tmp_path / "out/numbers.json").read_text())
    assert told["command"] == "exclaim report runs --noise none"
    assert len(told["source_tree"]) == 64
    assert {n["row"] for n in told["numbers"] if n["figure"] == "uar"} == {"a", "b"}


def test_the_tables_numbers_become_records(exclaim, run, tmp_path):
    run("a")
    run("b", on=0.999)
    options = ("--out", tmp_path / "out", "--data", tmp_path, "--noise", "none", "--repeats", 0, "--draws", 20)
    done = exclaim("report", tmp_path / "runs", *options, "--record", tmp_path / "results.json")
    assert done.status == 0, done.err
    records = {record.id: record for record in read_records(tmp_path / "results.json")}
    numbers = json.loads((tmp_path / "out/numbers.json").read_text())["numbers"]
    (uar,) = [n for n in numbers if (n["section"], n["row"], n["figure"]) == ("table-1", "b", "uar")]
    record = records["report.table-1.b.scream-detection.uar"]
    assert record.metric == "UAR of b, scream-detection"
    assert record.value == pytest.approx(uar["value"], abs=1e-6)
    assert record.interval == pytest.approx((uar["low"], uar["high"]))
    assert record.command == "exclaim report runs --noise none"
    assert "report.table-4.a.parameters" not in records, "no run here has weights to count"
    assert records["report.table-4.a.file"].unit == "MB"
    assert not any("brier" in one for one in records)


def test_two_runs_are_paired_unless_tables_are_asked_for(exclaim, run, tmp_path):
    both = (run("a"), run("b", on=0.999))
    options = ("--out", tmp_path / "out", "--data", tmp_path, "--draws", 20)
    done = exclaim("report", *both, *options)
    assert done.status == 0, done.err
    assert "a and b: two models on the same clips" in done.out
    done = exclaim("report", *both, *options, "--tables", "--noise", "none", "--repeats", 0)
    assert done.status == 0, done.err
    assert "Report of runs: 2 runs" in done.out


def test_noise_that_is_not_there_leaves_the_rest(exclaim, run, tmp_path):
    run("a")
    options = ("--out", tmp_path / "out", "--data", tmp_path, "--repeats", 0, "--draws", 20)
    done = exclaim("report", tmp_path / "runs", *options, "--noise", tmp_path / "absent")
    assert done.status == 0, done.err
    page = (tmp_path / "out/report.html").read_text()
    assert "a is not in tables II and III" in page


@pytest.mark.slow
def test_figure_nine_times_all_models_in_one_run(exclaim, run, tmp_path):
    run("a")
    run("b", on=0.999)
    options = ("--out", tmp_path / "out", "--data", tmp_path, "--noise", "none", "--repeats", 5, "--draws", 20)
    done = exclaim("report", tmp_path / "runs", *options)
    assert done.status == 0, done.err
    numbers = json.loads((tmp_path / "out/numbers.json").read_text())["numbers"]
    timed = [n for n in numbers if n["section"] == "figure-9" and n["figure"] in ("window", "load")]
    assert {n["row"] for n in timed} == {"a", "b"}
    assert all(n["value"] > 0 and n["unit"] == "ms" for n in timed)
    assert (tmp_path / "out/figures/figure-9.svg").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "is no folder"),
        (["."], "no finished run"),
        ([".", "--pair"], "1 to pair"),
        ([".", "--snr", "loud"], "--snr loud"),
        ([".", "--snr", "1000"], "--snr 1000"),
    ],
)
def test_mistakes_are_one_sentence(exclaim, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    done = exclaim("report", *arguments, "--data", tmp_path)
    assert done.status == 1
    assert words in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "report").exists()
