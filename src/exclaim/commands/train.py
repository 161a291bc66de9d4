"""``exclaim train RECIPE``: train a teacher, distil a student."""

import logging
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from exclaim.corpora.data_root import data_root
from exclaim.errors import RecipeError

app = typer.Typer()


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="A YAML recipe, such as recipes/scream-type.yaml.")],
    data: Annotated[Path | None, typer.Option(help="Folder of the corpora; else EXCLAIM_DATA.")] = None,
    runs: Annotated[Path, typer.Option(help="Folder of the runs.")] = Path("runs"),
    cache: Annotated[Path, typer.Option(help="Folder of features and teachers' answers.")] = Path("cache"),
    accelerator: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Train what a recipe says, its teacher first; go on where an earlier call stopped."""
    try:
        from exclaim.learn.train import Places
        from exclaim.learn.train import train as run_recipe
    except ModuleNotFoundError as error:
        raise RecipeError(f"training needs {error.name}; install it with `pip install 'exclaim[learn]'`") from error
    console = Console(stderr=True)
    logger = logging.getLogger("exclaim")
    logger.setLevel(logging.INFO)
    logger.addHandler(RichHandler(console=console, show_path=False))
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[loss]}"),
    )
    with Progress(*columns, console=console) as progress:
        bars = {}

        def stage(name: str):
            def report(epoch: int, epochs: int, step: int, steps: int, numbers: dict[str, float]) -> None:
                if name not in bars:
                    bars[name] = progress.add_task(name, total=epochs * steps, loss="")
                loss = f"epoch {epoch + 1}, loss {numbers['loss']:.3f}" if "loss" in numbers else ""
                progress.update(bars[name], completed=epoch * steps + step, total=epochs * steps, loss=loss)

            return report

        run = run_recipe(recipe, Places(data=data_root(data), runs=runs, cache=cache), accelerator, stage)
    print(f"{run.model}{' (was there already)' if run.done_before else ''}")
