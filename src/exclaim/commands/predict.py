"""``exclaim predict CLIPS... --csv [OUT.csv]``: one row for each clip and head."""

import csv
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TextIO

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress

from exclaim.corpora.audio_files import find_audio
from exclaim.errors import AudioError
from exclaim.evaluate.clips import ClipLogits, clip_logits
from exclaim.model import Model, load_model, predict_head

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None)

_DEFAULT_MODELS = ("scream-detection", "scream-type")


@app.command()
def predict(
    clips: Annotated[list[str], typer.Argument(metavar="CLIPS...", help="Sound files, or folders of them.")],
    model: Annotated[
        list[str] | None, typer.Option(help="A model file or shipped name; again for more. Default: the shipped ones.")
    ] = None,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="CSV on the standard output, or into the last argument where that is OUT.csv.")
    ] = False,
) -> None:
    """Predict each clip: task, label, probability per class, level. A clip that cannot be read has its error in its
    row.
    """
    out = Path(clips.pop()) if as_csv and clips[-1].lower().endswith(".csv") else None
    paths = _expanded(clips)
    models = _loaded(model or list(_DEFAULT_MODELS))
    columns = _columns(models)
    rows = _rows(models, paths, columns)
    if as_csv:
        with _written(out) as file:
            failed = _write_csv(file, columns, rows)
    else:
        failed = _print_rows(rows)
    if failed:
        raise AudioError(f"{failed} of {len(paths)} clips could not be read; their rows say why")


def _expanded(clips: Sequence[str]) -> list[Path]:
    """Return the clips, folders replaced by the sound files in them."""
    paths = [found for clip in clips for found in (find_audio(Path(clip)) if Path(clip).is_dir() else [Path(clip)])]
    if not paths:
        raise AudioError(f"no sound files in {', '.join(clips) or 'what was named'}; expected clips or folders of them")
    return paths


def _loaded(names: Sequence[str]) -> list[Model]:
    """Load the models, each file once."""
    models = {model.path: model for model in map(load_model, names)}
    return list(models.values())


def _columns(models: Sequence[Model]) -> list[str]:
    labels = dict.fromkeys(label for model in models for head in model.card.heads for label in head.labels)
    return ["path", "task", "label", "abstained", *(f"probability_{label}" for label in labels), "level_db", "error"]


def _rows(models: Sequence[Model], paths: Sequence[Path], columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield a row for each clip and head, clips in their order, with a progress bar on the standard error."""
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task("clips", total=len(paths))
        for answers in zip(*(clip_logits(model, paths) for model in models), strict=True):
            for model, answer in zip(models, answers, strict=True):
                for head in model.card.heads:
                    yield dict.fromkeys(columns, "") | _row(model, head.task, answer)
            progress.advance(bar)


def _row(model: Model, task: str, answer: ClipLogits) -> dict[str, Any]:
    row: dict[str, Any] = {"path": str(answer.path), "task": task}
    if answer.error is not None or answer.level_db is None:
        return row | {"error": answer.error or "no level"}
    head = model.card.head(task)
    logits, level = answer.logits[head.output][np.newaxis], np.array([answer.level_db])
    probabilities, labels, abstained = predict_head(head, logits, level, model.card.level_floor_db)
    chances = zip(head.labels, probabilities[0], strict=True)
    return row | {
        "label": labels[0] or "",
        "abstained": "yes" if abstained[0] else "no",
        "level_db": f"{answer.level_db:.1f}",
        **{f"probability_{label}": f"{chance:.6f}" for label, chance in chances},
    }


@contextmanager
def _written(out: Path | None) -> Iterator[TextIO]:
    """Open the standard output, or a file that takes its place only when all of it is written."""
    if out is None:
        yield sys.stdout
        return
    partial = out.with_name(f"{out.name}.partial")
    try:
        with partial.open("w", newline="", encoding="utf-8") as file:
            yield file
        partial.replace(out)
    except OSError as error:
        raise AudioError(f"{out} cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def _write_csv(file: TextIO, columns: Sequence[str], rows: Iterator[dict[str, Any]]) -> int:
    """Write the rows and return how many clips had an error."""
    failed = set()
    table = csv.DictWriter(file, columns)
    table.writeheader()
    for row in rows:
        table.writerow(row)
        if row["error"]:
            failed.add(row["path"])
    return len(failed)


def _print_rows(rows: Iterator[dict[str, Any]]) -> int:
    """Print a line for each row and return how many clips had an error."""
    failed = set()
    for row in rows:
        if row["error"]:
            failed.add(row["path"])
            typer.echo(f"{row['path']}  {row['task']}  ERROR {row['error']}")
            continue
        chances = [
            f"{key.removeprefix('probability_')} {value[:5]}"
            for key, value in row.items()
            if key[:12] == "probability_" and value
        ]
        label = row["label"] or ("unsure" if row["abstained"] == "yes" else "nothing")
        typer.echo(f"{row['path']}  {row['task']}  {label}  ({', '.join(chances)}; {row['level_db']} dB)")
    return len(failed)
