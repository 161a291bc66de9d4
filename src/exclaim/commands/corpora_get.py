"""``exclaim corpora get NAME``: a corpus from its official place, on its own terms."""

import sys
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from exclaim import __version__
from exclaim.corpora.acquire import acquire
from exclaim.corpora.acquired import Watcher
from exclaim.corpora.data_root import data_root
from exclaim.corpora.registry import corpus_info
from exclaim.corpora.sources import Archive, Source, choose_archives, find_source
from exclaim.errors import CorpusError

__all__ = ["get"]

_TIMEOUT_SECONDS = 60.0  # without a byte


def get(
    name: Annotated[str, typer.Argument(help="Of the corpus, as `exclaim corpora list` names it.")],
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Folder that holds the corpora; default EXCLAIM_DATA, else ../shared/data."),
    ] = None,
    part: Annotated[
        list[str] | None, typer.Option(help="A part of the release; may be repeated. Default: the usual ones.")
    ] = None,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Accept the licence without being asked.")
    ] = False,
) -> None:
    """Fetch a corpus from its official place: its licence first, then what is missing of it, with checksums."""
    source, root, parts = find_source(name), data_root(data), tuple(part or ())
    _echo_terms(source, choose_archives(source, parts), root)
    if not accept_licence:
        _ask_to_accept(source)
    agent = {"User-Agent": f"exclaim/{__version__} (corpora get)"}
    with httpx.Client(follow_redirects=True, timeout=_TIMEOUT_SECONDS, headers=agent) as client, _Bars() as bars:
        got = acquire(source, root, client=client, parts=parts, watcher=bars)
    new = f"{got.new:,} of them new" if got.new else "all of them there before"
    typer.echo(f"{got.folder} holds {got.files:,} files of {name}, {new}")
    typer.echo(f"look at them with: exclaim corpora check {name}{f' --data {data}' if data else ''}")


def _echo_terms(source: Source, archives: tuple[Archive, ...], root: Path) -> None:
    info = corpus_info(source.corpus)
    rows = [
        ("licence", f"{info.licence}, {source.terms}"),
        ("", f"weights trained on it {'may' if info.may_ship else 'may not'} be shipped with exclaim"),
        ("cite", info.citation),
        ("page", info.home),
        ("from", source.repository.url if source.repository else "\n".join(archive.url for archive in archives)),
    ]
    if archives:
        rows.append(("size", _sizes(archives)))
    if len(source.parts) > 1:
        chosen = ", ".join(dict.fromkeys(archive.part for archive in archives))
        rows.append(("parts", f"{chosen}, of {', '.join(source.parts)}"))
    rows.append(("to", str(root / info.folders[0])))
    if source.advice:
        rows.append(("note", source.advice))
    typer.echo(info.title)
    for title, text in rows:
        for number, line in enumerate(text.splitlines()):
            typer.echo(f"  {'' if number else title:8} {line}")


def _sizes(archives: tuple[Archive, ...]) -> str:
    known = [archive.size for archive in archives if archive.size is not None]
    unknown = len(archives) - len(known)
    parts = [f"{sum(known) / 1e9:.2f} GB"] * bool(known) + [f"{unknown} of unknown size"] * bool(unknown)
    return " and ".join(parts)


def _ask_to_accept(source: Source) -> None:
    if not sys.stdin.isatty():
        raise CorpusError(f"read the licence at {source.terms}, and accept it with --accept-licence")
    if not typer.confirm("Do you accept the licence?", default=False):
        raise CorpusError("the licence was not accepted; nothing was fetched")


class _Bars(Watcher):
    """A bar for each step, on standard error; nothing but the sentences where nobody looks."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._shown: tuple[str, Progress, TaskID] | None = None

    def __enter__(self) -> "_Bars":
        return self

    def __exit__(self, *_: object) -> None:
        self._hide()

    def progress(self, what: str, done: int, total: int | None, unit: str) -> None:
        """Show how far a step is."""
        if not sys.stderr.isatty():
            return
        if self._shown is None or self._shown[0] != what:
            self._hide()
            counts = (DownloadColumn(), TransferSpeedColumn()) if unit == "bytes" else (MofNCompleteColumn(),)
            text = TextColumn("{task.description}")
            bar = Progress(text, BarColumn(), *counts, TimeRemainingColumn(), console=self._console, transient=True)
            bar.start()
            self._shown = what, bar, bar.add_task(what, total=total)
        _, bar, task = self._shown
        bar.update(task, completed=done, total=total)

    def say(self, sentence: str) -> None:
        """Print a sentence."""
        self._hide()
        self._console.print(sentence, highlight=False, soft_wrap=True)

    def _hide(self) -> None:
        if self._shown is not None:
            self._shown[1].stop()
        self._shown = None
