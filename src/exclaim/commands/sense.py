"""``exclaim sense``: run a device."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from exclaim.config import Config, SenseOptions, load_config
from exclaim.errors import ConfigError
from exclaim.supervise import stop_signals_interrupt

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None)


@app.command()
def sense(
    config: Annotated[
        Path | None, typer.Option(help="The configuration file; `exclaim config init` writes one.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="Which of its devices; needed where it names several.")] = None,
    file: Annotated[Path | None, typer.Option(help="A sound file in place of the device's own source.")] = None,
    edge: Annotated[str | None, typer.Option(help="URL of the edge, in place of the device's own.")] = None,
    fast: Annotated[bool, typer.Option("--fast", help="Read a file as fast as it goes.")] = False,
) -> None:
    """Run a device: capture sound, gate it, and hand frames (or episodes) to the edge."""
    from exclaim.sense.device import run_sense  # here, so that help needs no audio library

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    loaded = load_config(config) if config else None
    options = _chosen(loaded, device)
    changes = {"source": str(file) if file else None, "edge_url": edge, "real_time": False if fast else None}
    options = msgspec.structs.replace(options, **{name: value for name, value in changes.items() if value is not None})
    stop = threading.Event()
    worker = _Worker(options, loaded, stop, run_sense)
    with stop_signals_interrupt():
        worker.start()
        try:
            while worker.is_alive():
                worker.join(0.2)
        except KeyboardInterrupt:
            typer.echo("stopping: sending what waits", err=True)
            stop.set()
            worker.join()
    if worker.error:
        raise worker.error


class _Worker(threading.Thread):
    """Runs the device beside the main thread, which signals interrupt."""

    def __init__(
        self, options: SenseOptions, loaded: Config | None, stop: threading.Event, run: Callable[..., None]
    ) -> None:
        super().__init__(name="sense")
        self._call = lambda: run(
            options,
            models=loaded.models if loaded else (),
            pins=loaded.model_pins if loaded else {},
            stop=stop,
            on_ready=lambda stream: typer.echo(f"device {options.device} hears stream {stream}"),
        )
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self._call()
        except BaseException as error:
            self.error = error


def _chosen(loaded: Config | None, device: str | None) -> SenseOptions:
    if loaded is None:
        return SenseOptions(device=device or "device")
    named = {options.device: options for options in loaded.sense}
    if device is None and len(named) == 1:
        return next(iter(named.values()))
    if device not in named:
        known = ", ".join(named) or "none"
        asked = f"device {device!r} is not among them" if device else "say which one by --device"
        raise ConfigError(f"the configuration names the devices {known}; {asked}")
    return named[device]
