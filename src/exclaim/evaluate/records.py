"""An evaluation as records for ``docs/results.json``."""

import re

from exclaim.evaluate.judge import FIGURES, Evaluation
from exclaim.evaluate.results import Record

__all__ = ["evaluation_records", "identifier"]

_WORDS = {
    "accuracy": "accuracy",
    "uar": "UAR",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "auroc": "AUROC",
    "ece": "ECE",
    "ece_debiased": "ECE, debiased",
    "brier": "Brier score",
    "coverage": "coverage (share not abstained on)",
    "risk": "risk (share wrong of those answered)",
    "aurc": "area under risk over coverage",
}


def identifier(text: str) -> str:
    """Return text as a part of a record's id: lower case, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-")


def evaluation_records(found: Evaluation, *, command: str, tree: str, date: str) -> list[Record]:
    """Return a record for each figure that the clips could tell.

    Args:
        found: the evaluation.
        command: that measures it again.
        tree: hash of the sources (:func:`~exclaim.evaluate.results.source_tree`).
        date: UTC, ISO 8601.
    """
    prefix = f"evaluate.{identifier(found.model)}.{identifier(found.task)}.{identifier(found.data)}"
    left_out = f", {found.excluded} left out" if found.excluded else ""
    return [
        Record(
            id=f"{prefix}.{name}",
            metric=f"{_WORDS[name]} of {found.model} {found.model_version}, {found.task}",
            value=getattr(found, name),
            interval=found.intervals.get(name),
            protocol=found.protocol,
            data=f"{found.data}: {found.n} clips{left_out}",
            data_sha256=found.data_sha256,
            command=command,
            source_tree=tree,
            date=date,
        )
        for name in FIGURES
        if getattr(found, name) is not None
    ]
