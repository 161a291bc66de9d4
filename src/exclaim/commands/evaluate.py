"""``exclaim evaluate MODEL (--corpus NAME --data DIR | --manifest CSV)``: a model's quality, with intervals."""

import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

import exclaim
from exclaim.corpora.data_root import data_root
from exclaim.corpora.manifest import Manifest
from exclaim.corpora.manifest_files import read_manifest
from exclaim.corpora.registry import load_corpus
from exclaim.errors import CorpusError
from exclaim.evaluate.evaluate import evaluate as judge_model
from exclaim.evaluate.judge import FIGURES, Evaluation
from exclaim.evaluate.records import evaluation_records
from exclaim.evaluate.results import read_records, replace_records, source_tree, write_records
from exclaim.evaluate.speakers import SPLIT_FILE, read_speakers, select_speakers
from exclaim.model import Model, load_model

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None)


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model file, or a shipped name.")],
    corpus: Annotated[str | None, typer.Option(help="A corpus by name; `exclaim corpora list` has them.")] = None,
    data: Annotated[Path | None, typer.Option(help="Where the corpora are; default EXCLAIM_DATA.")] = None,
    manifest: Annotated[Path | None, typer.Option(help="CSV with path, label, speaker.")] = None,
    task: Annotated[str | None, typer.Option(help="The head, where several have labels.")] = None,
    speakers_file: Annotated[
        Path | None, typer.Option(help="Only these speakers: one on each line, or a run's split.json.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Only this part (test, validation) of --speakers-file, or of the model's run.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="What the clips are called in the record.")] = None,
    draws: Annotated[int, typer.Option(min=2, help="Bootstrap draws of the intervals.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 0,
    pin: Annotated[str | None, typer.Option(help="SHA-256 that the model file must have.")] = None,
    record: Annotated[Path | None, typer.Option(help="Add the figures to this results.json.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Judge a model on labelled clips: accuracy, UAR, AUROC, calibration, confusion, with 95 % intervals."""
    if (corpus is None) == (manifest is None):
        raise CorpusError("name the clips by --corpus NAME (with --data DIR) or by --manifest CSV, one of the two")
    loaded = load_model(model, pin=pin)
    clips = read_manifest(manifest) if manifest is not None else load_corpus(str(corpus), data_root(data))
    called = name or (manifest.stem if manifest is not None else str(corpus))
    chosen, part = _of_speakers(clips, loaded, speakers_file, split)
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task(called, total=None)
        found = judge_model(
            loaded,
            chosen,
            task=task,
            data=f"{called}{part}",
            seed=seed,
            draws=draws,
            progress=lambda done, whole: progress.update(bar, completed=done, total=whole),
        )
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
    else:
        _print(found)
    if record is not None:
        _record(found, record, _command(model, corpus, manifest, task, speakers_file, split, name))


def _of_speakers(clips: Manifest, model: Model, speakers_file: Path | None, split: str | None) -> tuple[Manifest, str]:
    """Return the clips of the speakers asked for, and what to call them."""
    if speakers_file is None and split is None:
        return clips, ""
    path = speakers_file or model.path.parent / SPLIT_FILE
    return select_speakers(clips, read_speakers(path, split)), f", {split or path.stem} speakers"


def _print(found: Evaluation) -> None:
    console = Console() if sys.stdout.isatty() else Console(width=120)
    typer.echo(f"{found.model} {found.model_version}, {found.task}, on {found.data}")
    support = ", ".join(f"{count} {label}" for label, count in found.support.items())
    speakers = f", {found.speakers} speakers" if found.speakers else ""
    typer.echo(f"n {found.n} ({support}){speakers}; excluded {found.excluded}")
    for reason, count in found.excluded_reasons.items():
        typer.echo(f"  left out: {count} clips, {reason}")
    figures = Table("figure", "value", "95 %", box=None)
    for name in FIGURES:
        value, interval = getattr(found, name), found.intervals.get(name)
        low_high = f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else ""
        figures.add_row(name, "-" if value is None else f"{value:.3f}", low_high)
    console.print(figures)
    confusion = Table("true \\ answered", *found.labels, "recall", box=None)
    for label, row in zip(found.labels, found.confusion, strict=True):
        recall = found.recalls[label]
        confusion.add_row(label, *map(str, row), "-" if recall is None else f"{recall:.3f}")
    console.print(confusion)
    typer.echo(f"protocol: {found.protocol}")
    for note in found.notes:
        typer.echo(f"note: {note}")


def _record(found: Evaluation, path: Path, command: str) -> None:
    tree = source_tree(Path(exclaim.__file__).parent)
    date = datetime.now(UTC).isoformat(timespec="seconds")
    new = evaluation_records(found, command=command, tree=tree, date=date)
    write_records(path, replace_records(read_records(path), new))


def _command(
    model: str,
    corpus: str | None,
    manifest: Path | None,
    task: str | None,
    speakers_file: Path | None,
    split: str | None,
    name: str | None,
) -> str:
    """Return the command that measures this again, on any machine: no absolute paths, data where EXCLAIM_DATA says."""
    options = {
        "--corpus": corpus,
        "--manifest": _portable(manifest),
        "--task": task,
        "--speakers-file": _portable(speakers_file),
        "--split": split,
        "--name": name,
    }
    words = ["exclaim", "evaluate", str(_portable(Path(model)))]
    return shlex.join(words + [word for key, value in options.items() if value is not None for word in (key, value)])


def _portable(path: Path | None) -> str | None:
    if path is None:
        return None
    return path.name if path.is_absolute() else path.as_posix()
