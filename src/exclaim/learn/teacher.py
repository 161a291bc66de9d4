"""A teacher's answers, for exactly the views that the student sees.

The answers to a view are kept in a folder named by the teacher, the data, the front-end and everything that shapes a
view; when any of them changes the name does, so a stale answer is never read.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np

from exclaim.card import front_end_hash
from exclaim.learn.recipe import Recipe
from exclaim.learn.views import Batch, Views

__all__ = ["TeacherAnswers", "answers_key"]

Answer = Callable[[np.ndarray], dict[str, np.ndarray]]  # windows (n, 128, 188) -> head -> logits (n, labels)


def answers_key(recipe: Recipe, teacher_hash: str, data_hash: str) -> str:
    """Return the SHA-256 of all that a teacher's answers depend on."""
    shape = (
        recipe.seed,
        recipe.heads,
        recipe.split,
        recipe.draw,
        recipe.augment,
        recipe.scores,
        recipe.schedule.batch,
    )
    parts = msgspec.json.encode([teacher_hash, data_hash, front_end_hash(), shape], order="deterministic")
    return hashlib.sha256(parts).hexdigest()


class TeacherAnswers:
    """Logits of a teacher, computed once for each view."""

    def __init__(self, answer: Answer, heads: tuple[str, ...], folder: Path | None) -> None:
        """Take a function that answers windows; ``folder`` None keeps nothing."""
        self._answer = answer
        self._heads = heads
        self._folder = folder

    def batches(self, views: Views, view: int, size: int) -> Iterator[tuple[Batch, dict[str, np.ndarray]]]:
        """Yield the batches of a view with the teacher's logits for each head that it has."""
        path = self._folder / f"view-{view:04d}.npz" if self._folder else None
        if path and path.is_file():
            with np.load(path, allow_pickle=False) as kept:
                logits = {head: kept[head] for head in self._heads}
            begin = 0
            for batch in views.batches(view, size):
                end = begin + len(batch.windows)
                yield batch, {head: logits[head][begin:end] for head in self._heads}
                begin = end
            return
        answers: list[dict[str, np.ndarray]] = []
        for batch in views.batches(view, size):
            answer = self._answer(batch.windows)
            answers.append({head: answer[head] for head in self._heads})
            yield batch, answers[-1]
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(".partial.npz")
            np.savez(partial, **{head: np.concatenate([a[head] for a in answers]) for head in self._heads})
            os.replace(partial, path)
