"""An evaluation as records for ``docs/results.json``."""

import re

from exclaim.evaluate.fairness import GroupRecall
from exclaim.evaluate.figures import FIGURES, SELECTIVE_COVERAGE
from exclaim.evaluate.judge import Evaluation
from exclaim.evaluate.noise.table import NOISE_FIGURES, NoiseTable
from exclaim.evaluate.results import Record

__all__ = ["evaluation_records", "identifier"]

_WORDS = {
    "accuracy": "accuracy",
    "uar": "UAR",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "auroc": "AUROC",
    "auprc": "AUPRC (average precision)",
    "ece": "ECE",
    "ece_debiased": "ECE, debiased",
    "brier": "Brier score",
    "coverage": "coverage (share not abstained on)",
    "risk": "risk (share wrong of those answered)",
    "aurc": "area under risk over coverage",
    "selective_accuracy": f"accuracy at {SELECTIVE_COVERAGE:.0%} coverage",
    "selective_uar": f"UAR at {SELECTIVE_COVERAGE:.0%} coverage",
    "loss": "UAR lost",
}


def identifier(text: str) -> str:
    """Return text as a part of a record's id: lower case, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-")


def evaluation_records(found: Evaluation, *, command: str, tree: str, date: str) -> list[Record]:
    """Return a record for each figure that the clips could tell: of all, by group of speakers, and under noise.

    Args:
        found: the evaluation.
        command: that measures it again.
        tree: hash of the sources (:func:`~exclaim.evaluate.results.source_tree`).
        date: UTC, ISO 8601.
    """
    prefix = f"evaluate.{identifier(found.model)}.{identifier(found.task)}.{identifier(found.data)}"
    left_out = f", {found.excluded} left out" if found.excluded else ""
    of_model = f"of {found.model} {found.model_version}, {found.task}"
    common = {"command": command, "source_tree": tree, "date": date}
    whole = [
        Record(
            id=f"{prefix}.{name}",
            metric=f"{_WORDS[name]} {of_model}",
            value=getattr(found, name),
            interval=found.intervals.get(name),
            protocol=found.protocol,
            data=f"{found.data}: {found.n} clips{left_out}",
            data_sha256=found.data_sha256,
            **common,
        )
        for name in FIGURES
        if getattr(found, name) is not None
    ]
    if found.speaker_centred_uar is not None:
        whole.append(
            Record(
                id=f"{prefix}.speaker-centred-uar",
                metric=f"UAR with each speaker's mean answer taken away, {of_model}",
                value=found.speaker_centred_uar,
                interval=found.speaker_centred_interval,
                protocol=f"{found.protocol}; a speaker's mean is over all of their clips (transductive)",
                data=f"{found.data}: {found.n} clips{left_out}",
                data_sha256=found.data_sha256,
                **common,
            )
        )
    groups = [record for group in found.groups for record in _group_records(found, group, prefix, of_model, common)]
    noise = _noise_records(found, found.noise, prefix, of_model, common) if found.noise is not None else []
    return [*whole, *groups, *noise]


def _group_records(
    found: Evaluation, group: GroupRecall, prefix: str, of_model: str, common: dict[str, str]
) -> list[Record]:
    """Return a record for each label's recall in a group, and for the mean of them where all labels are there."""
    whole = (
        [
            Record(
                id=f"{prefix}.uar-by-{group.attribute}.{identifier(group.group)}",
                metric=f"UAR, {group.attribute} {group.group}, {of_model}",
                value=group.uar,
                interval=group.uar_interval,
                protocol=found.protocol,
                data=f"{found.data}: {group.n} clips, {group.speakers} speakers",
                data_sha256=found.data_sha256,
                **common,
            )
        ]
        if group.uar is not None
        else []
    )
    return whole + [
        Record(
            id=f"{prefix}.recall-by-{group.attribute}.{identifier(f'{group.group} {label}')}",
            metric=f"recall of {label}, {group.attribute} {group.group}, {of_model}",
            value=recall,
            interval=group.intervals[label],
            protocol=found.protocol,
            data=f"{found.data}: {group.support[label]} clips",
            data_sha256=found.data_sha256,
            **common,
        )
        for label, recall in group.recalls.items()
        if recall is not None
    ]


def _noise_records(
    found: Evaluation, table: NoiseTable, prefix: str, of_model: str, common: dict[str, str]
) -> list[Record]:
    """Return a record for each figure of each kind and ratio, of their means, and of the clean clips beside them."""
    records = []
    for row in (table.clean, *table.rows, *table.means):
        kind = row.kind or "mean over kinds"
        where = "clean" if row.snr_db is None else f"{kind}, {row.snr_db:g} dB"
        short = where if row.snr_db is None else f"{row.kind or 'mean'} {f'{row.snr_db:g}'.replace('-', 'minus ')} dB"
        records += [
            Record(
                id=f"{prefix}.under-{identifier(table.noise)}.{identifier(f'{short} {name}')}",
                metric=f"{_WORDS[name]} {of_model}: {where}",
                value=value,
                interval=row.intervals.get(name),
                protocol=table.protocol,
                data=f"{found.data}: {table.n} clips; noise: {_recordings(table, row.kind)}",
                data_sha256=table.data_sha256,
                **common,
            )
            for name in NOISE_FIGURES
            if (value := getattr(row, name)) is not None
        ]
    return records


def _recordings(table: NoiseTable, kind: str | None) -> str:
    """Say how many recordings a kind was drawn from, or each kind."""
    counts = {name: len(names) for name, names in table.recordings.items() if kind in (None, name)}
    return f"{table.noise} ({', '.join(f'{name} {count}' for name, count in counts.items())} recordings)"
