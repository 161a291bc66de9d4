"""A model's answer to each clip, as rows and as a CSV file, so that two models can be compared clip by clip.

Two files are of the same clips where their ``sha256`` and ``label`` agree; that is what to pair them by.
"""

import csv
import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from exclaim.card import Head
from exclaim.corpora.clip import Clip
from exclaim.errors import CorpusError
from exclaim.evaluate.clips import ClipLogits
from exclaim.model import predict_head

__all__ = [
    "ClipAnswer",
    "answers_name",
    "clip_answers",
    "cluster",
    "confidences",
    "data_hash",
    "read_answers",
    "write_answers",
]

_COLUMNS = ("sha256", "path", "task", "speaker", "cluster", "label", "answer", "abstained", "confidence", "level_db")
_PROBABILITY, _LOGIT = "probability_", "logit_"
_ABSTAINED = {"no": False, "yes": True}


class ClipAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one head says of one labelled clip."""

    sha256: str  # of the clip's file
    path: str  # from the folder of the data, with forward slashes
    task: str
    speaker: str | None  # corpus:speaker; None where the corpus names none
    cluster: str  # what the clip is resampled with: its speaker, else its recording, else itself alone
    label: str  # the truth
    answer: str  # one of the labels; an abstention is answered by the most probable one
    abstained: bool  # by probability, or because the clip is below the level floor; never of a detection
    confidence: float  # in the answer, [0, 1]; see :func:`confidences`
    level_db: float  # the highest window maximum
    probabilities: dict[str, float]  # by label in the head's order, calibrated; they sum to 1
    logits: dict[str, float]  # by label, before the temperature


def answers_name(task: str, part: str = "test") -> str:
    """Return the file's name, in a run's folder, that holds the answers to a part's clips of a task."""
    return f"{part}-answers.{task}.csv"


def cluster(clip: Clip) -> str:
    """Return what a clip is resampled with: its speaker, else its recording, else itself alone."""
    return clip.speaker_key or clip.recording_key or str(clip.path)


def clip_answers(
    head: Head, answered: Sequence[tuple[Clip, str, ClipLogits]], level_floor_db: float, root: Path
) -> tuple[ClipAnswer, ...]:
    """Return a head's answers, as the card says to answer; pure.

    Args:
        head: temperature, thresholds, abstention.
        answered: clip, label and logits of each clip that was read.
        level_floor_db: of the card; nothing is detected below it, and every other head abstains.
        root: folder that the paths are told from.
    """
    if not answered:
        return ()
    logits = np.stack([found.logits[head.output] for _, _, found in answered])
    levels = np.array([found.level_db for _, _, found in answered])
    probabilities, labels, _ = predict_head(head, logits, levels, level_floor_db)
    most_probable = probabilities.argmax(axis=1)
    confidence = confidences(head, probabilities, levels < level_floor_db)
    root = Path(root).resolve()
    rows = []
    for i, (clip, label, found) in enumerate(answered):
        otherwise = head.labels[0 if head.detects else most_probable[i]]
        rows.append(
            ClipAnswer(
                sha256=found.sha256 or "",
                path=Path(os.path.relpath(clip.path, root)).as_posix(),
                task=head.task,
                speaker=clip.speaker_key,
                cluster=cluster(clip),
                label=label,
                answer=labels[i] or otherwise,
                abstained=labels[i] is None and not head.detects,
                confidence=float(confidence[i]),
                level_db=float(levels[i]),
                probabilities=dict(zip(head.labels, probabilities[i].tolist(), strict=True)),
                logits=dict(zip(head.labels, map(float, logits[i]), strict=True)),
            )
        )
    return tuple(rows)


def confidences(head: Head, probabilities: np.ndarray, silent: np.ndarray) -> np.ndarray:
    """Return how sure each answer is: (n,) in [0, 1].

    Args:
        head: whose answers.
        probabilities: (n, labels).
        silent: (n,) bool: below the level floor.

    Returns:
        The highest probability; 0 where the clip is silent, for there is nothing to tell. A detection answers at its
        threshold, so its confidence is what its probability would be if that threshold were one half: as far from
        one half as the log-odds are from the threshold's. What is silent is not detected for sure: 1.
    """
    if head.thresholds is None:
        return np.where(silent, 0.0, probabilities.max(axis=1))
    distance = np.abs(_log_odds(probabilities[:, 1]) - _log_odds(np.array(head.thresholds.on)))
    return np.where(silent, 1.0, 1 / (1 + np.exp(-distance)))


