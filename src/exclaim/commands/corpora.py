"""``exclaim corpora list | check | get``: which corpora are here, are they sound, and where the others come from."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from exclaim.commands.corpora_get import get
from exclaim.commands.corpora_recipe import check_recipe
from exclaim.corpora.check import CorpusCheck, PartCount, check_manifest, part_counts
from exclaim.corpora.clip import encode_path
from exclaim.corpora.data_root import data_root
from exclaim.corpora.info import CorpusInfo
from exclaim.corpora.inspection import BROKEN
from exclaim.corpora.labels import Counterparts
from exclaim.corpora.manifest import Manifest
from exclaim.corpora.manifest_files import read_manifest
from exclaim.corpora.registry import corpora, corpus_info, find_corpus, load_corpus
from exclaim.corpora.sources import SOURCES
from exclaim.errors import ConfigError, CorpusError

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="List, check and get the corpora.")

Data = Annotated[
    Path | None,
    typer.Option("--data", help="Folder that holds the corpora; default EXCLAIM_DATA, else ../shared/data."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON line for each corpus.")]
_SHOWN = 5  # of each kind of finding; --json has them all


@app.command("list")
def list_corpora(data: Data = None, as_json: AsJson = False) -> None:
    """Say which corpora exclaim knows, which are here and how much of each; reads names only."""
    root = data_root(data)
    table = Table("corpus", "licence", "may ship", "clips here / official", "speakers", "where", box=None)
    for name, adapter in corpora().items():
        if not adapter.info.folders:
            continue
        manifest = _load_if_here(name, root)
        counts = part_counts(adapter.info, manifest) if manifest else ()
        folder = find_corpus(name, root) if manifest else None
        if as_json:
            _echo_json({"found": manifest is not None, "root": folder, "counts": counts, **_fields(adapter.info)})
        else:
            ships = "yes" if adapter.info.may_ship else "no"
            how = f" (exclaim corpora get {name})" if name in SOURCES else ""
            where = str(folder) if folder else f"not found; from {adapter.info.home}{how}"
            table.add_row(name, adapter.info.licence, ships, *_cells(adapter.info, counts), where)
    if not as_json:
        _console().print(table)
        typer.echo(f"looked in {root}; a folder with a subfolder for each class, or a CSV, is read as your own")


@app.command()
def check(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Corpora, folders or CSVs; default: all here.")
    ] = None,
    data: Data = None,
    recipe: Annotated[
        Path | None,
        typer.Option(help="In place of corpora: the parts that a recipe splits its corpora into, and what leaks."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read every clip: counts, broken or silent files, duplicates, leaks; status 1 where a corpus is unsound."""
    root = data_root(data)
    if recipe is not None:
        if names:
            raise ConfigError(f"{names[0]} and --recipe: the recipe names its corpora; give one of the two")
        check_recipe(recipe, root, as_json=as_json)
        return
    chosen = [_load_named(name, root) for name in names] if names else _load_all(root)
    checks = [_check_with_progress(info, manifest) for info, manifest in chosen]
    if as_json:
        for found in checks:
            _echo_json(msgspec.structs.asdict(found))
    else:
        _console().print(_table(checks))
        for found in checks:
            _echo_details(found)
    if unsound := [found.corpus for found in checks if found.errors]:
        first = next(error for found in checks for error in found.errors)
        raise CorpusError(f"{len(unsound)} of {len(checks)} corpora are not sound ({', '.join(unsound)}): {first}")


app.command()(get)  # here, so that the help lists it last


def _load_if_here(name: str, root: Path) -> Manifest | None:
    """Return a corpus's manifest, or None where nothing of it is there; a corpus that is there and odd raises."""
    folder = find_corpus(name, root)
    manifest = corpora()[name].read(folder.resolve()) if folder is not None else None
    return manifest if manifest and manifest.clips else None


def _load_all(root: Path) -> list[tuple[CorpusInfo, Manifest]]:
    found = [(a.info, _load_if_here(name, root)) for name, a in corpora().items() if a.info.folders]
    here = [(info, manifest) for info, manifest in found if manifest is not None]
    if not here:
        raise CorpusError(f"no corpus was found at {root}; set EXCLAIM_DATA or give --data DIR")
    return here


