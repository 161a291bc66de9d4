"""What a row answers under noise, turned into figures that are of the same draws as the clean ones."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exclaim.card import Head
from exclaim.evaluate.noise.hearing import Condition
from exclaim.evaluate.paired import Spread, spread
from exclaim.evaluate.report.answered import Answered
from exclaim.evaluate.report.noisy import Noisy
from exclaim.evaluate.report.rows import Judgement
from exclaim.model import predict_head
from exclaim.model_file import read_card

__all__ = ["NOISE_FIGURES", "UnderNoise", "mean_of", "under_noise"]

NOISE_FIGURES = ("accuracy", "uar")


class UnderNoise(NamedTuple):
    """A row at a task, clean and under each condition."""

    judgement: Judgement
    clips: int
    clean: dict[str, Spread]  # of the clips that were mixed
    noisy: dict[Condition, dict[str, Spread]]
    recordings: dict[str, tuple[str, ...]]
    noise: str


def under_noise(
    one: Judgement, answers: Mapping[str, Answered], found: Mapping[str, Noisy], *, draws: int, seed: int = 0
) -> UnderNoise | None:
    """Return a row's figures under noise; None where one of its runs was not heard under noise.

    Args:
        one: the row and task.
        answers: to the clean clips, by the model file's hash.
        found: under noise, by the model file's hash.
        draws: of the intervals.
        seed: of the draws.
    """
    runs = one.row.runs
    if any(run.sha256 not in found for run in runs):
        return None
    heard = [found[run.sha256] for run in runs]
    if any(other.conditions != heard[0].conditions or other.clips != heard[0].clips for other in heard):
        return None
    told = {(answer.sha256, Path(answer.path).name): answer for answer in answers[runs[0].sha256].answers[one.task]}
    keys = list(zip(heard[0].clips, heard[0].names, strict=True))
    chosen = [i for i, key in enumerate(keys) if key in told]
    if not chosen:
        return None
    rows = [told[keys[i]] for i in chosen]
    truth = np.array([one.labels.index(row.label) for row in rows])
    clusters = [row.cluster for row in rows]
    cards = [read_card(run.model) for run in runs]

    def figures(place: int) -> dict[str, Spread]:
        parts = [
            _decided(card.head(one.task), of_run, place, chosen, card.level_floor_db)
            for card, of_run in zip(cards, heard, strict=True)
        ]
        chosen_answers, probabilities = (np.stack(part) for part in zip(*parts, strict=True))
        options = {"draws": draws, "seed": seed, "side": one.side, "figures": NOISE_FIGURES}
        return spread(truth, probabilities, clusters, answers=chosen_answers, **options)

    return UnderNoise(
        judgement=one,
        clips=len(chosen),
        clean=figures(0),
        noisy={condition: figures(1 + i) for i, condition in enumerate(heard[0].conditions)},
        recordings=heard[0].recordings,
        noise=heard[0].noise,
    )


def _decided(
    head: Head, heard: Noisy, place: int, chosen: Sequence[int], level_floor_db: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return what a head answers under a condition: answers (n,) and probabilities (n, labels)."""
    logits, levels = heard.logits[head.output][place][chosen], heard.levels_db[place][chosen]
    probabilities, labels, _ = predict_head(head, logits, levels, level_floor_db)
    otherwise = np.zeros(len(chosen), int) if head.detects else probabilities.argmax(axis=1)
    told = [
        head.labels.index(label) if label is not None else other for label, other in zip(labels, otherwise, strict=True)
    ]
    return np.array(told), probabilities


def mean_of(parts: Sequence[Spread]) -> Spread:
    """Return the mean of figures of the same draws."""
    draws = None if any(part.draws is None for part in parts) else np.mean([part.draws for part in parts], axis=0)
    return Spread(tuple(np.mean([part.of_seeds for part in parts], axis=0).tolist()), draws)
