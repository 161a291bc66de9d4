"""Seeds are one row; a random split finds its twin."""

import numpy as np
import pytest

from exclaim.evaluate.metrics import accuracy
from exclaim.evaluate.report.answered import answered
from exclaim.evaluate.report.rows import judgements, rows, twins
from exclaim.learn.recipe import Schedule


@pytest.fixture
def found(make_runs, tmp_path):
    def read(*runs):
        read = make_runs(*runs)
        answers = {run.sha256: answered(run, tmp_path) for run in read}
        return rows(read, answers), answers

    return read


def test_runs_that_differ_in_name_and_seed_are_one_row_by_seed(found):
    got, _ = found(
        {"name": "student-s2", "seed": 2, "shift": 1},
        {"name": "student-s1", "seed": 1},
        {"name": "longer", "seed": 1, "shift": 2, "schedule": Schedule(epochs=50)},
    )
    assert [(row.name, row.seeds) for row in got] == [("student", (1, 2)), ("longer", (1,))]


def test_the_same_seed_twice_is_no_second_seed(found):
    got, _ = found({"name": "a"}, {"name": "b", "shift": 1})
    assert [(row.name, row.seeds) for row in got] == [("a", (0,)), ("b", (0,))]


def test_seeds_that_were_tested_on_other_clips_are_rows_of_their_own(found):
    got, _ = found({"name": "a-1", "seed": 1}, {"name": "a-2", "seed": 2, "chosen": slice(5, None)})
    assert [row.name for row in got] == ["a-1", "a-2"]


@pytest.mark.parametrize(
    ("names", "row"),
    [
        (("class-1", "class-2"), "class"),
        (("net-seed10", "net-seed11"), "net"),
        (("one", "two"), "one"),
        (("s1", "s2"), "s"),
    ],
)
def test_a_row_is_named_by_what_its_runs_have_in_common(found, names, row):
    got, _ = found(*({"name": name, "seed": i, "shift": i} for i, name in enumerate(names)))
    assert [one.name for one in got] == [row]


def test_a_random_split_finds_the_speaker_independent_run_of_its_recipe(found):
    got, _ = found(
        {"name": "teacher"},
        {"name": "teacher-random", "by": "random", "shift": 1, "schedule": Schedule(keep="last")},
        {"name": "student", "teacher": "teacher.yaml", "shift": 2},
        {"name": "student-random", "by": "random", "teacher": "teacher-random.yaml", "shift": 3},
        {"name": "alone-random", "by": "random", "shift": 4, "schedule": Schedule(epochs=50)},
    )
    assert {name: row.name for name, row in twins(got).items()} == {
        "teacher-random": "teacher",
        "student-random": "student",
    }


def test_students_of_other_teachers_are_no_twins(found):
    got, _ = found(
        {"name": "student", "teacher": "large.yaml"},
        {"name": "student-random", "by": "random", "teacher": "small-random.yaml", "shift": 1},
    )
    assert twins(got) == {}


def test_a_judgement_has_the_mean_and_the_deviation_of_its_seeds(found):
    got, answers = found({"name": "a-1", "seed": 1}, {"name": "a-2", "seed": 2, "shift": 2.5})
    (one,) = judgements(got, answers, draws=50)
    assert one.probabilities.shape == (2, 30, 2)
    each = [accuracy(one.truth, line) for line in one.answers]
    assert each[0] != each[1]
    assert one.figures["accuracy"].of_seeds == pytest.approx(each)
    assert one.figures["accuracy"].whole == pytest.approx(np.mean(each))
    assert one.figures["accuracy"].deviation == pytest.approx(np.std(each, ddof=1))
    assert one.speakers == 6
