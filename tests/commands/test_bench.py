"""exclaim bench."""

import json

import msgspec
import pytest

from exclaim.evaluate.bench import machine
from exclaim.evaluate.bench_sets import LoopCost, SetBench
from exclaim.evaluate.results import read_records


@pytest.mark.slow
def test_bench_prints_and_records(exclaim, tiny, tmp_path):
    results = tmp_path / "results.json"
    small = ("--repeats", 1, "--fresh", 1, "--listen-minutes", 0.1, "--memory-limit", 512)
    done = exclaim("bench", tiny, *small, "--json", "--record", results)
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert found["models"][0]["cost"]["bytes"] == tiny.stat().st_size
    assert found["listen"]["real_time_factor"] > 0
    assert not found["imports"]["torch"]
    assert found["models"][0]["eager_ms"] is None
    assert any("no recipe tells its network" in note for note in found["notes"]) or "torch" in found["notes"][-1]
    ids = {record.id for record in read_records(results)}
    assert {
        "bench.front-end.window",
        "bench.front-end.stream",
        "bench.tiny.load",
        "bench.import.exclaim",
        "bench.listen.speed",
        "bench.board.speed",
        "bench.board.memory",
    } <= ids
    assert str(tmp_path) not in results.read_text()


def test_training_on_a_set_is_measured_alone_and_recorded(exclaim, tmp_path, monkeypatch):
    asked = []

    def measured(options, tell):
        asked.append(options)
        loop = LoopCost(windows=600, view=(64, 64), seconds=3.0, peak_bytes=400_000_000, instructions_note="no")
        return SetBench(
            machine=machine(),
            name="on-tiny",
            set="tiny",
            items=4,
            network="cnn6",
            memory_limit=options.memory_limit,
            wall_seconds=5.0,
            on_set=loop,
            whole_name="whole",
            on_whole=msgspec.structs.replace(loop, windows=6000, seconds=40.0, instructions=None),
            epochs=16,
        )

    monkeypatch.setattr("exclaim.commands.bench.bench_set", measured)
    results = tmp_path / "results.json"
    recipes = ("--on-set", tmp_path / "on-tiny.yaml", "--whole", tmp_path / "whole.yaml")
    done = exclaim("bench", *recipes, "--memory-limit", 512, "--record", results)
    assert done.status == 0, done.err
    assert "front-end" not in done.out
    assert asked[0].memory_limit == 512_000_000
    records = {record.id: record for record in read_records(results)}
    assert records["bench.on-tiny.ratio.seconds"].value == 0.075
    assert records["bench.on-tiny.ratio.windows"].value == 0.1
    assert records["bench.on-tiny.set.instructions"].value is None
    assert records["bench.on-tiny.set.wall"].command == (
        "exclaim bench --on-set on-tiny.yaml --whole whole.yaml --memory-limit 512"
    )


def test_options_that_do_not_go_together_are_refused(exclaim, tiny, tmp_path):
    for arguments, said in (
        (("--whole", "whole.yaml"), "--whole whole.yaml is for --on-set"),
        ((tiny, "--on-set", "on.yaml"), "leave"),
        ((tiny, "--record", tmp_path / "gone/results.json"), "cannot be written"),
    ):
        done = exclaim("bench", *arguments)
        assert done.status == 1
        assert said in done.err


def test_a_model_that_is_not_there_is_named(exclaim):
    done = exclaim("bench", "gone.onnx")
    assert done.status == 1
    assert "gone.onnx: no such file" in done.err
