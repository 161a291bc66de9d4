"""exclaim predict."""

import csv
import io

import numpy as np
import pytest

from exclaim.model import load_model


def test_a_row_for_each_clip_and_head(exclaim, tiny, crowd):
    clips = sorted(crowd.parent.glob("0[0-3].wav"))
    done = exclaim("predict", *clips, "--model", tiny, "--csv")
    assert done.status == 0, done.err
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert [row["path"] for row in rows] == [str(clip) for clip in clips for _ in range(2)]
    assert [row["task"] for row in rows] == ["scream-detection", "scream-type"] * 4
    for row in rows[::2]:
        loud = float(row["probability_scream"]) >= 0.5
        assert row["label"] == ("scream" if loud else "other")
        assert float(row["probability_other"]) + float(row["probability_scream"]) == pytest.approx(1, abs=2e-6)
        assert row["probability_negative"] == row["error"] == ""
        assert -80 <= float(row["level_db"]) <= 40
    assert {row["label"] for row in rows[::2]} == {"scream", "other"}
    unsure = [row["abstained"] == "yes" for row in rows[1::2]]
    np.testing.assert_array_equal(unsure, [row["label"] == "" for row in rows[1::2]])


def test_a_folder_is_its_clips(exclaim, tiny, crowd):
    done = exclaim("predict", crowd.parent, "--model", tiny, "--csv")
    assert len(list(csv.DictReader(io.StringIO(done.out)))) == 48


def test_csv_into_a_file_wherever_the_option_stands(exclaim, tiny, crowd):
    clip, out = crowd.parent / "01.wav", crowd.parent / "out.csv"
    assert exclaim("predict", clip, "--model", tiny, "--csv", out).status == 0
    first = out.read_text()
    assert exclaim("predict", "--csv", clip, out, "--model", tiny).status == 0
    assert out.read_text() == first
    assert len(first.splitlines()) == 3


def test_bad_clips_lose_nothing_and_end_badly(exclaim, tiny, crowd):
    bad = crowd.parent / "notes.wav"
    bad.write_text("text")
    out = crowd.parent / "out.csv"
    clips = [crowd.parent / "00.wav", bad, crowd.parent / "gone.wav", crowd.parent / "01.wav"]
    done = exclaim("predict", *clips, "--model", tiny, "--csv", out)
    assert done.status == 1
    assert "2 of 4 clips could not be read; their rows say why" in done.err
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    assert len(rows) == 8
    assert [bool(row["error"]) for row in rows[::2]] == [False, True, True, False]
    assert str(bad) in rows[2]["error"]


def test_lines_for_people(exclaim, tiny, crowd):
    (crowd.parent / "bad.wav").write_bytes(b"")
    done = exclaim("predict", crowd.parent / "01.wav", crowd.parent / "bad.wav", "--model", tiny)
    assert done.status == 1
    assert "scream-detection  scream  (other 0." in done.out
    assert "scream-type  unsure" in done.out
    assert "ERROR" in done.out


def test_a_model_named_twice_runs_once(exclaim, tiny, crowd):
    done = exclaim("predict", crowd.parent / "01.wav", "--model", tiny, "--model", tiny, "--csv")
    assert len(done.out.splitlines()) == 1 + len(load_model(tiny).card.heads)


def test_nothing_to_predict_is_an_error(exclaim, tiny, tmp_path):
    (tmp_path / "empty").mkdir()
    done = exclaim("predict", tmp_path / "empty", "--model", tiny)
    assert done.status == 1
    assert "no sound files in" in done.err
    assert "expected clips" in exclaim("predict", "out.csv", "--csv", "--model", tiny).err


def test_a_file_that_cannot_be_written_is_named(exclaim, tiny, crowd):
    done = exclaim("predict", crowd.parent / "01.wav", "--model", tiny, "--csv", crowd.parent / "gone" / "out.csv")
    assert done.status == 1
    assert "out.csv cannot be written" in done.err
