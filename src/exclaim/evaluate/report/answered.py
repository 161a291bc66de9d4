"""A run's answers to its own test clips, computed once: they stay in the run folder under the model file's hash."""

import logging
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exclaim.corpora.clip import Clip
from exclaim.corpora.manifest_files import read_csv
from exclaim.errors import CorpusError
from exclaim.evaluate.answers import ClipAnswer, answers_name, clip_answers, read_answers, write_answers
from exclaim.evaluate.clips import clip_logits
from exclaim.evaluate.evaluate import read_clips
from exclaim.evaluate.labelling import Labelled, label_clips
from exclaim.evaluate.report.runs import RunFolder
from exclaim.model import Model, load_model

__all__ = ["TEST_FILE", "Answered", "Progress", "answered", "in_one_order", "label_test_clips", "test_data"]

_LOG = logging.getLogger(__name__)
TEST_FILE = "test.csv"
_DIGITS = 16  # of the model's hash in a file's name

Progress = Callable[[int, int], None]  # done, in all


class Answered(NamedTuple):
    """What a run's model says of its test clips."""

    answers: dict[str, tuple[ClipAnswer, ...]]  # by task, in one order of the clips
    clips: tuple[str, ...]  # (n) hashes of the files below, sorted
    paths: tuple[str, ...]  # (n) where they were
    embeddings: np.ndarray  # (n, d) float32: the penultimate activations


def test_data(run: RunFolder) -> str:
    """Return what a run's test clips are, in words: of the corpora that a condensed set was made of, not of the set."""
    split = run.recipe.split
    corpora = "+".join(use.name for use in run.corpora) if run.on_set else "+".join(run.recipe.bursts)
    if split.by in ("speaker", "random") and not split.sentence_disjoint:
        return f"{corpora}, test part of the recipe's split (by {split.by}, seed {split.seed})"
    return f"{corpora}, {split.tested}"


def answered(run: RunFolder, root: Path, progress: Progress = lambda done, whole: None) -> Answered:
    """Return a run's answers to its test clips, from the run folder where they are kept.

    Args:
        run: a finished run.
        root: of the corpora; paths are told from there.
        progress: called with (clips done, clips in all).

    Raises:
        CorpusError: when the clips are not there, or more than 5 % of them cannot be read.
        ModelError: when the model file does not load.
    """
    kept = _read(run)
    if kept is None:
        kept = _hear(run, root, progress)
        _write(run, kept)
    return kept


def in_one_order(answers: tuple[ClipAnswer, ...]) -> tuple[ClipAnswer, ...]:
    """Return answers sorted by the clip's hash, so that those of several models can be laid side by side."""
    return tuple(sorted(answers, key=lambda answer: (answer.sha256, answer.path, answer.label)))


def label_test_clips(run: RunFolder, model: Model) -> dict[str, Labelled]:
    """Return the test clips with a label of each head, by task; a head that they say nothing of is left out.

    Raises:
        CorpusError: when no clip has a label of any head, the files are not there, or nobody was held out.
    """
    split = run.recipe.split
    if split.held_out <= split.validation:
        raise CorpusError("holds nobody out to be judged on; `exclaim evaluate` says how good it is on a corpus")
    manifest = read_csv(run.folder / TEST_FILE)
    found, errors = {}, []
    for head in model.card.heads:
        try:
            found[head.task] = label_clips(model, manifest, head.task, test_data(run))
        except CorpusError as error:
            errors.append(str(error))
    if not found:
        raise CorpusError(errors[0])
    return found


def _hear(run: RunFolder, root: Path, progress: Progress) -> Answered:
    model = load_model(run.model)
    labelled = label_test_clips(run, model)
    clips: dict[Path, Clip] = {clip.path: clip for part in labelled.values() for clip, _ in part.clips}
    heard = {found.path: found for found in clip_logits(model, list(clips), progress=progress)}
    answers = {}
    for task, part in labelled.items():
        read, _ = read_clips(part, [heard[clip.path] for clip, _ in part.clips])
        answers[task] = in_one_order(clip_answers(part.head, read, model.card.level_floor_db, root))
    answers |= _told_by_run(run, model, answers)
    read = sorted(
        (found for found in heard.values() if found.error is None), key=lambda found: (found.sha256, found.path)
    )
    return Answered(
        answers=answers,
        clips=tuple(found.sha256 or "" for found in read),
        paths=tuple(str(found.path) for found in read),
        embeddings=np.stack([found.embedding for found in read]).astype(np.float32),
    )


def _told_by_run(run: RunFolder, model: Model, known: Collection[str]) -> dict[str, tuple[ClipAnswer, ...]]:
    """Return what the run wrote of heads whose labels its list of test clips does not say, each in one order.

    The list has the labels of the task that the recipe is for; a second head may have learnt from clips of its own.
    """
    files = {head.task: run.folder / answers_name(head.task) for head in model.card.heads if head.task not in known}
    return {task: in_one_order(read_answers(path)) for task, path in files.items() if path.is_file()}


def _file(run: RunFolder, task: str) -> Path:
    return run.folder / f"answers-{run.sha256[:_DIGITS]}-{task}.csv"


def _activations_file(run: RunFolder) -> Path:
    return run.folder / f"embeddings-{run.sha256[:_DIGITS]}.npz"


def _read(run: RunFolder) -> Answered | None:
    """Return what is kept; None where it is not whole."""
    if not _activations_file(run).is_file():
        return None
    files = {task: path for task in run.recipe.heads if (path := _file(run, task)).is_file()}
    try:
        with np.load(_activations_file(run), allow_pickle=False) as kept:
            return Answered(
                answers={task: read_answers(path) for task, path in files.items()},
                clips=tuple(kept["sha256"].tolist()),
                paths=tuple(kept["path"].tolist()),
                embeddings=kept["embedding"],
            )
    except (CorpusError, OSError, ValueError, KeyError) as error:
        _LOG.warning("%s: what was kept of its answers cannot be read and is computed again: %s", run.folder, error)
        return None


def _write(run: RunFolder, found: Answered) -> None:
    """Keep answers, the activations last: with them the rest is whole."""
    target = _activations_file(run)
    partial = target.with_suffix(".partial.npz")
    try:
        for task, answers in found.answers.items():
            write_answers(_file(run, task), answers)
        np.savez(partial, sha256=np.array(found.clips), path=np.array(found.paths), embedding=found.embeddings)
        partial.replace(target)
    except (CorpusError, OSError) as error:
        _LOG.warning("%s: its answers are not kept: %s", run.folder, error)
    finally:
        partial.unlink(missing_ok=True)
