"""A report's numbers as records for ``docs/results.json``: those that its tables show, ours only."""

import re
from collections.abc import Mapping, Sequence

from exclaim.evaluate.report.section import Number, Section
from exclaim.evaluate.results import Record

__all__ = ["report_records"]

# section -> its figures that are kept, and their words; the others stand in the report's own files
_KEPT: Mapping[str, Mapping[str, str]] = {
    "table-1": {
        "accuracy": "accuracy",
        "uar": "UAR",
        "macro_f1": "macro-F1",
        "gap of accuracy": "accuracy, random split less speaker-independent",
        "gap of uar": "UAR, random split less speaker-independent",
    },
    "table-2": {"accuracy": "accuracy", "loss of accuracy": "loss of accuracy"},
    "table-3": {"accuracy": "accuracy"},
    "table-4": {"parameters": "parameters", "file": "model file", "multiply-accumulates": "multiply-accumulates"},
    "figure-9": {"window": "model, a 3 s window", "load": "load and verify"},
    "comparison": {"peak memory": "peak memory of a process that hears with it"},
}


def report_records(sections: Sequence[Section], *, command: str, tree: str, date: str) -> list[Record]:
    """Return a record for each number of ours that the paper's tables and the comparison show.

    Args:
        sections: of the report.
        command: that makes it again.
        tree: hash of the sources.
        date: UTC, ISO 8601.
    """
    found: dict[str, Record] = {}
    for section in sections:
        for number in section.numbers:
            words = _KEPT.get(section.id, {}).get(number.figure)
            if words is None or number.source != "ours" or number.value is None:
                continue
            record = _record(number, words, command, tree, date)
            found.setdefault(record.id, record)
    return list(found.values())


def _record(number: Number, words: str, command: str, tree: str, date: str) -> Record:
    condition = "" if number.condition in ("", "clean") else number.condition
    parts = ["report", number.section, number.row, number.task, condition, number.figure]
    seeds = f"seed {', '.join(map(str, number.seeds))}; " if number.seeds else ""
    split = {"speaker": "speakers held out", "random": "random split of the clips"}.get(number.split, number.split)
    interval = None if number.low is None or number.high is None else (number.low, number.high)
    deviation = f", standard deviation {number.deviation:.4f}" if number.deviation is not None else ""
    named = f"{words} of {number.row}"
    named += f", {number.task}" if number.task else ""
    named += f", {condition}" if condition else ""
    cost = number.clips is None
    protocol = number.data if cost and number.data else f"{seeds}{split}{deviation}"
    return Record(
        id=".".join(_slug(part) for part in parts if part),
        metric=named,
        value=None if number.value is None else round(number.value, 6),
        unit=number.unit,
        interval=interval,
        protocol=protocol or "counted from the run's files",
        data=f"{number.clips:,} test clips" if number.clips else "the run's model file",
        data_sha256=number.data_sha256 or None,
        command=command,
        source_tree=tree,
        date=date,
    )


def _slug(text: str) -> str:
    """Return a part of an id; a minus before a number is a word, as in "bus minus 5 db"."""
    words = re.sub(r"-(?=\d)", " minus ", text.lower()) if " dB" in text else text.lower()
    return re.sub(r"[^a-z0-9]+", "-", words).strip("-")
