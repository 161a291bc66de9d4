"""A run's answers are computed once and kept under the model's hash."""

import msgspec
import numpy as np
import pytest

from exclaim.card import Card, Head, Thresholds
from exclaim.errors import CorpusError
from exclaim.evaluate.answers import answers_name, write_answers
from exclaim.evaluate.report import answered as module
from exclaim.evaluate.report.answered import answered
from exclaim.evaluate.report.runs import find_runs
from exclaim.learn.recipe import HeadOptions
from exclaim.model import pin, seal


@pytest.fixture
def heard(monkeypatch) -> list[int]:
    """How many clips each run of a model was given."""
    counts = []
    original = module.clip_logits

    def counted(model, paths, **options):
        counts.append(len(paths))
        return original(model, paths, **options)

    monkeypatch.setattr(module, "clip_logits", counted)
    return counts


def test_answers_are_computed_once(make_runs, tmp_path, heard):
    (run,) = make_runs({"name": "a"})
    first = answered(run, tmp_path)
    again = answered(run, tmp_path)
    assert heard == [30]
    assert again.answers == first.answers
    assert (again.clips, again.paths) == (first.clips, first.paths)
    assert np.array_equal(again.embeddings, first.embeddings)
    assert first.embeddings.shape == (30, 16)
    answers = first.answers["scream-detection"]
    assert [answer.sha256 for answer in answers] == sorted(first.clips)
    assert len({answer.cluster for answer in answers}) == 6
    assert list(tmp_path.rglob("*.partial*")) == []


def test_another_model_in_the_same_folder_is_heard_anew(make_run, make_runs, tmp_path, heard):
    (run,) = make_runs({"name": "a"})
    answered(run, tmp_path)
    make_run("b", shift=3)
    other = find_runs([run.folder.parent / "b"]).runs[0]
    answered(other, tmp_path)
    assert heard == [30, 30]


def test_what_was_kept_and_is_damaged_is_computed_again(make_runs, tmp_path, heard, caplog):
    (run,) = make_runs({"name": "a"})
    whole = answered(run, tmp_path)
    next(run.folder.glob("answers-*.csv")).write_text("path\n")
    assert answered(run, tmp_path).answers == whole.answers
    assert heard == [30, 30]
    assert "computed again" in caplog.text


def test_test_clips_that_are_gone_are_an_error_unless_their_answers_were_kept(make_runs, tmp_path):
    (run,) = make_runs({"name": "a"})
    kept = answered(run, tmp_path)
    (run.folder / "test.csv").write_text("path,label,speaker\nnowhere.wav,scream,x\n")
    assert answered(run, tmp_path).answers == kept.answers
    for path in (*run.folder.glob("answers-*"), *run.folder.glob("embeddings-*")):
        path.unlink()
    with pytest.raises(CorpusError, match="missing"):
        answered(run, tmp_path)


def test_a_head_that_learnt_from_clips_of_its_own_is_told_by_the_run(make_runs, make_network, tmp_path):
    """The list of test clips has the labels of the recipe's task alone."""
    (run,) = make_runs({"name": "a"})
    moods = ("calm", "glad", "sad")
    model = make_network(
        run.folder / "a.onnx",
        {"scream-detection": np.ones((2, 128)), "mood": np.ones((3, 128))},
        {"scream-detection": np.zeros(2), "mood": np.zeros(3)},
    )
    detects = Head(
        task="scream-detection",
        output="scream-detection",
        labels=("other", "scream"),
        thresholds=Thresholds(on=0.5, off=0.4),
    )
    seal(
        model, Card(name="a", version="1", heads=(detects, Head(task="mood", output="mood", labels=moods)), corpora=())
    )
    pin(model)
    heads = run.recipe.heads | {"mood": HeadOptions(labels=moods)}
    (run.folder / "recipe.json").write_bytes(msgspec.json.encode(msgspec.structs.replace(run.recipe, heads=heads)))
    (run,) = find_runs([run.folder]).runs
    assert set(answered(run, tmp_path).answers) == {"scream-detection"}

    next(run.folder.glob("embeddings-*")).unlink()
    rows = [
        msgspec.structs.replace(
            row,
            task="mood",
            label="sad",
            answer="glad",
            probabilities=dict.fromkeys(moods, 1 / 3),
            logits=dict.fromkeys(moods, 0.0),
        )
        for row in answered(run, tmp_path).answers["scream-detection"][::-1]
    ]
    next(run.folder.glob("embeddings-*")).unlink()
    write_answers(run.folder / answers_name("mood"), rows)
    for _ in range(2):  # computed, and then as it was kept
        found = answered(run, tmp_path).answers["mood"]
        assert [row.sha256 for row in found] == sorted(row.sha256 for row in rows)
        assert {row.label for row in found} == {"sad"}
