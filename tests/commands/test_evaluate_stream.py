"""exclaim evaluate --stream, exclaim soundscape."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from exclaim.commands import evaluate_stream
from exclaim.evaluate.results import read_records

RATE = 16_000


@pytest.fixture
def quiet(tmp_path, make_model) -> Path:
    """The tiny model with a level floor: a quiet room is nothing."""
    return make_model(tmp_path / "tiny.onnx", level_floor_db=-40.0)


@pytest.fixture
def recordings(tmp_path) -> Path:
    """A folder of two minutes: loud noise at 10, 30 and 50 s, of which events know 10 and 30 s, and one that is not."""
    folder = tmp_path / "night"
    folder.mkdir()
    for name, loud, events in (("a", (10, 30), "10,11.5,scream\n30,31.5,scream\n"), ("b", (50,), "20,21,scream\n")):
        sound = np.random.default_rng(7).normal(0, 1e-4, 60 * RATE)
        for at in loud:
            sound[at * RATE : at * RATE + 24_000] += np.random.default_rng(at).uniform(-0.9, 0.9, 24_000)
        soundfile.write(folder / f"{name}.wav", sound, RATE)
        (folder / f"{name}.csv").write_text(f"onset,offset,label\n{events}")
    return folder


def test_a_folder_as_json_a_curve_and_records(exclaim, quiet, recordings, tmp_path):
    curve, results = tmp_path / "det.json", tmp_path / "results.json"
    done = exclaim("evaluate", quiet, "--stream", recordings, "--json", "--out", curve, "--record", results)
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert found == json.loads(curve.read_bytes())
    figures, card = found["figures"], found["figures"]["at_card"]
    assert (figures["hours"], figures["recordings"], figures["events"]) == (pytest.approx(1 / 30), 2, 3)
    assert (card["recall"], card["false_alarms"]) == (pytest.approx(2 / 3), 1)
    assert card["false_alarms_per_hour"] == pytest.approx(30.0)
    assert 0.5 < card["delay_median"] < 3.0
    assert len(figures["curve"]) > 100

    records = {record.id: record for record in read_records(results)}
    false = records["stream.tiny.night.false-alarms"]
    assert (false.value, false.unit) == (30.0, "an hour")
    assert false.interval == pytest.approx((30 * 0.02532, 30 * 5.5716), rel=1e-3)
    assert false.command == "exclaim evaluate tiny.onnx --stream night"
    assert records["stream.tiny.night.recall"].value == pytest.approx(2 / 3, abs=1e-6)


def test_alarms_by_what_a_second_model_takes_them_for(exclaim, quiet, make_model, recordings, tmp_path):
    from exclaim.model import load_model

    heads = {head.task: head for head in load_model(quiet).card.heads}
    detects = make_model(tmp_path / "detects.onnx", heads=(heads["scream-detection"],), level_floor_db=-40.0)
    tells = make_model(tmp_path / "tells.onnx", heads=(heads["scream-type"],), name="tells")
    results, asked = tmp_path / "results.json", ("--stream", recordings, "--type-model", tells)
    done = exclaim("evaluate", detects, *asked, "--json", "--record", results)
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert found["type_model"] == "tells 0"
    counts = {count["label"]: count for count in found["figures"]["types"]}
    assert list(counts) == ["negative", "positive", "unsure"]
    assert sum(count["found"] for count in counts.values()) == 2
    assert sum(count["false_alarms"] for count in counts.values()) == 1
    records = {record.id: record for record in read_records(results)}
    assert records["stream.tiny.night.false-alarms.negative"].interval is not None
    assert records["stream.tiny.night.recall"].command.endswith("--stream night --type-model tells.onnx")
    assert "taken by tells 0 for" in exclaim("evaluate", detects, *asked).out

    other = exclaim("evaluate", detects, "--stream", recordings, "--type-model", detects)
    assert other.status != 0
    assert "none of its heads tells more of scream-detection" in other.err
    assert "--type-model" in exclaim("evaluate", detects, "--type-model", tells, "--corpus", "noise").err


def test_a_table_for_people(exclaim, quiet, recordings):
    done = exclaim(
        *("evaluate", quiet, "--name", "kitchen"),
        *("--stream", recordings / "a.wav", "--events", recordings / "a.csv"),
        *("--stream", recordings / "b.wav", "--events", recordings / "b.csv"),
    )
    assert done.status == 0, done.err
    assert "tiny 0, scream-detection, on kitchen" in done.out
    assert "0.03 h in 2 recordings; 3 events, 0 other sounds" in done.out
    assert "false alarms at the card's threshold: 1 on nothing that is marked" in done.out
    assert "intersection, DTC .7, GTC .7" in done.out
    assert "note: no threshold reaches a recall of 90%" in done.out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--stream", "a.wav"], "1 recordings and 0 files of events"),
        (["--events", "a.csv"], "0 recordings and 1 files of events"),
        (["--out", "det.json"], "no recording is named"),
        (["--stream", "a.wav", "--events", "b.csv", "--corpus", "noise"], "--corpus is for clips"),
        (["--stream", "none.wav", "--events", "a.csv"], "none.wav does not exist"),
        (["--stream", "a.wav", "--events", "none.csv"], "none.csv cannot be read"),
    ],
)
def test_what_cannot_be_is_one_sentence(exclaim, quiet, recordings, monkeypatch, options, said):
    monkeypatch.chdir(recordings)
    done = exclaim("evaluate", quiet, *options)
    assert (done.status, done.out) == (1, "")
    assert said in done.err


def test_without_scipy_it_says_what_to_install(exclaim, quiet, recordings, monkeypatch):
    monkeypatch.setattr(evaluate_stream, "find_spec", lambda name: None)
    done = exclaim("evaluate", quiet, "--stream", recordings)
    assert done.status == 1
    assert "run `pip install exclaim[learn]`" in done.err


@pytest.mark.data
def test_a_soundscape_is_built_and_evaluated(exclaim, data_root, tmp_path):
    folder = tmp_path / "minutes"
    done = exclaim("soundscape", folder, "--hours", 1 / 30, "--data", data_root, "--seed", 3)
    assert done.status == 0, done.err
    assert "1 recordings, 0.0333333 h" in done.out
    results = tmp_path / "results.json"
    found = exclaim("evaluate", "scream-detection", "--stream", folder, "--json", "--record", results)
    assert found.status == 0, found.err
    figures = json.loads(found.out)["figures"]
    assert figures["hours"] == pytest.approx(1 / 30)
    assert (figures["events"], sum(figures["others"].values())) == (2, 2)

    assert read_records(results)[0].command == (
        "exclaim soundscape minutes --hours 0.0333333333333 --corpus emogator --part test --screams 60 --others 60 "
        "--snr 10 --seed 3 && exclaim evaluate scream-detection --stream minutes"
    )

    again = exclaim("soundscape", folder, "--hours", 1 / 30, "--data", data_root)
    assert again.status == 1
    assert "is not empty" in again.err
