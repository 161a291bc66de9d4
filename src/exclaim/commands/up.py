"""``exclaim up``: device, edge and decision service together, each its own process."""

import logging
import time
from pathlib import Path
from typing import Annotated

import typer

from exclaim.config import load_config
from exclaim.site import check_site, page_url, start_devices, start_services
from exclaim.supervise import Supervisor, stop_signals_interrupt

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None)


@app.command()
def up(
    config: Annotated[Path, typer.Option(help="The configuration file; `exclaim config init` writes one.")],
) -> None:
    """Run everything that a configuration names, start again what fails, until Ctrl-C."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    loaded = load_config(config)
    check_site(loaded)
    try:
        with stop_signals_interrupt(), Supervisor() as supervisor:
            start_services(supervisor, loaded, config)
            start_devices(supervisor, loaded, config)
            typer.echo(f"the page is at {page_url(loaded)}; Ctrl-C stops everything")
            while True:
                time.sleep(0.5)
                supervisor.watch()
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
