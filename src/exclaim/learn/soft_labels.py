"""Soft labels: what a teacher that is not asked view by view says of whole clips, as a table of distributions.

A table carries the hashes of the teacher and of the sound and labels that it learned from. From a head on frozen
vectors, which fits what it has seen, a training clip's soft label must come from weights that never heard the clip's
own label; who fills a table sees to that. A fine-tuned teacher answers clips that it learned from, as in all
distillation: a temperature over 1 brings out what it says beside the label.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import msgspec
import numpy as np

from exclaim.corpora.clip import Clip
from exclaim.errors import RecipeError, StoreError
from exclaim.learn.examples import Example

__all__ = ["SoftLabels", "load_soft_labels", "save_soft_labels", "soften", "tempered"]


class SoftLabels(NamedTuple):
    """One head's distributions over clips."""

    source: str  # who says so, such as "byol-s+yamnet"
    head: str
    labels: tuple[str, ...]
    teacher: str  # SHA-256 of the pretrained networks' files and of how they are used
    data: str  # SHA-256 of the sound and the labels that the source learned from
    figures: dict[str, float]  # what the source reached, such as "validation.uar"
    distributions: dict[str, np.ndarray]  # clip's path -> (labels,) float32, sums to 1

    def of(self, clip: Clip) -> np.ndarray | None:
        """Return a clip's distribution, or None where the source was not asked."""
        return self.distributions.get(str(clip.path))


class _Note(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    source: str
    head: str
    labels: tuple[str, ...]
    teacher: str
    data: str
    figures: dict[str, float]
    paths: tuple[str, ...]


def save_soft_labels(table: SoftLabels, path: Path) -> None:
    """Write a table as .npz, replacing ``path`` in one step."""
    fields = {name: getattr(table, name) for name in ("source", "head", "labels", "teacher", "data", "figures")}
    note = msgspec.json.encode(_Note(**fields, paths=tuple(table.distributions)))
    rows = np.array(list(table.distributions.values()), np.float32).reshape(-1, len(table.labels))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, note=np.frombuffer(note, np.uint8), distributions=rows)
    os.replace(partial, path)


def load_soft_labels(path: Path, *, teacher: str | None = None, data: str | None = None) -> SoftLabels:
    """Read a table.

    Args:
        path: what :func:`save_soft_labels` wrote.
        teacher: the hash that it must carry; None: any.
        data: the hash that it must carry; None: any.

    Raises:
        StoreError: when it cannot be read, does not hold together, or is of another teacher or other data.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            note = msgspec.json.decode(kept["note"].tobytes(), type=_Note)
            rows = kept["distributions"]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, msgspec.DecodeError) as error:
        raise StoreError(f"{path} is no table of soft labels ({error}); remove it, and it is made again") from error
    if rows.shape != (len(note.paths), len(note.labels)) or not np.allclose(rows.sum(axis=1), 1, atol=1e-3):
        raise StoreError(f"{path} does not hold a distribution over {len(note.labels)} labels for each clip; remove it")
    for name, wanted, found in (("teacher", teacher, note.teacher), ("data", data, note.data)):
        if wanted is not None and wanted != found:
            raise StoreError(
                f"{path} is stale: its {name} is {found[:12]}, expected {wanted[:12]}; remove it, and it is made again"
            )
    distributions = dict(zip(note.paths, rows, strict=True))
    return SoftLabels(note.source, note.head, note.labels, note.teacher, note.data, note.figures, distributions)


def tempered(table: SoftLabels, temperature: float) -> SoftLabels:
    """Return a table at a temperature: the softmax of its logits divided by it; over 1 softer, below 1 harder."""
    if temperature == 1:
        return table

    def at(distribution: np.ndarray) -> np.ndarray:
        raised = distribution ** (1 / temperature)
        return raised / raised.sum()

    return table._replace(distributions={path: at(row) for path, row in table.distributions.items()})


def soften(examples: Sequence[Example], table: SoftLabels, head: str, weight: float) -> list[Example]:
    """Return examples whose targets for one head are blended with soft labels.

    A clip with a label is ``(1 - weight) label + weight soft`` and counts as it did. A clip without one takes the soft
    label and counts ``weight``. A clip that the table does not hold stays as it is, and so do all other heads.

    Args:
        examples: of the training part; those of other parts must keep their labels, for they judge.
        table: of the same head, its labels in the order of the head's outputs.
        head: which one.
        weight: share in [0, 1] of the soft label.

    Raises:
        RecipeError: when the table is of another head, or of more or fewer labels.
    """
    found = {len(example.targets[head]) for example in examples if head in example.targets}
    if head != table.head or found - {len(table.labels)}:
        raise RecipeError(
            f"soft labels of {table.source} are for {table.head} ({', '.join(table.labels)}); expected {head} with "
            f"{' or '.join(map(str, sorted(found)))} labels: name the head that the source was asked for"
        )
    return [_softened(example, table.of(example.clip), head, weight) for example in examples]


def _softened(example: Example, soft: np.ndarray | None, head: str, weight: float) -> Example:
    if soft is None:
        return example
    known = example.weights[head] > 0
    target = (1 - weight) * example.targets[head] + weight * soft if known else soft
    return example._replace(
        targets=example.targets | {head: target.astype(np.float32)},
        weights=example.weights | {head: example.weights[head] if known else weight},
    )
