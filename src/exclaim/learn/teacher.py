"""Teachers' answers, for exactly the views that the student sees.

The answers to a view are kept in a folder named by the teacher, the data, the front-end and everything that shapes a
view, its seed among it; when any of them changes the name does, so a stale answer is never read.
"""

import hashlib
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from exclaim.card import front_end_hash
from exclaim.learn.ensemble import Mean, ensemble
from exclaim.learn.recipe import Recipe, canonical
from exclaim.learn.view_cache import views_key
from exclaim.learn.views import Batch, Views

__all__ = ["Answer", "Teacher", "Teachers", "answers_key"]

Answer = Callable[[np.ndarray], dict[str, np.ndarray]]  # windows (n, 128, 188) -> output -> (n, ...) float32


def answers_key(recipe: Recipe, teacher_hash: str, outputs: Sequence[str], data_hash: str) -> str:
    """Return the SHA-256 of all that a teacher's answers to a recipe's views depend on."""
    mixing = (recipe.augment.mixup, recipe.schedule.batch)
    quiet = recipe.distil is not None and recipe.distil.hears == "quiet"
    parts = [teacher_hash, front_end_hash(), views_key(recipe, data_hash, quiet), mixing, tuple(outputs)]
    return hashlib.sha256(canonical(parts)).hexdigest()


class Teacher:
    """One teacher, asked once for each view."""

    def __init__(self, answer: Answer, outputs: Sequence[str], folder: Path | None) -> None:
        """Take a function that answers windows and the outputs that are wanted; ``folder`` None keeps nothing."""
        self._answer = answer
        self._outputs = tuple(outputs)
        self._folder = folder

    def answers(self, view: int, windows: Iterator[np.ndarray]) -> Iterator[dict[str, np.ndarray]]:
        """Yield the answers to a view's batches of windows, in their order, from its file where there is one."""
        path = self._path(view)
        if path and self.keeps(view):
            yield from self._kept(path, windows)
            return
        answers: list[dict[str, np.ndarray]] = []
        for batch in windows:
            answer = self._answer(batch)
            answers.append({output: answer[output] for output in self._outputs})
            yield answers[-1]
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(f".partial-{os.getpid()}.npz")
            np.savez(partial, **{o: np.concatenate([answer[o] for answer in answers]) for o in self._outputs})
            os.replace(partial, path)

    def keeps(self, view: int) -> bool:
        """Tell whether the answers to a view are in its file."""
        path = self._path(view)
        return path is not None and zipfile.is_zipfile(path)  # its end is there: one that was cut is asked for anew

    def _path(self, view: int) -> Path | None:
        return self._folder / f"view-{view:04d}.npz" if self._folder else None

    def _kept(self, path: Path, windows: Iterator[np.ndarray]) -> Iterator[dict[str, np.ndarray]]:
        with np.load(path, allow_pickle=False) as kept:
            answers = {output: kept[output] for output in self._outputs}
        begin = 0
        for batch in windows:
            end = begin + len(batch)
            yield {output: values[begin:end] for output, values in answers.items()}
            begin = end


class Teachers:
    """One teacher or several, whose answers are averaged."""

    def __init__(
        self,
        teachers: Sequence[Teacher],
        mean: Mean = "probabilities",
        temperature: float = 1.0,
        heard: Views | None = None,
    ) -> None:
        """Take at least one teacher, and of what, at which temperature, the mean of several is taken.

        ``heard`` are the views that the teachers hear in place of the student's, window for window.
        """
        self._teachers = tuple(teachers)
        self._heard = heard
        self._mean: Mean = mean
        self._temperature = temperature

    def batches(self, views: Views, view: int, size: int) -> Iterator[tuple[Batch, dict[str, np.ndarray]]]:
        """Yield the batches of a view with the teachers' logits for each head that one of them has."""
        now: list[np.ndarray] = []  # the windows of the batch that all teachers are asked about

        def asked() -> Iterator[np.ndarray]:
            while True:
                yield now[0]

        answering = [teacher.answers(view, _until(asked(), views.windows)) for teacher in self._teachers]
        for batch, heard in self._in_step(views, view, size):
            now[:] = [heard]
            yield batch, self._together([next(answers) for answers in answering])
        for answers in answering:
            next(answers, None)  # let it keep what it answered

    def _in_step(self, views: Views, view: int, size: int) -> Iterator[tuple[Batch, np.ndarray]]:
        """Yield the student's batches beside what the teachers hear of them, which is made only to be asked about."""
        batches = views.batches(view, size)
        if self._heard is None or all(teacher.keeps(view) for teacher in self._teachers):
            yield from ((batch, batch.windows) for batch in batches)
        else:
            others = self._heard.batches(view, size)
            yield from ((batch, other.windows) for batch, other in zip(batches, others, strict=True))

    def _together(self, answers: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        return (
            dict(answers[0]) if len(answers) == 1 else ensemble(answers, mean=self._mean, temperature=self._temperature)
        )


def _until(batches: Iterator[np.ndarray], windows: int) -> Iterator[np.ndarray]:
    """Yield batches until so many windows have been seen."""
    seen = 0
    while seen < windows:
        batch = next(batches)
        seen += len(batch)
        yield batch
