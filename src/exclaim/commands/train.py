"""``exclaim train RECIPE...``: train a teacher, distil a student."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from exclaim.corpora.data_root import data_root
from exclaim.errors import RecipeError

app = typer.Typer()


@app.command()
def train(
    recipes: Annotated[list[Path], typer.Argument(metavar="RECIPE...", help="YAML recipes, or folders of them.")],
    data: Annotated[Path | None, typer.Option(help="Folder of the corpora; else EXCLAIM_DATA.")] = None,
    runs: Annotated[Path, typer.Option(help="Folder of the runs.")] = Path("runs"),
    cache: Annotated[Path, typer.Option(help="Folder of features and teachers' answers.")] = Path("cache"),
    accelerator: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    seed: Annotated[
        list[int] | None, typer.Option(help="Train with this seed in a run of its own, NAME-SEED; may be given again.")
    ] = None,
) -> None:
    """Train what recipes say, their teachers first; go on where an earlier call stopped."""
    try:
        from exclaim.learn.places import Places
        from exclaim.learn.recipe import draw_of, load_recipe
        from exclaim.learn.train import train as run_recipe
    except ModuleNotFoundError as error:
        raise RecipeError(f"training needs {error.name}; install it with `pip install 'exclaim[learn]'`") from error
    places = Places(data=data_root(data), runs=runs, cache=cache)
    with training_progress() as stage:
        for path in recipe_files(recipes):
            name = load_recipe(path).name
            for changes in [draw_of(name, each) for each in seed or [None]]:
                run = run_recipe(path, places, accelerator, stage, changes)
                print(f"{run.model}{' (was there already)' if run.done_before else ''}")


def recipe_files(recipes: list[Path]) -> list[Path]:
    """Return the recipes named, and those of the folders named."""
    files = []
    for path in recipes:
        inside = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
        if not inside:
            raise RecipeError(f"{path} holds no recipe; expected .yaml files")
        files += inside
    return files


@contextmanager
def training_progress() -> Iterator[Callable[[str], Callable[..., None]]]:
    """Show a bar for each stage on standard error, and the log above them; yields what makes a stage's reporter."""
    console = Console(stderr=True)
    logger = logging.getLogger("exclaim")
    handler, level = RichHandler(console=console, show_path=False), logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[loss]}"),
    )
    try:
        with Progress(*columns, console=console) as progress:
            bars: dict[str, TaskID] = {}

            def stage(name: str) -> Callable[..., None]:
                def report(epoch: int, epochs: int, step: int, steps: int, numbers: dict[str, float]) -> None:
                    if name not in bars:
                        bars[name] = progress.add_task(name, total=epochs * steps, loss="")
                    loss = f"epoch {epoch + 1}, loss {numbers['loss']:.3f}" if "loss" in numbers else ""
                    progress.update(bars[name], completed=epoch * steps + step, total=epochs * steps, loss=loss)

                return report

            yield stage
    except KeyboardInterrupt:
        console.print("stopped; the same command goes on from what is kept")
        raise
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
