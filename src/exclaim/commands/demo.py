"""``exclaim demo``: play a scene of three devices, from sound to decision."""

import json
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from exclaim.corpora.data_root import data_root
from exclaim.demo.fetching import cache_folder
from exclaim.demo.play import SETTLE_SECONDS, Stage
from exclaim.demo.scene import load_scene
from exclaim.demo.sounds import choose_sounds
from exclaim.demo.stage import free_port, set_stage, stage_config
from exclaim.demo.table import as_line, as_table
from exclaim.model import load_model
from exclaim.preflight import check_port
from exclaim.site import page_url
from exclaim.supervise import stop_signals_interrupt

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None)


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Print one JSON line for each decision and end.")] = False,
    port: Annotated[int, typer.Option(help="Port of the page; 0: any free one.", min=0, max=65535)] = 8742,
    synthesised: Annotated[
        bool, typer.Option("--synthesised", help="Play synthesised sounds even where there are recordings.")
    ] = False,
    model: Annotated[
        list[Path] | None, typer.Option(help="A model file in place of the shipped ones; may be repeated.")
    ] = None,
) -> None:
    """Play a scene of three devices on this machine: a live table, and a page until Ctrl-C."""
    console = Console(stderr=True)
    port = _page_port(port, once)
    scene = load_scene()
    found = choose_sounds(
        scene,
        data=None if synthesised else data_root(),
        cache=None if synthesised else cache_folder(),
        say=lambda text: _say(console, text),
    )
    _say(console, found.text, style="bold yellow" if found.synthesised else "")
    models = [str(path.resolve()) for path in model or ()]
    config = stage_config(scene, found, page_port=port, edge_port=free_port(), real_time=not once, models=models)
    for name in config.models:
        load_model(name)  # what is wrong with one is said before anything starts
    with tempfile.TemporaryDirectory(prefix="exclaim-demo-") as folder, stop_signals_interrupt():
        try:
            with Stage(config, set_stage(Path(folder), config, found)) as stage:
                _once(stage) if once else _live(stage, console, page_url(config), scene.seconds + SETTLE_SECONDS)
        except KeyboardInterrupt:
            _say(console, "stopped")
            if once:
                raise typer.Exit(130) from None


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(text, style=style, highlight=False, soft_wrap=True)


def _page_port(port: int, once: bool) -> int:
    """Return the port to use: any free one where nobody looks at the page, else the one that was asked for."""
    if once or port == 0:
        return free_port()
    check_port("127.0.0.1", port, "page")
    return port


def _once(stage: Stage) -> None:
    stage.watch(lambda decisions: None, seconds=SETTLE_SECONDS)
    for decision in stage.decisions():
        typer.echo(json.dumps(as_line(decision)))


def _live(stage: Stage, console: Console, url: str, seconds: float) -> None:
    _say(console, f"the page is at {url}")
    with Live(as_table([]), console=console, refresh_per_second=4) as live:
        stage.watch(lambda decisions: live.update(as_table(decisions)), seconds=seconds)
    if not console.is_terminal:
        console.print()  # a table in a file ends without one
    _say(console, f"the scene is over; the page stays at {url} until Ctrl-C")
    while True:
        stage.check()
        time.sleep(0.5)
