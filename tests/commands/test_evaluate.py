"""exclaim evaluate."""

import json
import re

import numpy as np
import pytest
import soundfile

from exclaim.evaluate.answers import read_answers
from exclaim.evaluate.results import read_records


def test_a_manifest_as_json(exclaim, tiny, crowd):
    done = exclaim("evaluate", tiny, "--manifest", crowd, "--json", "--draws", 20)
    assert done.status == 0, done.err
    found = json.loads(done.out)
    for name in ("n", "excluded", "accuracy", "balanced_accuracy", "uar", "macro_f1", "auroc", "ece", "confusion"):
        assert found[name] is not None
    assert found["task"] == "scream-detection"
    assert found["n"] == 24
    assert found["speakers"] == 6
    assert found["intervals"]["uar"][0] <= found["uar"] <= found["intervals"]["uar"][1]
    assert found["data"] == "crowd"


def test_a_table_for_people(exclaim, tiny, crowd):
    with crowd.open("a") as file:
        file.write("00.wav,zzz,speaker-1\n")
    done = exclaim("evaluate", tiny, "--manifest", crowd, "--task", "scream-detection", "--draws", 20)
    assert done.status == 0, done.err
    assert "n 24 (12 other, 12 scream), 6 speakers; excluded 1" in done.out
    assert "left out: 1 clips, label 'zzz' is not known for scream-detection" in done.out
    assert "balanced_accuracy" in done.out
    assert "protocol: whole clips" in done.out


def test_a_corpus_where_the_data_are(exclaim, tiny, crowd):
    for name in ("bus", "cafe"):
        (crowd.parent / "noise" / name).mkdir(parents=True)
        (crowd.parent / "00.wav").rename(crowd.parent / "noise" / name / f"00-{name}.wav")
        (crowd.parent / "01.wav").replace(crowd.parent / "00.wav") if name == "bus" else None
    done = exclaim("evaluate", tiny, "--corpus", "noise", "--data", crowd.parent, "--json", "--draws", 5)
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert found["n"] == 2
    assert found["auroc"] is None
    assert any("there is no AUROC" in note for note in found["notes"])


def test_only_the_speakers_of_a_split(exclaim, tiny, crowd):
    split = {"test": {"speakers": ["csv:speaker-1", "csv:speaker-2"], "ambience": []}}
    (tiny.parent / "split.json").write_text(json.dumps(split))
    listed = crowd.parent / "names.txt"
    listed.write_text("speaker-1\nspeaker-2\n\n")
    by_run = exclaim("evaluate", tiny, "--manifest", crowd, "--split", "test", "--json", "--draws", 5)
    by_list = exclaim("evaluate", tiny, "--manifest", crowd, "--speakers-file", listed, "--json", "--draws", 5)
    for done in (by_run, by_list):
        assert done.status == 0, done.err
        assert (json.loads(done.out)["n"], json.loads(done.out)["speakers"]) == (8, 2)
    assert json.loads(by_run.out)["data"] == "crowd, test speakers"


@pytest.mark.parametrize(
    ("written", "options", "message"),
    [
        (None, ["--split", "test"], "split.json cannot be read"),
        ('{"test": {"speakers": ["x"]}}', ["--split", "dev"], "no part 'dev'; it has test"),
        ('{"test": {"speakers": ["x"]}}', ["--split", "test"], "none of 24 clips of csv is by one of the 1 speakers"),
        ('{"test": {"speakers": []}}', ["--split", "test"], "holds nobody out for 'test'"),
        ('{"test": 1}', ["--split", "test"], "lists no speakers"),
        ("[", ["--split", "test"], "expected the split.json of a run folder"),
    ],
)
def test_speakers_that_cannot_be_had(exclaim, tiny, crowd, written, options, message):
    if written is not None:
        (tiny.parent / "split.json").write_text(written)
    done = exclaim("evaluate", tiny, "--manifest", crowd, *options)
    assert done.status == 1
    assert message in done.err


def test_clips_must_be_named_once(exclaim, tiny, crowd):
    for options in ([], ["--corpus", "noise", "--manifest", crowd]):
        done = exclaim("evaluate", tiny, *options)
        assert done.status == 1
        assert "--corpus NAME (with --data DIR) or by --manifest CSV" in done.err


def test_records_are_added_and_replaced_by_id(exclaim, tiny, crowd):
    results = crowd.parent / "results.json"
    for draws in (5, 7):
        done = exclaim("evaluate", tiny, "--manifest", crowd, "--record", results, "--draws", draws)
        assert done.status == 0, done.err
    records = {record.id: record for record in read_records(results)}
    uar = records["evaluate.tiny.scream-detection.crowd.uar"]
    assert "from 7 draws" in uar.protocol
    assert uar.data == "crowd: 24 clips"
    assert uar.command == "exclaim evaluate tiny.onnx --manifest crowd.csv"
    assert str(crowd.parent) not in results.read_text()


