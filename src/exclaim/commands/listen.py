"""``exclaim listen FILE|mic``: the episodes in a recording or in what a microphone hears; no service needed."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import msgspec
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from exclaim.audio import microphone, probe
from exclaim.config import GateOptions
from exclaim.features import FRAME_SECONDS
from exclaim.listen import Analysis, Heard, Listener, listen_file
from exclaim.listen import listen as listen_to
from exclaim.model import load_model, shipped_models
from exclaim.wire import Episode, StreamInfo
from exclaim.wording import in_words

__all__ = ["app", "default_models"]

app = typer.Typer(rich_markup_mode=None)

_BURST_MODELS = ("scream-detection", "scream-type")
_SPEECH_MODEL = "speech-emotion"
_COLUMNS = ("onset", "offset", "heard", "type", "confidence", "level")


@app.command()
def listen(
    source: Annotated[str, typer.Argument(metavar="FILE|mic", help='A sound file, "mic", or "mic:NAME".')],
    json: Annotated[
        bool,
        typer.Option(
            "--json", help="JSON lines: of a file each episode once, from a microphone every revision as it comes."
        ),
    ] = False,
    model: Annotated[
        list[str] | None, typer.Option(help="A model file or shipped name; again for more. Default: the shipped ones.")
    ] = None,
    no_gate: Annotated[bool, typer.Option("--no-gate", help="Hear silence too; a device gates it.")] = False,
) -> None:
    """Print the episodes in a recording, or in what a microphone hears until Ctrl-C."""
    gate = GateOptions(enabled=not no_gate)
    if source == "mic" or source.startswith("mic:"):
        _listen_live(source.partition(":")[2] or None, gate, model, json)
    else:
        _listen_file(Path(source), gate, model, json)


def _analysis(names: Sequence[str] | None) -> Analysis:
    return Analysis([load_model(name) for name in names or default_models()])


def default_models() -> tuple[str, ...]:
    """Return the shipped models that hear bursts and, in an installation that has it, the one that hears speech."""
    return (*_BURST_MODELS, _SPEECH_MODEL) if _SPEECH_MODEL in shipped_models() else _BURST_MODELS


def _listen_file(path: Path, gate: GateOptions, names: Sequence[str] | None, json: bool) -> None:
    seconds = probe(path).seconds
    steps = _with_progress(listen_file(path, _analysis(names), gate), seconds)
    closed: list[Episode] = []
    heard = 0.0
    for step in steps:
        heard = step.seconds
        for episode in step.episodes:
            if episode.state == "closed":
                closed.append(episode)
                if json:
                    _print_json(episode, heard)
    if json:
        return
    if closed:
        _print_table(closed, heard)
    else:
        print(f"no episodes in {path.name} ({_clock(heard)})")


def _listen_live(device: str | None, gate: GateOptions, names: Sequence[str] | None, json: bool) -> None:
    analysis = _analysis(names)
    info = StreamInfo(stream=str(uuid4()), device="listen", started=datetime.now(UTC))
    first = True
    with closing(microphone(device)) as blocks:
        steps = listen_to(_until_interrupted(blocks), Listener(analysis, info), gate)
        for step in steps:
            for episode in step.episodes:
                if json:
                    _print_json(episode, step.seconds)
                else:
                    _print_row(_row(episode, step.seconds), header=first)
                    first = False


def _until_interrupted(blocks: Iterable) -> Iterator:
    """Let Ctrl-C be the end of the stream, so that an open episode is closed and told."""
    try:
        yield from blocks
    except KeyboardInterrupt:
        return


def _with_progress(steps: Iterable[Heard], seconds: float) -> Iterator[Heard]:
    """Show on the standard error how far listening has come, where a person looks at it."""
    console = Console(stderr=True)
    columns = (TextColumn("listening"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("listening", total=seconds)
        for step in steps:
            progress.update(bar, completed=step.seconds)
            yield step


def _print_json(episode: Episode, heard: float) -> None:
    onset, offset = _span(episode, heard)
    line = {
        "onset_seconds": round(onset, 3),
        "offset_seconds": round(offset, 3),
        "type_name": _type_name(episode),
        **msgspec.to_builtins(episode),
    }
    sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    sys.stdout.flush()


def _print_table(episodes: Iterable[Episode], heard: float) -> None:
    table = Table(*_COLUMNS, box=SIMPLE_HEAD, pad_edge=False)
    for episode in episodes:
        table.add_row(*_row(episode, heard))
    Console().print(table)


def _print_row(row: tuple[str, ...], *, header: bool) -> None:
    for cells in (_COLUMNS, row) if header else (row,):
        print("  ".join(cell.ljust(10) for cell in cells).rstrip(), flush=True)


def _row(episode: Episode, heard: float) -> tuple[str, ...]:
    onset, offset = _span(episode, heard)
    kind = "" if episode.type is None else _type_name(episode) or "unsure"
    return (
        _clock(onset),
        "..." if episode.state == "open" else _clock(offset),
        episode.detection.task.removesuffix("-detection"),
        kind,
        f"{episode.detection.probability:.2f}",
        f"{episode.level_db:.0f} dB",
    )


def _type_name(episode: Episode) -> str | None:
    """Return what people call the type; None where there is none, or the model abstains."""
    return in_words(episode.type.label) if episode.type is not None and episode.type.label is not None else None


def _span(episode: Episode, heard: float) -> tuple[float, float]:
    """Return where an episode begins and, at the latest, ends, in seconds."""
    return episode.onset_frame * FRAME_SECONDS, min(heard, (episode.last_frame + 1) * FRAME_SECONDS)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds, 1), 60)
    return f"{minutes:02.0f}:{rest:04.1f}"