def _log_odds(probability: np.ndarray) -> np.ndarray:
    inside = np.clip(probability, 1e-15, 1 - 1e-15)
    return np.log(inside) - np.log1p(-inside)


def data_hash(answers: Sequence[ClipAnswer]) -> str:
    """Return the SHA-256 of the files' hashes with their labels, in any order of the clips."""
    lines = sorted(f"{answer.sha256} {answer.label}\n" for answer in answers)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def write_answers(path: Path, answers: Sequence[ClipAnswer]) -> None:
    """Write answers of one head as CSV, a line for each clip; the file is there whole or not at all.

    Raises:
        CorpusError: when there are none, or the file cannot be written.
    """
    path, partial = Path(path), Path(f"{path}.partial")
    if not answers:
        raise CorpusError(f"answers {path}: there are none to write; expected at least one clip")
    labels = list(answers[0].probabilities)
    columns = [*_COLUMNS, *(f"{_PROBABILITY}{label}" for label in labels), *(f"{_LOGIT}{label}" for label in labels)]
    try:
        with partial.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, columns)
            table.writeheader()
            table.writerows(map(_row, answers))
        partial.replace(path)
    except OSError as error:
        raise CorpusError(f"answers {path} cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def _row(answer: ClipAnswer) -> dict[str, object]:
    row: dict[str, object] = {name: getattr(answer, name) for name in _COLUMNS}
    row |= {"speaker": answer.speaker or "", "abstained": "yes" if answer.abstained else "no"}
    row |= {f"{_PROBABILITY}{label}": value for label, value in answer.probabilities.items()}
    return row | {f"{_LOGIT}{label}": value for label, value in answer.logits.items()}


def read_answers(path: Path) -> tuple[ClipAnswer, ...]:
    """Read what :func:`write_answers` wrote, number for number.

    Raises:
        CorpusError: when the file cannot be read or is none of these.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            labels = _labels(path, reader.fieldnames or ())
            answers = tuple(_answer(path, reader.line_num, row, labels) for row in reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(f"answers {path} cannot be read: {error}; expected a file of `evaluate --answers`") from error
    if not answers:
        raise CorpusError(f"answers {path} has no lines; expected one for each clip")
    return answers


def _labels(path: Path, columns: Iterable[str]) -> list[str]:
    found = list(columns)
    labels = [name.removeprefix(_PROBABILITY) for name in found if name.startswith(_PROBABILITY)]
    wanted = [*_COLUMNS, *(f"{kind}{label}" for kind in (_PROBABILITY, _LOGIT) for label in labels)]
    if len(labels) < 2 or found != wanted:
        raise CorpusError(
            f"answers {path}: its columns are {', '.join(found) or 'none'}; expected {', '.join(_COLUMNS)} and "
            f"{_PROBABILITY}LABEL and {_LOGIT}LABEL for each label, as `evaluate --answers` writes them"
        )
    return labels


def _answer(path: Path, line: int, row: dict[str, str], labels: Sequence[str]) -> ClipAnswer:
    try:
        texts = {name: row[name] for name in ("sha256", "path", "task", "cluster", "label", "answer")}
        if None in row or not {texts["label"], texts["answer"]} <= set(labels):
            raise ValueError(f"label {texts['label']!r}, answer {texts['answer']!r}")
        return ClipAnswer(
            **texts,
            speaker=row["speaker"] or None,
            abstained=_ABSTAINED[row["abstained"]],
            confidence=float(row["confidence"]),
            level_db=float(row["level_db"]),
            probabilities={label: float(row[f"{_PROBABILITY}{label}"]) for label in labels},
            logits={label: float(row[f"{_LOGIT}{label}"]) for label in labels},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CorpusError(
            f"answers {path}, line {line}: {error}; expected a line of `evaluate --answers` with the labels "
            f"{', '.join(labels)}"
        ) from error
