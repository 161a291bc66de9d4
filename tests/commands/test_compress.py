"""``exclaim compress``: what it makes lies in the run's folder, and shipped files stay as they are."""

import csv
import json
from pathlib import Path

import msgspec
import pytest

from exclaim.model import shipped_models

pytest.importorskip("onnx", reason="needs the extra `learn`")


@pytest.fixture(autouse=True)
def same_time(monkeypatch) -> None:
    """Let every model take a millisecond; how they are timed has tests of its own."""
    from exclaim.learn import admission
    from exclaim.learn.pace import Pace

    monkeypatch.setattr(admission, "paces", lambda original, models, windows: [Pace(1.0, 1.0, 1.0)] * len(models))


@pytest.fixture
def run(tmp_path, make_model, crowd) -> tuple[Path, Path]:
    """A run's folder, and the CSV corpus that its model was trained on."""
    from exclaim.card import CorpusUse, Head

    folder = tmp_path / "tiny"
    folder.mkdir()
    head = Head(task="scream-type", output="scream-type", labels=("negative", "positive"))
    make_model(folder / "tiny.onnx", (head,), corpora=(CorpusUse(name="csv", licence="own"),))
    with crowd.open(newline="") as file:
        rows = list(csv.reader(file))
    with crowd.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(rows[0])
        table.writerows([path, "negative" if label == "scream" else "positive", who] for path, label, who in rows[1:])
    split = {"train": {"speakers": ["speaker-0", "speaker-1"]}, "validation": {"speakers": ["speaker-2", "speaker-3"]}}
    (folder / "split.json").write_bytes(msgspec.json.encode(split))
    return folder, crowd


def test_a_run_is_compressed_and_measured(exclaim, run):
    folder, clips = run
    done = exclaim("compress", folder, "--method", "weights8", "--data", clips, "--tolerance", "1", "--json")
    assert done.status == 0, done.err
    (found,) = json.loads(done.out)
    assert found["model"] == "tiny-weights8.onnx"
    assert {"method", "bytes", "ms", "quality", "passed", "reason"} <= set(found)
    assert json.loads((folder / "compress.json").read_bytes()) == [found]
    assert {path.name for path in (folder / "compressed").iterdir()} == {"tiny-weights8.onnx", "models.json"}


def test_the_table_says_why(exclaim, run, tmp_path):
    folder, clips = run
    done = exclaim("compress", folder / "tiny.onnx", "--method", "weights8", "--data", clips, "--out", tmp_path / "out")
    assert done.status == 0, done.err
    assert "tiny-weights8.onnx" in done.out
    assert (tmp_path / "out/compress.json").is_file()
    assert not (folder / "compress.json").exists()


@pytest.mark.parametrize("out", [(), ("--out", next(iter(shipped_models().values())).parent)])
def test_shipped_files_stay_as_they_are(exclaim, out):
    done = exclaim("compress", "scream-type", *out)
    assert done.status == 1
    assert "--out" in done.err


def test_a_method_that_is_not_known_is_said(exclaim, run):
    folder, clips = run
    done = exclaim("compress", folder, "--method", "int4", "--data", clips)
    assert done.status == 1
    assert "expected int8, weights8 or prune:SHARE" in done.err
