"""``exclaim evaluate MODEL --stream RECORDING --events CSV``: a model as a detector on hours of sound."""

import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

import exclaim
from exclaim.audio import probe
from exclaim.errors import ConfigError
from exclaim.evaluate.results import keep_records, source_tree
from exclaim.evaluate.stream.detector import OperatingPoint
from exclaim.evaluate.stream.evaluate import StreamEvaluation, evaluate_stream
from exclaim.evaluate.stream.recordings import Recording, find_recordings
from exclaim.evaluate.stream.records import stream_records
from exclaim.evaluate.stream.render import made_by
from exclaim.model import Model, shipped_models

__all__ = ["evaluate_streams"]


def evaluate_streams(
    model: Model,
    streams: Sequence[Path],
    events: Sequence[Path],
    *,
    type_model: Model | None = None,
    name: str | None,
    seed: int,
    draws: int,
    out: Path | None,
    record: Path | None,
    as_json: bool,
) -> None:
    """Judge a model on recordings, print what was found, and write it where asked.

    Args:
        model: with one head that detects.
        streams: recordings, and folders of pairs.
        events: one CSV for each recording that is not in a folder.
        type_model: that tells more of what is detected; alarms are counted by what they are taken for then.
        name: what the recordings are called in the record; None: their file's or folder's name.
        seed: of the recall's interval.
        draws: how many.
        out: the whole evaluation as JSON, with the DET curve.
        record: a results.json to add the figures to.
        as_json: print the same JSON in place of a table.

    Raises:
        ConfigError: when scipy is not installed, or a file cannot be written.
        CorpusError: when recordings and events do not pair, or events do not hold.
        AudioError: when a recording cannot be read.
    """
    if find_spec("scipy") is None:  # before hours are heard
        raise ConfigError("--stream needs scipy; run `pip install exclaim[learn]`")
    recordings = find_recordings(streams, events)
    called = name or " + ".join(path.name if path.is_dir() else path.stem for path in streams)
    found = _heard(model, type_model, recordings, called, seed, draws)
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
    else:
        _print(found)
    if out is not None:
        _write(found, out)
    if record is not None:
        date = datetime.now(UTC).isoformat(timespec="seconds")
        tree = source_tree(Path(exclaim.__file__).parent)
        new = stream_records(
            found, command=_command(model, type_model, streams, events, name, seed), tree=tree, date=date
        )
        keep_records(record, new)


def _heard(
    model: Model, type_model: Model | None, recordings: Sequence[Recording], called: str, seed: int, draws: int
) -> StreamEvaluation:
    seconds = {recording.sound.name: probe(recording.sound).seconds for recording in recordings}
    done: dict[str, float] = {}
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task(called, total=sum(seconds.values()))

        def tell(name: str, heard: float) -> None:
            done[name] = heard
            progress.update(bar, completed=sum(done.values()), description=name)

        return evaluate_stream(
            model, recordings, data=called, type_model=type_model, seed=seed, draws=draws, progress=tell
        )


def _print(found: StreamEvaluation) -> None:
    console = Console() if sys.stdout.isatty() else Console(width=120)
    figures = found.figures
    typer.echo(f"{found.model} {found.model_version}, {found.task}, on {found.data}")
    sources = f" of {figures.sources} sources" if figures.sources is not None else ""
    typer.echo(
        f"{figures.hours:.2f} h in {figures.recordings} recordings; {figures.events} events{sources}, "
        f"{sum(figures.others.values())} other sounds"
    )
    points = Table("", "threshold", "recall", "false alarms", "an hour", "95 %", "delay", "90 %", box=None)
    points.add_row("card", *_cells(figures.at_card))
    if figures.at_recall is not None:
        points.add_row(f"{figures.wanted_recall:.0%} recall", *_cells(figures.at_recall))
    console.print(points)
    if figures.recall_interval is not None:
        low, high = figures.recall_interval
        typer.echo(f"recall at the card's threshold, 95 % over sources: {low:.3f} to {high:.3f}")
    if figures.false_on:
        said = ", ".join(f"{count} on {label}" for label, count in figures.false_on.items())
        typer.echo(f"false alarms at the card's threshold: {said}")
    if figures.types:
        table = Table(f"taken by {found.type_model} for", "events found", "false alarms", "an hour", "95 %", box=None)
        for count in figures.types:
            low, high = count.false_alarms_interval
            rate = (f"{count.false_alarms_per_hour:.2f}", f"{low:.2f} to {high:.2f}")
            table.add_row(count.label, str(count.found), str(count.false_alarms), *rate)
        console.print(table)
    if figures.events:
        table = Table("counted by", "hits", "false", "missed", "precision", "recall", "F1", box=None)
        for definition, counts in figures.matchings.items():
            shares = (_share(counts.precision), _share(counts.recall), _share(counts.f1))
            table.add_row(definition, str(counts.hits), str(counts.false), str(counts.missed), *shares)
        console.print(table)
    typer.echo(f"protocol: {found.protocol}")
    for note in found.notes:
        typer.echo(f"note: {note}")


def _cells(point: OperatingPoint) -> tuple[str, ...]:
    low, high = point.false_alarms_interval
    return (
        f"{point.threshold:.4f}",
        _share(point.recall),
        str(point.false_alarms),
        f"{point.false_alarms_per_hour:.2f}",
        f"{low:.2f} to {high:.2f}",
        _seconds(point.delay_median),
        _seconds(point.delay_90),
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"


def _write(found: StreamEvaluation, path: Path) -> None:
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    except OSError as error:
        raise ConfigError(f"evaluation {path} cannot be written: {error.strerror}") from error


def _command(
    model: Model,
    type_model: Model | None,
    streams: Sequence[Path],
    events: Sequence[Path],
    name: str | None,
    seed: int,
) -> str:
    """Return what measures this again, soundscapes made first: file names without the folders of this machine."""
    words = ["exclaim", "evaluate", _called(model)]
    for option, paths in (("--stream", streams), ("--events", events)):
        words += [word for path in paths for word in (option, path.name if path.is_absolute() else path.as_posix())]
    words += ["--type-model", _called(type_model)] if type_model else []
    words += ["--name", name] if name else []
    words += ["--seed", str(seed)] if seed else []
    made = [command for path in streams if (command := made_by(path))]
    return " && ".join([*made, shlex.join(words)])


def _called(model: Model) -> str:
    return model.path.stem if model.path in shipped_models().values() else model.path.name
