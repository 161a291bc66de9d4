"""An evaluation as tables for people."""

import sys

import typer
from rich.console import Console
from rich.table import Table

from exclaim.evaluate.bootstrap import Interval
from exclaim.evaluate.fairness import GroupRecall
from exclaim.evaluate.figures import FIGURES
from exclaim.evaluate.judge import Evaluation
from exclaim.evaluate.noise.table import NoiseRow, NoiseTable

__all__ = ["print_evaluation"]


def print_evaluation(found: Evaluation) -> None:
    """Print what was judged, the figures, the confusion, recall by group and the noise table."""
    console = Console() if sys.stdout.isatty() else Console(width=120)
    typer.echo(f"{found.model} {found.model_version}, {found.task}, on {found.data}")
    support = ", ".join(f"{count} {label}" for label, count in found.support.items())
    speakers = f", {found.speakers} speakers" if found.speakers else ""
    typer.echo(f"n {found.n} ({support}){speakers}; excluded {found.excluded}")
    for reason, count in found.excluded_reasons.items():
        typer.echo(f"  left out: {count} clips, {reason}")
    console.print(_figures(found))
    console.print(_confusion(found))
    if found.groups:
        console.print(_groups(found.groups))
    if found.noise is not None:
        console.print(_noise(found.noise))
    typer.echo(f"protocol: {found.protocol}")
    if found.noise is not None:
        typer.echo(f"protocol under noise: {found.noise.protocol}")
    for note in (*found.notes, *(found.noise.notes if found.noise is not None else ())):
        typer.echo(f"note: {note}")


def _figures(found: Evaluation) -> Table:
    table = Table("figure", "value", "95 %", box=None)
    for name in FIGURES:
        table.add_row(name, _value(getattr(found, name)), _interval(found.intervals.get(name)))
    if found.speaker_centred_uar is not None:
        value, interval = _value(found.speaker_centred_uar), _interval(found.speaker_centred_interval)
        table.add_row("uar, centred by speaker", value, interval)
    return table


def _confusion(found: Evaluation) -> Table:
    table = Table("true \\ answered", *found.labels, "recall", box=None)
    for label, row in zip(found.labels, found.confusion, strict=True):
        table.add_row(label, *map(str, row), _value(found.recalls[label]))
    return table


def _groups(groups: tuple[GroupRecall, ...]) -> Table:
    table = Table("group", "true", "clips", "speakers", "recall", "95 %", box=None)
    for group in groups:
        name = f"{group.attribute} {group.group}"
        for label, count in group.support.items():
            table.add_row(name, label, str(count), "", _value(group.recalls[label]), _interval(group.intervals[label]))
            name = ""
        table.add_row(
            "", "all (UAR)", str(group.n), str(group.speakers), _value(group.uar), _interval(group.uar_interval)
        )
    return table


def _noise(found: NoiseTable) -> Table:
    table = Table("noise", "SNR", "UAR", "95 %", "AUROC", "loss", "95 %", box=None)
    table.title = f"{found.n} clips under {found.noise}"
    for row in (found.clean, *found.rows, *found.means):
        table.add_row(_name(found, row), *_noise_cells(row))
    return table


def _name(found: NoiseTable, row: NoiseRow) -> str:
    if row.kind is None:
        return "clean" if row.snr_db is None else "mean over kinds"
    count = len(found.recordings[row.kind])
    return f"{row.kind} ({count} recording{'s' * (count > 1)})"


def _noise_cells(row: NoiseRow) -> list[str]:
    return [
        "" if row.snr_db is None else f"{row.snr_db:g} dB",
        _value(row.uar),
        _interval(row.intervals.get("uar")),
        _value(row.auroc),
        "" if row.snr_db is None else _value(row.loss),
        _interval(row.intervals.get("loss")),
    ]


def _value(value: float | None) -> str:
    return "-" if value is None else f"{round(value, 3) + 0:.3f}"  # + 0: no minus before zero


def _interval(interval: Interval | None) -> str:
    return f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else ""
