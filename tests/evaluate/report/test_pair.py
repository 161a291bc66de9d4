"""Two models on the same clips: compared, or refused with what differs."""

import numpy as np
import pytest

from exclaim.errors import CorpusError, RecipeError
from exclaim.evaluate.answers import read_answers, write_answers
from exclaim.evaluate.metrics import accuracy
from exclaim.evaluate.report.answered import answered
from exclaim.evaluate.report.pair import is_pairable, make_pair
from exclaim.evaluate.report.runs import find_runs


def pair(paths, tmp_path):
    return make_pair(paths, tmp_path, draws=40, stage=lambda name: lambda done, whole: None)


def told(report):
    return {(n.row, n.figure): n for section in report.sections for n in section.numbers}


def test_two_runs_are_paired_clip_by_clip(make_run, tmp_path):
    first, second = make_run("a"), make_run("b", shift=1.2)
    report = pair([first, second], tmp_path)
    numbers = told(report)
    shares = []
    for run in find_runs([first, second]).runs:
        answers = answered(run, tmp_path).answers["scream-detection"]
        shares.append(np.mean([answer.answer == answer.label for answer in answers]))
    difference = numbers["a less b", "difference of accuracy"]
    assert difference.value == pytest.approx(shares[0] - shares[1])
    assert difference.low <= difference.value <= difference.high
    assert numbers["a", "accuracy"].value == pytest.approx(shares[0])
    gained = numbers["a and b", "only the first right"].value - numbers["a and b", "only the second right"].value
    assert gained / 30 == pytest.approx(shares[0] - shares[1])
    flips = next(table for table in report.sections[1].tables if table.name == "flips-scream-detection")
    turned = [line for block in flips.blocks for line in block.lines]
    both = numbers["a and b", "only the first right"].value + numbers["a and b", "only the second right"].value
    assert len(turned) == both > 0
    sure = [float(line.cells[-1].text) for line in flips.blocks[0].lines]
    assert sure == sorted(sure, reverse=True)


def test_a_run_and_a_file_of_answers_are_paired(make_run, tmp_path):
    first, second = make_run("a"), make_run("b", shift=1.2)
    run = find_runs([second]).runs[0]
    answered(run, tmp_path)
    file = next(second.glob("answers-*.csv")).rename(tmp_path / "theirs.csv")
    assert is_pairable(first)
    assert is_pairable(file)
    assert not is_pairable(tmp_path)
    assert ("a less theirs", "difference of uar") in told(pair([first, file], tmp_path))


def test_labels_in_another_order_are_put_in_order(make_run, tmp_path):
    first = make_run("a")
    answers = answered(find_runs([first]).runs[0], tmp_path).answers["scream-detection"]
    import msgspec

    turned = [
        msgspec.structs.replace(
            one,
            probabilities=dict(reversed(one.probabilities.items())),
            logits=dict(reversed(one.logits.items())),
        )
        for one in answers
    ]
    write_answers(tmp_path / "same.csv", turned)
    numbers = told(pair([first, tmp_path / "same.csv"], tmp_path))
    assert numbers["a less same", "difference of accuracy"].value == 0
    assert numbers["a less same", "difference of brier"].value == pytest.approx(0)
    assert numbers["a and same", "agreement"].value == 1


def test_other_clips_are_refused_with_what_differs(make_run, tmp_path):
    first, second = make_run("a"), make_run("b", chosen=slice(2, 28))
    with pytest.raises(CorpusError, match=r"4 only a heard \(.*28\.wav.*\.\.\.\)"):
        pair([first, second], tmp_path)


def test_another_label_is_refused(make_run, tmp_path):
    with pytest.raises(CorpusError, match=r"1 have another label \(.*05\.wav\)"):
        pair([make_run("a", turned=(3,)), make_run("b", turned=(3, 5))], tmp_path)


def test_runs_without_a_task_in_common_are_refused(make_run, tmp_path):
    with pytest.raises(CorpusError, match="no task in common"):
        pair([make_run("a"), make_run("b", task="scream-type")], tmp_path)


def test_two_of_one_name_are_told_apart(make_run, tmp_path):
    first = make_run("a")
    second = make_run("a", shift=1.2, folder=tmp_path / "others")
    assert pair([first, second], tmp_path).title == "a (first) and a (second)"


@pytest.mark.parametrize("count", [1, 3])
def test_two_are_needed(make_run, tmp_path, count):
    with pytest.raises(RecipeError, match=f"{count} to pair"):
        pair([make_run(f"a{i}") for i in range(count)], tmp_path)


def test_what_is_neither_a_run_nor_a_file_is_refused(make_run, tmp_path):
    with pytest.raises(RecipeError, match="neither a run folder nor a file"):
        pair([make_run("a"), tmp_path / "absent"], tmp_path)


def test_answers_of_the_runs_agree_with_the_metrics(make_run, tmp_path):
    run = make_run("a")
    answered(find_runs([run]).runs[0], tmp_path)
    answers = read_answers(next(run.glob("answers-*.csv")))
    assert accuracy([a.label for a in answers], [a.answer for a in answers]) > 0.7
