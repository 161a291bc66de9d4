"""exclaim bench."""

import json

import pytest

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


def test_a_model_that_is_not_there_is_named(exclaim):
    done = exclaim("bench", "gone.onnx")
    assert done.status == 1
    assert "gone.onnx: no such file" in done.err
