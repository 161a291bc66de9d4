"""The bench: what is measured, what is said where a machine cannot tell, and that it needs neither librosa nor
PyTorch.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import soundfile

from exclaim.card import Head
from exclaim.errors import ModelError
from exclaim.evaluate import bench as bench_module
from exclaim.evaluate.bench import Bench, BenchOptions, ImportCost, Machine, ModelBench, find_recipe, machine
from exclaim.evaluate.bench_board import BoardCost
from exclaim.evaluate.bench_listen import ListenCost, listen_cost, write_recording
from exclaim.evaluate.bench_records import bench_records
from exclaim.evaluate.bench_speed import SpeedOptions, measure
from exclaim.evaluate.bench_training import training_cost
from exclaim.evaluate.cost import Cost
from exclaim.features import encode, log_mel_db
from exclaim.model import load_model


def test_a_machine_without_librosa_and_torch_measures_ours(tiny, monkeypatch):
    for name in ("librosa", "torch"):
        monkeypatch.setitem(sys.modules, name, None)
    found = measure(SpeedOptions(models=(str(tiny.path),), repeats=1))
    assert found.front_end_ms > 0
    assert found.stream_100ms_ms > 0
    assert found.model_ms.keys() == found.load_ms.keys() == {str(tiny.path)}
    assert found.librosa_ms is found.teacher_ms is None
    assert found.eager_ms == {}
    assert [note.split(":")[0] for note in found.notes] == ["librosa is not installed", "torch is not installed"]


def test_a_fresh_process_tells_its_load_time_and_memory(tiny):
    command = [sys.executable, "-m", "exclaim.evaluate.bench_windows", str(tiny.path), "2"]
    told = json.loads(subprocess.check_output(command))
    assert told["load_ms"] > 0
    assert told["window_ms"] > 0
    assert told["peak_bytes"] is None or 10e6 < told["peak_bytes"] < 2e9


def test_a_process_that_fails_is_told_with_its_last_words(tiny):
    gone = msgspec.json.encode(SpeedOptions(models=("gone.onnx",)))
    with pytest.raises(ModelError, match=r"measuring failed .*gone\.onnx"):
        bench_module._child(["-m", "exclaim.evaluate.bench_speed"], gone)


def test_the_recipe_of_the_run_goes_before_the_projects(tmp_path, make_model):
    model = load_model(make_model(tmp_path / "tiny.onnx"))
    project = tmp_path / "project"
    assert find_recipe(model, None) is None
    assert find_recipe(model, project) is None
    (project / "recipes").mkdir(parents=True)
    (project / "recipes/tiny.yaml").write_text("name: tiny")
    assert find_recipe(model, project) == project / "recipes/tiny.yaml"
    (tmp_path / "recipe.json").write_text("{}")
    assert find_recipe(model, project) == tmp_path / "recipe.json"


def test_the_recording_is_never_silent(tmp_path):
    write_recording(tmp_path / "a.wav", 0.25)
    samples, rate = soundfile.read(tmp_path / "a.wav", dtype="float32")
    assert (len(samples), rate) == (15 * 16_000, 16_000)
    loudest = log_mel_db(samples).max(axis=0)
    assert loudest[2:-2].min() > -45  # the gate's threshold: nothing is gated
    assert encode(log_mel_db(samples)).shape == (128, 1 + 15 * 16_000 // 256)


def measured(**fields) -> Bench:
    cost = Cost(bytes=953_464, parameters=234_306, macs=29_292_032)
    model = ModelBench(
        **{"name": "tiny", "version": "1", "sha256": "ab" * 32, "cost": cost, "model_ms": 1.0, "load_ms": 8.0},
        **{"first_load_ms": 30.0, "runtime_import_ms": 300.0, "peak_bytes": 90_000_000, "joules_per_window": None},
        **{"instructions_per_window": None, "instructions_note": "why", "eager_ms": 5.0, "model_speedup": 5.0},
        whole_speedup=4.5,
        stream_speedup=6.5,
    )
    versions = {"exclaim": "0", "numpy": "2", "onnxruntime": "1"}
    whole = Bench(
        machine=Machine(processor="A processor", cores=2, system="Linux", versions=versions),
        front_end_ms=1.0,
        stream_100ms_ms=0.1,
        librosa_ms=4.0,
        front_end_speedup=4.0,
        teacher_ms=100.0,
        imports=ImportCost(exclaim_ms=20.0, device_ms=400.0, torch=False),
        models=(model,),
        listen=ListenCost(
            **{"minutes": 60.0, "wall_seconds": 10.0, "real_time_factor": 360.0, "peak_bytes": 100_000_000},
            **{"short_minutes": 6.0, "short_peak_bytes": None},
        ),
    )
    return msgspec.structs.replace(whole, **fields)


def test_every_figure_becomes_a_record_of_its_own():
    records = {r.id: r for r in bench_records(measured(), command="exclaim bench", tree="t", date="2026-01-01")}
    assert records["bench.tiny.speedup"].value == 4.5
    assert records["bench.tiny.stream-speedup"].value == 6.5
    assert records["bench.tiny.size"].value == 0.953464
    assert records["bench.listen.speed"].data == "generated recording of 60 minutes, never silent"
    assert records["bench.listen.memory-short"].value is None
    assert records["bench.tiny.energy"].value is None
    assert "bench.board.speed" not in records
    board = BoardCost(minutes=6, limit_bytes=512_000_000, wall_seconds=9, real_time_factor=40, peak_bytes=105_000_000)
    told = {r.id: r for r in bench_records(measured(board=board), command="c", tree="t", date="d")}
    assert (told["bench.board.speed"].value, told["bench.board.memory"].value) == (40, 105)
    assert "at most 512 MB of its own" in told["bench.board.memory"].protocol
    assert "no energy counter" in records["bench.tiny.energy"].protocol
    assert "A processor" in records["bench.front-end.window"].protocol
    without = bench_records(measured(models=(), listen=None), command="c", tree="t", date="d")
    assert {r.id.split(".")[1] for r in without} == {"front-end", "import"}


def test_this_machine_has_a_name():
    assert machine().processor
    assert machine().cores >= 1


def test_models_that_do_not_detect_are_not_listened_with(tmp_path, make_model):
    kind = Head(task="scream-type", output="scream-type", labels=("negative", "positive"))
    model = load_model(make_model(tmp_path / "type.onnx", heads=(kind,)))
    cost, notes = bench_module._listen([model], BenchOptions(listen_minutes=1), print)
    assert cost is None
    assert "needs one head that detects, these models have 0" in notes[0]
    assert bench_module._listen([model], BenchOptions(listen_minutes=0), print) == (None, ())


def test_listening_is_measured_in_a_process_of_its_own(tiny):
    found = listen_cost([tiny.path], 0.2, {})
    assert found.real_time_factor == pytest.approx(12 / found.wall_seconds)
    assert found.peak_bytes is None or found.peak_bytes > 10e6
    with pytest.raises(ModelError, match=r"measuring `listen` failed: .*gone\.onnx"):
        listen_cost([Path("gone.onnx")], 0.01, {})


@pytest.mark.slow
def test_training_is_measured_from_kept_views_and_answers(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    cost = training_cost(96, tmp_path, {**os.environ, "OMP_NUM_THREADS": "1"})
    assert cost.clips == 96
    assert 0 <= cost.loader_share <= 1
    assert cost.peak_bytes > 1e8
    assert list(tmp_path.iterdir()) == []
