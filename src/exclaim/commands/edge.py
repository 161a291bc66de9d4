"""``exclaim edge``: run the edge server."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from exclaim.config import load_config

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None)


@app.command()
def edge(
    config: Annotated[Path, typer.Option(help="The configuration file; `exclaim config init` writes one.")],
) -> None:
    """Run the edge server: it takes frames and events from devices and passes episodes on to the decision service."""
    from exclaim.edge.run import run_edge  # here, so that help needs no web framework

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    loaded = load_config(config)
    run_edge(
        loaded.edge,
        models=loaded.models,
        pins=loaded.model_pins,
        on_ready=lambda url: typer.echo(f"edge server ready on {url}"),
    )