def test_the_answer_to_each_clip_is_written(exclaim, tiny, crowd):
    path = crowd.parent / "answers.csv"
    done = exclaim("evaluate", tiny, "--manifest", crowd, "--answers", path, "--json", "--draws", 5)
    assert done.status == 0, done.err
    rows = read_answers(path)
    assert [row.path for row in rows] == [f"{i:02}.wav" for i in range(24)]
    assert {row.speaker for row in rows} == {f"csv:speaker-{i}" for i in range(6)}
    right = sum(row.label == row.answer for row in rows) / 24
    assert json.loads(done.out)["accuracy"] == pytest.approx(right, abs=1e-6)


@pytest.fixture
def noise(crowd):
    """A folder with two kinds of noise, beside the clips."""
    for kind in ("bus", "hum"):
        (crowd.parent / "noise" / kind).mkdir(parents=True)
        for name in ("a", "b"):
            samples = np.random.default_rng(ord(name)).normal(size=64_000) / 9
            soundfile.write(crowd.parent / "noise" / kind / f"{name}.wav", samples, 16_000)
    return crowd.parent / "noise"


def test_under_a_folder_of_noise(exclaim, tiny, crowd, noise):
    results = crowd.parent / "results.json"
    options = ("--manifest", crowd, "--noise", noise, "--draws", 20)
    done = exclaim("evaluate", tiny, *options, "--snr", "-5,clean", "--snr", 10, "--record", results)
    assert done.status == 0, done.err
    assert "24 clips under noise" in done.out
    assert re.search(r"bus \(2 recordings\) +-5 dB +0\.\d{3} +0\.\d{3} to", done.out)
    assert re.search(r"mean over kinds +10 dB", done.out)
    assert "protocol under noise: noise added to the waveform" in done.out
    records = {record.id: record for record in read_records(results)}
    loss = records["evaluate.tiny.scream-detection.crowd.under-noise.hum-minus-5-db-loss"]
    assert loss.command == "exclaim evaluate tiny.onnx --manifest crowd.csv --noise ./noise --snr -5,10"
    assert str(crowd.parent) not in results.read_text()


def test_the_ratios_asked_for_are_the_table(exclaim, tiny, crowd, noise):
    def table(*options):
        done = exclaim("evaluate", tiny, "--manifest", crowd, "--noise", noise, "--draws", 5, "--json", *options)
        assert done.status == 0, done.err
        return json.loads(done.out)["noise"]

    assert table()["snrs_db"] == [-5, 0, 5, 10, 20]
    assert table("--snr", "10,-5", "--snr", "10")["snrs_db"] == [-5, 10]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--snr", "5"], "--snr 5 without noise"),
        (["--noise", "noise", "--snr", "loud"], "expected numbers in dB"),
        (["--noise", "noise", "--snr", "clean"], "expected at least one number"),
        (["--noise", "noise", "--snr", "nan"], "expected at least one number"),
        (["--noise", "noise", "--snr", "5"], "it says which noise training heard"),
        (["--noise", "nowhere"], "nowhere has no sound files"),
    ],
)
def test_noise_that_cannot_be_had(exclaim, tiny, crowd, options, message):
    done = exclaim("evaluate", tiny, "--manifest", crowd, *options)
    assert done.status == 1
    assert message in done.err


def test_of_a_corpus_of_noise_only_what_training_did_not_hear(exclaim, tiny, crowd, noise):
    heard = {"speakers": ["csv:speaker-1"], "ambience": ["noise:bus/a", "noise:hum/a", "noise:hum/b"]}
    rest = {"speakers": ["csv:speaker-2"], "ambience": ["noise:bus/b"]}
    (tiny.parent / "split.json").write_text(json.dumps({"train": heard, "test": rest}))
    options = ("--manifest", crowd, "--noise", "noise", "--data", noise.parent, "--snr", 5, "--draws", 5, "--json")
    for more in ([], ["--split", "test"]):
        done = exclaim("evaluate", tiny, *options, *more)
        assert done.status == 0, done.err
        table = json.loads(done.out)["noise"]
        assert table["recordings"] == {"bus": ["bus/b"]}
        assert "noise hum: no recording of noise is held out; left out" in table["notes"]
        assert table["n"] == (4 if more else 24)


@pytest.mark.parametrize("ambience", [{}, {"ambience": 3}])
def test_a_split_that_does_not_list_its_ambience_is_refused(exclaim, tiny, crowd, noise, ambience):
    parts = {"train": {"speakers": ["a"], **ambience}, "test": {"speakers": ["csv:speaker-2"], "ambience": []}}
    (tiny.parent / "split.json").write_text(json.dumps(parts))
    done = exclaim("evaluate", tiny, "--manifest", crowd, "--noise", "noise", "--data", noise.parent)
    assert done.status == 1
    assert "does not list the ambience of each part" in done.err
