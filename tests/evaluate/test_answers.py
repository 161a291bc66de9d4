"""A model's answer to each clip, and the file that keeps them."""

import csv

import msgspec
import numpy as np
import pytest

from exclaim.card import Head, Thresholds
from exclaim.corpora.clip import Clip
from exclaim.errors import CorpusError
from exclaim.evaluate.answers import clip_answers, confidences, read_answers, write_answers
from exclaim.evaluate.clips import ClipLogits

DETECTION = Head(
    task="scream-detection",
    output="d",
    labels=("other", "scream"),
    temperature=2.0,
    thresholds=Thresholds(on=0.4, off=0.2),
)
KIND = Head(task="scream-type", output="t", labels=("negative", "positive"), abstain_below=0.7)


def answered(root, head: Head, logits: list[list[float]], levels: list[float]) -> list:
    rows = []
    for i, (values, level) in enumerate(zip(logits, levels, strict=True)):
        path = root / "corpus" / f'{i}, "odd".wav'
        clip = Clip(path=path, corpus="mine", speaker=None if i == 1 else f"s{i % 2}", recording=f"r{i}")
        found = ClipLogits(path=path, sha256=f"{i:064x}", level_db=level, logits={head.output: np.array(values)})
        rows.append((clip, head.labels[i % 2], found))
    return rows


def test_a_detection_answers_at_the_cards_threshold(tmp_path):
    rows = clip_answers(DETECTION, answered(tmp_path, DETECTION, [[0, 0], [2, 0], [0, 9]], [0, 0, -70]), -60, tmp_path)
    assert [row.answer for row in rows] == ["scream", "other", "other"]  # .5 and .27 about .4; the last is too quiet
    assert not any(row.abstained for row in rows)
    odds = np.array([1, np.exp(-1)]) / (0.4 / 0.6)  # over the threshold's; the second is answered "other"
    assert [row.confidence for row in rows] == pytest.approx([odds[0] / (1 + odds[0]), 1 / (1 + odds[1]), 1])
    assert rows[1].probabilities["scream"] == pytest.approx(1 / (1 + np.e))  # the temperature is 2
    assert rows[1].logits == {"other": 2, "scream": 0}
    assert rows[0].path == 'corpus/0, "odd".wav'
    assert [row.speaker for row in rows] == ["mine:s0", None, "mine:s0"]
    assert [row.cluster for row in rows] == ["mine:s0", "mine:r1", "mine:s0"]


def test_an_abstention_is_answered_by_the_most_probable_label(tmp_path):
    rows = clip_answers(KIND, answered(tmp_path, KIND, [[0, 0.1], [3, 0], [0, 3]], [0, 0, -70]), -60, tmp_path)
    assert [row.answer for row in rows] == ["positive", "negative", "positive"]
    assert [row.abstained for row in rows] == [True, False, True]
    assert [row.confidence for row in rows] == pytest.approx([1 / (1 + np.exp(-0.1)), 1 / (1 + np.exp(-3)), 0])


def test_confidence_is_finite_at_the_ends():
    edge = msgspec.structs.replace(DETECTION, thresholds=Thresholds(on=1.0, off=0.0))
    found = confidences(edge, np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([False, False]))
    np.testing.assert_allclose(found, [1, 0.5])


def test_what_is_written_is_read_number_for_number(tmp_path):
    rng = np.random.default_rng(0)
    rows = clip_answers(
        KIND, answered(tmp_path, KIND, rng.normal(size=(20, 2)).tolist(), rng.normal(size=20)), -80, tmp_path
    )
    write_answers(tmp_path / "a.csv", rows)
    assert read_answers(tmp_path / "a.csv") == rows
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 21
    assert not list(tmp_path.glob("*.partial"))


def test_an_interrupted_write_leaves_the_old_file(tmp_path):
    rows = clip_answers(KIND, answered(tmp_path, KIND, [[0, 1]], [0]), -80, tmp_path)
    write_answers(tmp_path / "a.csv", rows)
    before = (tmp_path / "a.csv").read_bytes()

    other = msgspec.structs.replace(rows[0], probabilities={"awe": 1.0})
    with pytest.raises(ValueError, match="awe"):
        write_answers(tmp_path / "a.csv", [rows[0], other])
    assert (tmp_path / "a.csv").read_bytes() == before
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: [], "its columns are none"),
        (lambda rows: rows[:1], "has no lines"),
        (lambda rows: [row[:-1] for row in rows], "its columns are"),
        (lambda rows: [rows[0], [*rows[1][:-1], "many"]], "line 2.*could not convert"),
        (lambda rows: [rows[0], rows[1][:-1]], "line 2"),
        (lambda rows: [rows[0], [*rows[1], "more"]], "line 2"),
        (lambda rows: [rows[0], [*rows[1][:5], "awe", *rows[1][6:]]], "line 2.*'awe'"),
        (lambda rows: [rows[0], [*rows[1][:7], "maybe", *rows[1][8:]]], "line 2.*maybe"),
    ],
)
def test_other_files_are_refused(tmp_path, change, message):
    path = tmp_path / "a.csv"
    write_answers(path, clip_answers(KIND, answered(tmp_path, KIND, [[0, 1]], [0]), -80, tmp_path))
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(change(rows))
    with pytest.raises(CorpusError, match=message):
        read_answers(path)


def test_no_answers_and_no_place_are_said(tmp_path):
    with pytest.raises(CorpusError, match="none to write"):
        write_answers(tmp_path / "a.csv", ())
    with pytest.raises(CorpusError, match="cannot be read"):
        read_answers(tmp_path / "absent.csv")
    rows = clip_answers(KIND, answered(tmp_path, KIND, [[0, 1]], [0]), -80, tmp_path)
    with pytest.raises(CorpusError, match="cannot be written"):
        write_answers(tmp_path / "absent" / "a.csv", rows)
    assert clip_answers(KIND, [], -80, tmp_path) == ()
