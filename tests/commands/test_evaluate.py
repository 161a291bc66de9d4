"""exclaim evaluate."""

import json

import pytest

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
        ('{"test": {"speakers": []}}', ["--split", "test"], "names nobody"),
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
