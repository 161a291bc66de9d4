"""``exclaim bench [MODEL ...]``: what exclaim costs on this machine, beside librosa and eager PyTorch."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

import exclaim
from exclaim.evaluate.bench import Bench, BenchOptions
from exclaim.evaluate.bench import bench as measure
from exclaim.evaluate.bench_records import bench_records
from exclaim.evaluate.results import Record, read_records, replace_records, source_tree, write_records
from exclaim.model import load_model, shipped_models

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None)


@app.command()
def bench(
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL]...", help="Model files or shipped names; default: the shipped."),
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Turns of the timed parts.")] = 200,
    fresh: Annotated[int, typer.Option(min=1, help="Processes for what only a fresh one tells.")] = 5,
    listen_minutes: Annotated[float, typer.Option(min=0, help="Recording for `listen`; 0: leave it out.")] = 60.0,
    instructions: Annotated[
        bool, typer.Option("--instructions", help="Count with valgrind where perf cannot; minutes.")
    ] = False,
    training_clips: Annotated[
        int, typer.Option(min=0, help="Clips of a generated epoch of training; 0: leave it out.")
    ] = 0,
    memory_limit: Annotated[
        int, typer.Option(min=0, help="MB for `listen` as on a small board, besides; 0: leave it out.")
    ] = 0,
    record: Annotated[Path | None, typer.Option(help="Add the figures to this results.json.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Measure front-end, models, imports and `listen`: time, memory, size, and energy where the machine can tell."""
    loaded = [load_model(name) for name in models or sorted(shipped_models())]
    options = BenchOptions(
        repeats=repeats,
        fresh=fresh,
        listen_minutes=listen_minutes,
        instructions=instructions,
        training_clips=training_clips,
        memory_limit=memory_limit * 1_000_000,
    )
    package = Path(exclaim.__file__).parent
    project = package.parents[1] if (package.parents[1] / "recipes").is_dir() else None
    found = _with_status(lambda tell: measure(loaded, options, project, tell))
    counting = ["--instructions"] if instructions else []
    counting += [f"--training-clips {training_clips}"] if training_clips else []
    counting += [f"--memory-limit {memory_limit}"] if memory_limit else []
    records = bench_records(
        found,
        command=" ".join(["exclaim bench", *(Path(name).name for name in models or ()), *counting]),
        tree=source_tree(package),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
    else:
        _print(found, records)
    if record is not None:
        write_records(record, replace_records(read_records(record), records))


def _with_status(run: Callable[[Callable[[str], None]], Bench]) -> Bench:
    """Show on the standard error what is being measured, where a person looks at it."""
    console = Console(stderr=True)
    if not console.is_terminal:
        return run(lambda stage: None)
    with console.status("measuring") as status:
        return run(lambda stage: status.update(f"measuring {stage}"))


def _print(found: Bench, records: list[Record]) -> None:
    typer.echo(f"{found.machine.processor}, {found.machine.cores} cores, {found.machine.system}")
    table = Table("measured", "value", "", "on", box=None)
    for row in records:
        value = (
            "not measured" if row.value is None else f"{row.value:,.0f}" if row.value >= 1000 else f"{row.value:.3g}"
        )
        table.add_row(row.metric, value, row.unit, row.data)
    (Console() if sys.stdout.isatty() else Console(width=160)).print(table)
    for note in found.notes:
        typer.echo(f"note: {note}")
