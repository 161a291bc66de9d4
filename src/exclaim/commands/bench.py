"""``exclaim bench [MODEL ...]``: what exclaim costs on this machine, beside librosa and eager PyTorch."""

import shlex
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.table import Table

import exclaim
from exclaim.corpora.data_root import data_root
from exclaim.errors import ConfigError
from exclaim.evaluate.bench import BenchOptions, Machine
from exclaim.evaluate.bench import bench as measure
from exclaim.evaluate.bench_records import bench_records, set_bench_records
from exclaim.evaluate.bench_sets import SetBenchOptions, bench_set
from exclaim.evaluate.results import Record, check_writable, keep_records, source_tree
from exclaim.model import load_model, shipped_models

__all__ = ["app"]

T = TypeVar("T")

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
        int, typer.Option(min=0, help="MB for `listen` as on a small board, besides, or for --on-set; 0: none.")
    ] = 0,
    on_set: Annotated[
        Path | None, typer.Option(help="A recipe that trains on a condensed set: measure that, and nothing else.")
    ] = None,
    whole: Annotated[
        Path | None, typer.Option(help="With --on-set: the recipe that trains the same network on the whole corpus.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the corpora, for --whole; else EXCLAIM_DATA.")] = None,
    runs: Annotated[Path, typer.Option(help="Folder of the runs, for --on-set.")] = Path("runs"),
    cache: Annotated[Path, typer.Option(help="Folder of features, for --whole.")] = Path("cache"),
    record: Annotated[Path | None, typer.Option(help="Add the figures to this results.json.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Measure front-end, models, imports and `listen`, or training on a set: time, memory, and what can be counted."""
    check_writable(record)
    if on_set is None and whole is not None:
        raise ConfigError(f"--whole {whole} is for --on-set; name the recipe that trains on a set by it")
    if on_set is not None and models:
        raise ConfigError(f"--on-set measures training on a set and nothing else; leave {models[0]} out")
    if on_set is not None:
        asked = SetBenchOptions(
            recipe=on_set,
            whole=whole,
            data=data_root(data),
            runs=runs,
            cache=cache,
            memory_limit=memory_limit * 1_000_000,
            instructions=instructions,
        )
        return _on_set(asked, record, as_json)
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
        _print(found.machine, records, found.notes)
    if record is not None:
        keep_records(record, records)


def _on_set(options: SetBenchOptions, record: Path | None, as_json: bool) -> None:
    """Measure training on a set, print it, and record it where it is asked for."""
    found = _with_status(lambda tell: bench_set(options, tell))
    named = ["--on-set", _named(options.recipe)]
    named += ["--whole", _named(options.whole)] if options.whole else []
    named += ["--memory-limit", str(options.memory_limit // 1_000_000)] if options.memory_limit else []
    named += ["--instructions"] if options.instructions else []
    records = set_bench_records(
        found,
        command=shlex.join(["exclaim", "bench", *named]),
        tree=source_tree(Path(exclaim.__file__).parent),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
    else:
        _print(found.machine, records)
    if record is not None:
        keep_records(record, records)


def _named(path: Path) -> str:
    """Return a path as a record may tell it: of this machine's folders only what is below the working one."""
    return path.name if path.is_absolute() else path.as_posix()


def _with_status(run: Callable[[Callable[[str], None]], T]) -> T:
    """Show on the standard error what is being measured, where a person looks at it."""
    console = Console(stderr=True)
    if not console.is_terminal:
        return run(lambda stage: None)
    with console.status("measuring") as status:
        return run(lambda stage: status.update(f"measuring {stage}"))


def _print(machine: Machine, records: list[Record], notes: Sequence[str] = ()) -> None:
    typer.echo(f"{machine.processor}, {machine.cores} cores, {machine.system}")
    table = Table("measured", "value", "", "on", box=None)
    for row in records:
        value = (
            "not measured" if row.value is None else f"{row.value:,.0f}" if row.value >= 1000 else f"{row.value:.3g}"
        )
        table.add_row(row.metric, value, row.unit, row.data)
    (Console() if sys.stdout.isatty() else Console(width=160)).print(table)
    unmeasured = [f"{row.metric} not measured: {row.protocol}" for row in records if row.value is None]
    for note in dict.fromkeys((*notes, *unmeasured)):
        typer.echo(f"note: {note}")
