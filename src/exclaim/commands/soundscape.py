"""``exclaim soundscape FOLDER``: hours of recording with known events, to measure a detector on."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import Progress

from exclaim.corpora.data_root import data_root
from exclaim.evaluate.stream.render import write_soundscapes
from exclaim.evaluate.stream.soundscape import SoundscapeOptions
from exclaim.evaluate.stream.sources import find_sources

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None)

_DEFAULTS = SoundscapeOptions()


@app.command()
def soundscape(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder; it takes 70 MB an hour.")],
    hours: Annotated[float, typer.Option(min=1 / 60, max=1000, help="In recordings of an hour at most.")] = 1.0,
    corpus: Annotated[
        Literal["emogator", "deeply"], typer.Option(help="Whose screams; deeply's other classes are the other sounds.")
    ] = "emogator",
    part: Annotated[
        Literal["train", "validation", "test"], typer.Option(help="Of the split: speakers and backgrounds.")
    ] = "test",
    split: Annotated[Path | None, typer.Option(help="A run's split.json; default: the shipped models'.")] = None,
    screams: Annotated[float, typer.Option(min=0, max=300, help="An hour.")] = _DEFAULTS.screams_per_hour,
    others: Annotated[float, typer.Option(min=0, max=300, help="Other sounds an hour.")] = _DEFAULTS.others_per_hour,
    snr: Annotated[float, typer.Option(help="dB of a scream's active part over the background.")] = _DEFAULTS.snr_db,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same soundscapes.")] = 0,
    data: Annotated[Path | None, typer.Option(help="Where the corpora are; default EXCLAIM_DATA.")] = None,
) -> None:
    """Build recordings of background, screams and other sounds that training did not hear, each with its events."""
    count = max(1, -int(-hours // 1))
    options = SoundscapeOptions(
        seconds=hours * 3600 / count, screams_per_hour=screams, others_per_hour=others, snr_db=snr
    )
    sources = find_sources(data_root(data), split, part, corpus)
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task("soundscapes", total=hours * 3600)
        write_soundscapes(
            folder,
            sources,
            options,
            count=count,
            seed=seed,
            command=_command(folder, hours, corpus, part, split, options, seed),
            progress=lambda seconds: progress.update(bar, completed=seconds),
        )
    speakers = len({sound.source for sound in sources.screams})
    typer.echo(
        f"{folder}: {count} recordings, {hours:g} h, over {len(sources.backgrounds)} backgrounds; "
        f"{len(sources.screams)} different screams of {speakers} speakers"
    )


def _command(
    folder: Path, hours: float, corpus: str, part: str, split: Path | None, options: SoundscapeOptions, seed: int
) -> str:
    """Return the command that makes the same soundscapes on any machine: names without this machine's folders."""
    words = ["exclaim", "soundscape", folder.name, "--hours", f"{hours:.12g}", "--corpus", corpus, "--part", part]
    words += ["--split", split.name if split.is_absolute() else split.as_posix()] if split is not None else []
    words += ["--screams", f"{options.screams_per_hour:g}", "--others", f"{options.others_per_hour:g}"]
    return shlex.join([*words, "--snr", f"{options.snr_db:g}", "--seed", str(seed)])
