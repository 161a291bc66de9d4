"""``exclaim decide``: run the decision service and its web page."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from exclaim.config import load_config
from exclaim.errors import ConfigError

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def decide(
    config: Annotated[Path | None, typer.Option(help="The configuration file.")] = None,
    hash_password: Annotated[
        bool, typer.Option("--hash-password", help="Ask for a password, print its hash for decide.people, and end.")
    ] = False,
) -> None:
    """Run the decision service and its web page until Ctrl-C."""
    try:
        from exclaim.decide.passwords import hash_password as hashed
        from exclaim.decide.server import run_decide
    except ModuleNotFoundError as error:
        hint = "pip install 'exclaim[serve]'"
        raise ConfigError(f"the decision service needs the package {error.name!r}: {hint}") from error
    if hash_password:
        typer.echo(hashed(typer.prompt("Password", hide_input=True, confirmation_prompt=True)))
        return
    if config is None:
        raise ConfigError("--config FILE is needed; `exclaim config init` writes one")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    run_decide(load_config(config), ready=lambda url: typer.echo(f"decision service and page: {url}"))
