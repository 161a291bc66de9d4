"""``exclaim condense RECIPE...``: a corpus in a few hundred synthetic windows."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from exclaim.commands.train import recipe_files, training_progress
from exclaim.corpora.condensed import read_set
from exclaim.corpora.data_root import data_root
from exclaim.errors import RecipeError

app = typer.Typer()


@app.command()
def condense(
    recipes: Annotated[list[Path], typer.Argument(metavar="RECIPE...", help="YAML recipes, or folders of them.")],
    data: Annotated[Path | None, typer.Option(help="Folder of the corpora; else EXCLAIM_DATA.")] = None,
    runs: Annotated[Path, typer.Option(help="Folder of the runs.")] = Path("runs"),
    cache: Annotated[Path, typer.Option(help="Folder of features and experts.")] = Path("cache"),
    accelerator: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    seed: Annotated[
        list[int] | None,
        typer.Option(help="Condense with this seed in a run of its own, NAME-SEED; may be given again."),
    ] = None,
    teacher_seed: Annotated[
        list[int] | None,
        typer.Option(
            help="With a teacher of this seed, trained first where it is missing; run NAME-teacher-SEED. May "
            "be given again."
        ),
    ] = None,
) -> None:
    """Condense what recipes say, teacher and experts first; go on where an earlier call stopped."""
    try:
        from exclaim.condense.condense import condense as run_recipe
        from exclaim.condense.recipe import load_condense_recipe
        from exclaim.learn.places import Places
    except ModuleNotFoundError as error:
        raise RecipeError(f"condensing needs {error.name}; install it with `pip install 'exclaim[learn]'`") from error
    places = Places(data=data_root(data), runs=runs, cache=cache)
    table = Table("set", "method", "items", "labels", "bytes", "of the corpus", "seconds", box=None)
    with training_progress() as stage:
        for path in recipe_files(recipes):
            name = load_condense_recipe(path).name
            for changes in _draws(name, seed or [None], teacher_seed or [None]):
                made = run_recipe(path, places, accelerator, stage, changes).set
                card = read_set(made).card
                size = made.stat().st_size
                share = f"{100 * size / card.source_bytes:.2f} %"
                row = (
                    str(made),
                    card.method,
                    str(card.items),
                    card.soft_labels,
                    f"{size:,}",
                    share,
                    f"{card.seconds:.0f}",
                )
                table.add_row(*row)
                for warning in card.warnings:
                    Console(stderr=True).print(f"{name}: {warning}")
    Console(width=160).print(table)


def _draws(name: str, seeds: Sequence[int | None], teachers: Sequence[int | None]) -> Iterator[dict[str, Any]]:
    """Yield what is laid over a recipe for each of its seeds with each of its teacher's; None: the recipe's own."""
    for teacher in teachers:
        for seed in seeds:
            words = [name]
            words += [] if teacher is None else ["teacher", str(teacher)]
            words += [] if seed is None else [str(seed)]
            yield {
                "name": "-".join(words),
                **({} if seed is None else {"seed": seed}),
                **({} if teacher is None else {"teacher_seed": teacher}),
            }
