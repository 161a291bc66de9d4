"""Speaker-normalised answers."""

import numpy as np

from exclaim.evaluate.centring import LEAST_CLIPS, centred, centred_uar
from exclaim.evaluate.figures import Judged

LABELS = ("a", "b", "c")


def heard(clips: int, offsets: np.ndarray, seed: int = 0) -> Judged:
    """Speakers whose answers are right but for an offset of their own."""
    rng = np.random.default_rng(seed)
    truth = np.tile(np.arange(3), clips * len(offsets) // 3)
    speakers = np.repeat(np.arange(len(offsets)), clips)
    logits = 2 * np.eye(3)[truth] + offsets[speakers] + 0.1 * rng.normal(size=(len(truth), 3))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    answers = probabilities.argmax(axis=1)
    names = tuple(f"s{speaker}" for speaker in speakers)
    return Judged(LABELS, truth, answers, probabilities, probabilities.max(axis=1), np.ones(len(truth), bool), names)


def test_a_speakers_own_offset_is_taken_away() -> None:
    found = heard(30, np.array([[4.0, 0, 0], [0, 5.0, 0], [0, 0, 0]]))
    assert np.mean(found.answers == found.truth) < 0.7
    value, interval = centred_uar(found, 0, 100) or (0.0, None)
    assert value == 1.0
    assert interval is not None


def test_rows_are_centred_for_each_speaker_alone() -> None:
    speakers = np.array(["x", "y", "x", "y"])
    rows = np.random.default_rng(1).dirichlet(np.ones(3), 4)
    logs = centred(rows, speakers)
    assert np.allclose(logs[[0, 2]].mean(axis=0), 0)
    assert np.allclose(logs[0], np.log(rows[0]) - (np.log(rows[0]) + np.log(rows[2])) / 2)


def test_a_speaker_of_few_clips_or_two_labels_give_none() -> None:
    assert centred_uar(heard(LEAST_CLIPS // 2 // 3 * 3, np.zeros((3, 3))), 0, 10) is None
    two = heard(30, np.zeros((2, 3)))._replace(labels=("a", "b"))
    assert centred_uar(two, 0, 10) is None
