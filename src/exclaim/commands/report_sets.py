"""The part of ``exclaim report`` that is for condensed sets."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import typer

import exclaim
from exclaim.errors import ConfigError
from exclaim.evaluate.report.set_report import ITEMS, make_set_report
from exclaim.evaluate.report.set_sounds import write_sounds
from exclaim.evaluate.report.sets import find_sets, is_set
from exclaim.evaluate.report.write import write_report
from exclaim.evaluate.results import source_tree
from exclaim.inversion import check_installed

__all__ = ["asks_for_sets", "report_sets"]


def asks_for_sets(paths: Sequence[Path], options: Mapping[str, object]) -> bool:
    """Tell whether paths are condensed sets, and see that nothing is asked of them that they have not.

    Args:
        paths: as named.
        options: that are for runs alone, by name, as given; what is None, False or empty was not given.

    Raises:
        ConfigError: when runs and sets are named together, or an option is not for them.
    """
    sets = [path for path in paths if is_set(path)]
    if not sets:
        return False
    if len(sets) < len(paths):
        other = next(path for path in paths if path not in sets)
        raise ConfigError(f"{sets[0]} is a condensed set and {other} is none; report sets and runs apart")
    for name, value in options.items():
        if value:
            raise ConfigError(f"{name} is for runs; {sets[0]} is a condensed set, which has no answers")
    return True


def report_sets(
    paths: Sequence[Path], out: Path, items: int, sounds: Path | None, stage: Callable[[str], Callable]
) -> None:
    """Write the page of condensed sets, and their sounds where a folder is named."""
    if sounds is not None:
        check_installed()
    sets = find_sets(paths)
    found = make_set_report(sets, items=items, stage=stage)
    page = write_report(found, out, command=_command(paths, items), tree=source_tree(Path(exclaim.__file__).parent))
    typer.echo(f"{found.title}: {found.subtitle}")
    for note in found.sections[0].notes:
        typer.echo(f"  {note}")
    if sounds is not None:
        count = write_sounds(sets, sounds, stage("sounds"))
        typer.echo(f"wrote {count} sounds to {sounds}")
    typer.echo(f"wrote {page}")


def _command(paths: Sequence[Path], items: int) -> str:
    """Return the command that makes the page again, on any machine: no absolute paths."""
    words = ["exclaim", "report", *(path.name if path.is_absolute() else path.as_posix() for path in paths)]
    return shlex.join([*words, *(["--items", str(items)] if items != ITEMS else [])])