def _load_named(name: str, root: Path) -> tuple[CorpusInfo, Manifest]:
    """Load a corpus by its name, or the user's own by its path."""
    if name in corpora() and corpora()[name].info.folders:
        return corpus_info(name), load_corpus(name, root)
    if Path(name).is_file():
        return corpus_info("csv"), read_manifest(Path(name))
    if Path(name).is_dir():
        return corpus_info("folder"), load_corpus("folder", Path(name))
    return corpus_info(name), load_corpus(name, root)


def _check_with_progress(info: CorpusInfo, manifest: Manifest) -> CorpusCheck:
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(info.name, total=len(manifest))
        return check_manifest(info, manifest, workers=os.cpu_count() or 1, progress=lambda: progress.advance(task))


def _table(checks: list[CorpusCheck]) -> Table:
    columns = ("clips", "speakers", "hours", "broken", "silent", "near-silent", "duplicates", "leaks", "sound")
    table = Table("corpus", *columns, box=None)
    for found in checks:
        table.add_row(
            found.corpus,
            *_cells(corpus_info(found.corpus), found.counts),
            f"{found.seconds / 3600:.2f}",
            str(sum(count for state, count in found.states.items() if state in BROKEN)),
            str(found.states.get("silent", 0)),
            str(found.states.get("near-silent", 0)),
            str(len(found.duplicates)),
            str(len(found.leaks)) if found.split else "-",
            "NO" if found.errors else "yes",
        )
    return table


def _cells(info: CorpusInfo, counts: tuple[PartCount, ...]) -> tuple[str, str]:
    """Return "here / official" for clips and for speakers."""

    def beside(here: int, official: int | None) -> str:
        return f"{here:,} / {official:,}" if official is not None else f"{here:,}"

    if not counts:
        return beside(0, info.clips), beside(0, info.speakers)
    return beside(counts[0].clips, counts[0].official_clips), beside(counts[0].speakers, counts[0].official_speakers)


def _echo_details(found: CorpusCheck) -> None:
    typer.echo(f"\n{found.corpus} at {found.root} ({found.licence})")
    for error in found.errors:
        typer.echo(f"  ERROR {error}")
    for count in found.counts[1:]:
        typer.echo(f"  part {count.name}: {count.clips:,} of {count.official_clips:,} clips, {count.speakers} speakers")
    for note in found.notes:
        typer.echo(f"  note: {note}")
    for reason, count in found.excluded.items():
        typer.echo(f"  left out: {count} files, {reason}")
    for task, told in found.tasks.items():
        typer.echo(f"  {task}: {_listed(told.labels)}{_without_counterpart(told)}")
    if found.split:
        typer.echo(f"  split looked at for leaks: {found.split}")
    _echo_some([f"{leak.kind} {leak.key} is in {' and '.join(leak.parts)}" for leak in found.leaks])
    _echo_some([f"{problem.state}: {problem.path}: {problem.reason}" for problem in found.problems])
    _echo_some([f"the same sound: {' = '.join(map(str, same.paths))}" for same in found.duplicates])


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {label}" for label, count in counts.items())


def _without_counterpart(told: Counterparts) -> str:
    if not told.without:
        return ""
    return f"; {sum(told.without.values()):,} clips without a counterpart ({_listed(told.without)})"


def _echo_some(lines: list[str]) -> None:
    for line in lines[:_SHOWN]:
        typer.echo(f"  {line}")
    if len(lines) > _SHOWN:
        typer.echo(f"  ... and {len(lines) - _SHOWN} more like this; --json lists them all")


def _fields(info: CorpusInfo) -> dict[str, Any]:
    names = ("title", "licence", "may_ship", "home", "citation", "counts_from")
    return {"corpus": info.name, **{name: getattr(info, name) for name in names}}


def _echo_json(value: dict[str, Any]) -> None:
    typer.echo(msgspec.json.encode(value, enc_hook=encode_path).decode())


def _console() -> Console:
    """Return a console for tables: as wide as the terminal, and wide enough where there is none."""
    return Console() if sys.stdout.isatty() else Console(width=200)
