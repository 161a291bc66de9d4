"""``exclaim report RUNS``, ``exclaim report RUN_A RUN_B`` and ``exclaim report SETS``: runs or sets as one page."""

import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import exclaim
from exclaim.commands.report_sets import asks_for_sets, report_sets
from exclaim.corpora.data_root import data_root
from exclaim.errors import ConfigError
from exclaim.evaluate.report.pair import is_pairable, make_pair
from exclaim.evaluate.report.record import report_records
from exclaim.evaluate.report.report import Report, ReportOptions, Stage, make_report
from exclaim.evaluate.report.set_report import ITEMS
from exclaim.evaluate.report.write import check_installed, write_report
from exclaim.evaluate.results import check_writable, keep_records, source_tree

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None)
_NOISE = "noise"
_SNRS = "0,10"
_REPEATS = 50
_DRAWS = 1000
_MOST_SNR_DB = 100.0


@app.command()
def report(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUNS...",
            help="Folders of runs, or runs; or two runs or answers files to pair; or condensed sets to look at.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the report.")] = Path("report"),
    pair: Annotated[
        bool | None,
        typer.Option(
            "--pair/--tables", help="Pair two models clip by clip, or make the tables. Two runs or answers: pair."
        ),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Where the corpora are; default EXCLAIM_DATA.")] = None,
    noise: Annotated[
        str,
        typer.Option(help="Noise of tables II and III: a corpus, of which what training did not hear; a folder; none."),
    ] = _NOISE,
    snr: Annotated[str, typer.Option(help="Its signal-to-noise ratios in dB.")] = _SNRS,
    repeats: Annotated[int, typer.Option(min=0, help="Timed runs of a model for figure 9; 0: none.")] = _REPEATS,
    stream: Annotated[
        list[Path] | None,
        typer.Option(help="A JSON of `evaluate --stream --json`, for the DET curves; again for more."),
    ] = None,
    draws: Annotated[int, typer.Option(min=2, help="Bootstrap draws of the intervals.")] = _DRAWS,
    record: Annotated[Path | None, typer.Option(help="A JSON file of records, such as docs/results.json.")] = None,
    items: Annotated[int, typer.Option(min=0, help="Items of a set's label that are shown; 0: all.")] = ITEMS,
    sounds: Annotated[
        Path | None, typer.Option(help="Folder for a WAV file of every item of a set; needs the extra sounds.")
    ] = None,
) -> None:
    """Make one page of runs, with the paper's tables and figures; or pair two models; or look at condensed sets."""
    check_installed()
    for_runs = {
        "--pair": pair is not None,
        "--stream": stream,
        "--record": record,
        "--data": data,
        "--noise": noise != _NOISE,
        "--snr": snr != _SNRS,
        "--repeats": repeats != _REPEATS,
        "--draws": draws != _DRAWS,
    }
    check_writable(record)
    if asks_for_sets(runs, for_runs):
        with _progress() as progress:
            report_sets(runs, out, items, sounds, _stage(progress))
        return
    if sounds is not None:
        raise ConfigError(f"--sounds is for condensed sets; {runs[0]} is none")
    pairing = pair if pair is not None else len(runs) == 2 and all(map(is_pairable, runs))
    root = data_root(data)
    with _progress() as progress:
        stage = _stage(progress)
        if pairing:
            found = make_pair(runs, root, draws=draws, stage=stage)
        else:
            options = ReportOptions(
                data=root,
                noise=None if noise == "none" else noise,
                snrs_db=_ratios(snr),
                repeats=repeats,
                draws=draws,
                streams=tuple(stream or ()),
            )
            found = make_report(runs, options, stage)
    tree = source_tree(Path(exclaim.__file__).parent)
    command = _command(runs, pair, noise, snr)
    page = write_report(found, out, command=command, tree=tree)
    if record is not None:
        date = datetime.now(UTC).isoformat(timespec="seconds")
        new = report_records(found.sections, command=command, tree=tree, date=date)
        keep_records(record, new)
    _tell(found)
    typer.echo(f"wrote {page}")


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())


def _stage(progress: Progress) -> Stage:
    def stage(name: str):
        bar = progress.add_task(name, total=None)
        return lambda done, whole: progress.update(bar, completed=done, total=whole)

    return stage


def _ratios(text: str) -> tuple[float, ...]:
    try:
        found = tuple(sorted({float(word) for word in text.split(",")}))
    except ValueError as error:
        raise ConfigError(f"--snr {text}: {error}; expected numbers in dB such as {_SNRS}") from error
    if not all(abs(value) <= _MOST_SNR_DB for value in found):
        raise ConfigError(f"--snr {text}: expected numbers from -{_MOST_SNR_DB:g} to {_MOST_SNR_DB:g} dB")
    return found


def _command(runs: list[Path], pair: bool | None, noise: str, snr: str) -> str:
    """Return the command that makes this again, on any machine: no absolute paths."""
    words = ["exclaim", "report", *(path.name if path.is_absolute() else path.as_posix() for path in runs)]
    words += {None: [], True: ["--pair"], False: ["--tables"]}[pair]
    words += ["--noise", Path(noise).name if Path(noise).is_absolute() else noise] if noise != _NOISE else []
    words += ["--snr", snr] if snr != _SNRS else []
    return shlex.join(words)


def _tell(found: Report) -> None:
    """Say in a few lines what the page says in many."""
    typer.echo(f"{found.title}: {found.subtitle}")
    for note in found.sections[0].notes:
        typer.echo(f"  {note}")
    for name, reason in found.skipped:
        typer.echo(f"left out: {name}: {reason}", err=True)
