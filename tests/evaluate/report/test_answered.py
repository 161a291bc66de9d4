"""A run's answers are computed once and kept under the model's hash."""

import numpy as np
import pytest

from exclaim.errors import CorpusError
from exclaim.evaluate.report import answered as module
from exclaim.evaluate.report.answered import answered


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
    from exclaim.evaluate.report.runs import find_runs

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
