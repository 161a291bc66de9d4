"""Figure 7's arithmetic."""

import numpy as np
import pytest

from exclaim.evaluate.report.answered import answered
from exclaim.evaluate.report.projection import knn_accuracy, pairs_to_project, project, projection_section, tsne
from exclaim.evaluate.report.rows import judgements, rows


def groups(n: int = 20, apart: float = 30.0) -> tuple[np.ndarray, np.ndarray]:
    truth = np.repeat([0, 1, 2], n)
    return np.random.default_rng(0).normal(size=(3 * n, 60)) + apart * np.eye(60)[truth], truth


def test_groups_that_lie_apart_stay_apart_and_the_same_rows_give_the_same_places():
    rows_, truth = groups()
    places = tsne(rows_)
    assert places.shape == (60, 2)
    assert knn_accuracy(places, truth) == 1
    assert np.array_equal(places, tsne(rows_))


def test_neighbours_vote_without_the_clip_itself():
    rows_ = np.array([[0.0], [1.0], [10.0], [11.0], [11.5]])
    assert knn_accuracy(rows_, np.array([0, 0, 1, 1, 1]), neighbours=1) == 1
    assert knn_accuracy(rows_, np.array([0, 1, 1, 1, 0]), neighbours=1) == pytest.approx(1 / 6)


def test_a_student_stands_beside_its_teacher(make_run, tmp_path):
    from exclaim.evaluate.report.runs import find_runs

    teacher = make_run("teacher", shift=1)
    make_run("student", teacher="teacher.yaml", parents=(teacher,))
    runs = find_runs([teacher.parent]).runs
    answers = {run.sha256: answered(run, tmp_path) for run in runs}
    (pair,) = pairs_to_project(judgements(rows(runs, answers), answers, draws=2))
    spaces = project(pair, answers)
    assert [space.title for space in spaces] == ["log-mels", "teacher", "student"]
    assert all(space.places.shape == (30, 2) for space in spaces)
    section = projection_section({pair.task: spaces})
    assert "30 test clips" in section.drawings[0].caption


def test_sounds_that_are_gone_leave_the_other_spaces(make_runs, tmp_path):
    runs = make_runs({"name": "a"})
    answers = {run.sha256: answered(run, tmp_path) for run in runs}
    gone = {sha256: one._replace(paths=("nowhere.wav",) * 30) for sha256, one in answers.items()}
    (pair,) = pairs_to_project(judgements(rows(runs, answers), answers, draws=2))
    assert [space.title for space in project(pair, gone)] == ["model"]
