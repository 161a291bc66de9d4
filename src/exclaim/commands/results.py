"""``exclaim results [--check]``: generate docs/results.md and the README's tables from docs/results.json."""

from pathlib import Path
from typing import Annotated

import typer

from exclaim.errors import ConfigError
from exclaim.evaluate.results import fill_tables, read_records, render_results

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None)


@app.command()
def results(
    root: Annotated[Path, typer.Option(help="The project's root.")] = Path("."),
    check: Annotated[bool, typer.Option("--check", help="Write nothing; status 1 where a file disagrees.")] = False,
) -> None:
    """Generate every table of measured figures, or check that none was changed by hand."""
    records = read_records(root / "docs/results.json")
    wanted: dict[Path, str] = {}
    generated = root / "docs/results.md"
    documents = [path for path in (root / "README.md", *sorted((root / "docs").rglob("*.md"))) if path != generated]
    for path in documents:
        text = path.read_text("utf-8")
        try:
            wanted[path] = fill_tables(text, records)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error
    wanted[generated] = render_results(records, wanted.get(root / "docs/goals.md", ""))
    stale = [path for path, text in wanted.items() if not path.is_file() or path.read_text("utf-8") != text]
    if check and stale:
        names = ", ".join(str(path) for path in stale)
        raise ConfigError(f"{names} disagree with docs/results.json; run `exclaim results` and commit what it writes")
    for path in stale:
        path.write_text(wanted[path], "utf-8")
        typer.echo(f"wrote {path}")
    if not stale:
        typer.echo(f"{len(records)} records, every table agrees")
