"""``exclaim config init | check``: write or check the one configuration file."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from exclaim.config import SenseOptions, SiteOptions, config_template, load_config
from exclaim.errors import ConfigError
from exclaim.preflight import preflight

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Write or check the one configuration file.")


@app.command()
def init(
    file: Annotated[Path, typer.Argument(help="The file to write.")] = Path("exclaim.yaml"),
    context: Annotated[str | None, typer.Option(help="Where this runs; asked for if not given.")] = None,
    purpose: Annotated[str | None, typer.Option(help="Why sound is listened to; asked for too.")] = None,
    name: Annotated[str, typer.Option(help="The site's name.")] = "site",
    profile: Annotated[str, typer.Option(help="home, care or metro: whom an alert calls.")] = "home",
    device: Annotated[str, typer.Option(help="The first device's name.")] = "device-1",
    source: Annotated[str, typer.Option(help="mic, mic:NAME, or a sound file.")] = "mic",
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Write a commented configuration file; every default is in it."""
    if file.exists() and not force:
        raise ConfigError(f"{file} exists; --force overwrites it")
    context = context or _ask("Where does this run (the context)", "--context")
    purpose = purpose or _ask("Why is sound listened to (the purpose)", "--purpose")
    site = {"name": name, "context": context, "purpose": purpose, "profile": profile}
    try:
        options = msgspec.convert(site, SiteOptions)
        msgspec.convert({"device": device, "source": source}, SenseOptions)
    except msgspec.ValidationError as error:
        raise ConfigError(f"these options do not hold together: {error}") from error
    _write(file, config_template(options, device=device, source=source))
    load_config(file)
    typer.echo(f"wrote {file}; now: exclaim config check {file}")


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="The file to check.")] = Path("exclaim.yaml"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line for each finding.")] = False,
) -> None:
    """Say what holds and what does not; exit status 1 where something does not."""
    findings = preflight(load_config(file), Path.cwd())
    for finding in findings:
        if as_json:
            typer.echo(json.dumps(msgspec.to_builtins(finding)))
        else:
            typer.echo(f"{'ok  ' if finding.holds else 'FAIL'}  {finding.part:<16} {finding.text}")
    failed = sum(not finding.holds for finding in findings)
    if failed:
        raise ConfigError(f"{file}: {failed} of {len(findings)} things do not hold")


def _ask(question: str, option: str) -> str:
    if not sys.stdin.isatty():
        raise ConfigError(f"{option} is required: who runs this must say it; give {option} TEXT")
    return typer.prompt(question)


def _write(file: Path, text: str) -> None:
    """Write the file whole or not at all."""
    part = file.with_name(file.name + ".part")
    try:
        part.write_text(text, "utf-8")
        os.replace(part, file)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ConfigError(f"{file} cannot be written: {error.strerror}") from error
