"""``exclaim cross-validate RECIPE``: a model for each fold of the speakers, judged on all of them."""

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

import exclaim
from exclaim.commands.train import training_progress
from exclaim.corpora.data_root import data_root
from exclaim.errors import RecipeError
from exclaim.evaluate.results import Record, check_writable, keep_records, source_tree

app = typer.Typer()


@app.command()
def cross_validate(
    recipe: Annotated[Path, typer.Argument(help="A recipe whose split is by speaker-folds.")],
    data: Annotated[Path | None, typer.Option(help="Folder of the corpora; else EXCLAIM_DATA.")] = None,
    runs: Annotated[Path, typer.Option(help="Folder of the runs.")] = Path("runs"),
    cache: Annotated[Path, typer.Option(help="Folder of features, views and teachers' answers.")] = Path("cache"),
    accelerator: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    record: Annotated[Path | None, typer.Option(help="A JSON file of records, such as docs/results.json.")] = None,
) -> None:
    """Train a recipe once for each fold; judge all clips, each answered by the model that never heard its speaker."""
    check_writable(record)
    try:
        from exclaim.learn import folds
        from exclaim.learn.places import Places
    except ModuleNotFoundError as error:
        raise RecipeError(f"training needs {error.name}; install it with `pip install 'exclaim[learn]'`") from error
    with training_progress() as stage:
        trained, found = folds.cross_validate(
            recipe, Places(data=data_root(data), runs=runs, cache=cache), accelerator, stage
        )
    for task in found:
        typer.echo(f"{trained.name}, {task.task}: {task.clips} clips of {task.speakers} speakers, {task.folds} folds")
        table = Table("figure", "value", "95 %", box=None)
        for name, value in task.figures.items():
            interval = task.intervals[name]
            table.add_row(name, f"{value:.3f}", "[{:.3f}, {:.3f}]".format(*interval) if interval else "")
        Console().print(table)
    if record is not None:
        command = shlex.join(["exclaim", "cross-validate", recipe.name if recipe.is_absolute() else recipe.as_posix()])
        new = [
            Record(
                id=f"folds.{trained.name}.{task.task}.{name.replace('_', '-')}",
                metric=f"{name.replace('_', ' ').replace('uar', 'UAR')} of {trained.name}, {task.task}",
                value=round(value, 6),
                interval=task.intervals[name],
                protocol=f"{task.folds} folds by speaker, every clip answered once by a model that never heard its "
                "speaker; 95 % percentile intervals over speakers",
                data=f"{' and '.join(trained.bursts)}: {task.clips} clips of {task.speakers} speakers",
                data_sha256=task.data_sha256,
                command=command,
                source_tree=source_tree(Path(exclaim.__file__).parent),
                date=datetime.now(UTC).isoformat(timespec="seconds"),
            )
            for task in found
            for name, value in task.figures.items()
        ]
        keep_records(record, new)
