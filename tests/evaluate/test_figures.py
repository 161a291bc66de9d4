"""Figures from the rows of answers: the same that an evaluation prints."""

import math

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from exclaim.card import Head, Thresholds
from exclaim.corpora.clip import Clip
from exclaim.evaluate.answers import clip_answers, read_answers, write_answers
from exclaim.evaluate.clips import ClipLogits
from exclaim.evaluate.figures import FIGURES, figure_intervals, figures, judged

BURSTS = Head(task="my-bursts", output="b", labels=("cry", "laugh", "groan"), abstain_below=0.5)
DETECTION = Head(
    task="scream-detection", output="d", labels=("other", "scream"), thresholds=Thresholds(on=0.2, off=0.1)
)


def answers(root, head: Head, n: int = 90, seed: int = 0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(len(head.labels), size=n)
    logits = 1.2 * np.eye(len(head.labels))[truth] + rng.normal(size=(n, len(head.labels)))
    rows = []
    for i in range(n):
        clip = Clip(path=root / f"{i}.wav", corpus="c", speaker=f"s{i % 9}")
        heard = ClipLogits(path=clip.path, sha256=f"{i:064x}", level_db=0.0, logits={head.output: logits[i]})
        rows.append((clip, head.labels[truth[i]], heard))
    return clip_answers(head, rows, -80, root)


def test_many_labels_agree_with_scikit_learn(tmp_path):
    found = judged(answers(tmp_path, BURSTS))
    told = figures(found)
    wanted = np.eye(3)[found.truth]
    assert told["auprc"] == pytest.approx(sklearn_metrics.average_precision_score(wanted, found.probabilities))
    assert told["auroc"] == pytest.approx(sklearn_metrics.roc_auc_score(wanted, found.probabilities))
    surest = np.argsort(-found.probabilities.max(axis=1))[:63]  # 70 % of 90
    truth, given = found.truth[surest], found.answers[surest]
    assert told["selective_accuracy"] == pytest.approx(sklearn_metrics.accuracy_score(truth, given))
    assert told["selective_uar"] == pytest.approx(sklearn_metrics.balanced_accuracy_score(truth, given))
    assert told["selective_uar"] > told["uar"]
    assert set(told) == set(FIGURES)


def test_a_detection_is_surest_far_from_its_threshold(tmp_path):
    found = judged(answers(tmp_path, DETECTION))
    scores = found.probabilities[:, 1]
    np.testing.assert_array_equal(found.answers, scores >= 0.2)
    distance = np.abs(np.log(scores / (1 - scores)) - np.log(0.2 / 0.8))
    surest = np.argsort(-distance)[:63]
    right = found.truth[surest] == found.answers[surest]
    told = figures(found)
    assert told["selective_accuracy"] == pytest.approx(right.mean())
    assert told["auprc"] == pytest.approx(sklearn_metrics.average_precision_score(found.truth, scores))


def test_what_was_kept_in_a_file_gives_the_same_figures(tmp_path):
    rows = answers(tmp_path, BURSTS)
    write_answers(tmp_path / "a.csv", rows)
    assert figures(judged(read_answers(tmp_path / "a.csv"))) == figures(judged(rows))


def test_figures_of_a_draw_are_those_of_its_clips(tmp_path):
    rows = answers(tmp_path, BURSTS)
    chosen = np.array([5, 5, 8, 2, 60, 61, 77])
    assert figures(judged(rows), chosen) == figures(judged([rows[i] for i in chosen]))


def test_every_figure_lies_in_its_interval(tmp_path):
    found = judged(answers(tmp_path, BURSTS))
    told = figures(found)
    spread = figure_intervals(found, seed=0, draws=100)
    assert set(spread) == set(FIGURES)
    for name, (low, high) in spread.items():
        assert low <= told[name] <= high, name


def test_one_label_has_figures_without_an_area(tmp_path):
    only = [row for row in answers(tmp_path, BURSTS) if row.label == "cry"]
    told = figures(judged(only))
    assert math.isnan(told["auroc"])
    assert told["uar"] == told["accuracy"]
    assert "auroc" not in figure_intervals(judged(only), seed=0, draws=20)
