"""``exclaim ablate FILE``: the same recipe with one thing changed at a time, several seeds each."""

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

import exclaim
from exclaim.commands.train import training_progress
from exclaim.corpora.data_root import data_root
from exclaim.errors import RecipeError
from exclaim.evaluate.results import check_writable, keep_records, source_tree

if TYPE_CHECKING:
    from exclaim.learn.ablation import Kept

app = typer.Typer()


@app.command()
def ablate(
    file: Annotated[Path, typer.Argument(help="A YAML file of arms, such as recipes/ablation/distillation.yaml.")],
    data: Annotated[Path | None, typer.Option(help="Folder of the corpora; else EXCLAIM_DATA.")] = None,
    runs: Annotated[Path, typer.Option(help="Folder of the runs.")] = Path("runs"),
    cache: Annotated[Path, typer.Option(help="Folder of features, views and teachers' answers.")] = Path("cache"),
    accelerator: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    arm: Annotated[list[str] | None, typer.Option(help="Train this arm only; may be given again.")] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Train with this seed only; may be given again.")] = None,
    compare: Annotated[bool, typer.Option("--compare", help="Train nothing, compare what is there.")] = False,
    record: Annotated[Path | None, typer.Option(help="A JSON file of records, such as docs/results.json.")] = None,
) -> None:
    """Train every arm with every seed and compare each with the reference arm, paired by clip."""
    check_writable(record)
    try:
        from exclaim.learn import ablation
        from exclaim.learn.ablation_records import ablation_records
        from exclaim.learn.places import Places
    except ModuleNotFoundError as error:
        raise RecipeError(f"training needs {error.name}; install it with `pip install 'exclaim[learn]'`") from error
    places = Places(data=data_root(data), runs=runs, cache=cache)
    if compare:
        compared = ablation.compare(file, places)
    else:
        with training_progress() as stage:
            compared = ablation.ablate(file, places, accelerator, stage, arm or (), seed or ())
    options = ablation.load_ablation(file)
    kept = ("kept (95 %)", "LRS", "ARS") if options.whole else ()
    table = Table("task", "arm", "factor", "what differs", "seeds", "UAR", "difference (95 %)", *kept, box=None)
    for found in compared:
        difference = found.difference and found.difference["uar"]
        low_high = (
            "" if not difference or not difference.interval else " [{:+.3f}, {:+.3f}]".format(*difference.interval)
        )
        uar = found.alone["uar"]
        spread = f" +- {uar.deviation:.3f}" if uar.deviation is not None else ""
        table.add_row(
            found.task,
            found.arm,
            options.arms[found.arm].factor,
            options.arms[found.arm].says,
            str(len(found.seeds)),
            f"{uar.whole:.3f}{spread}",
            "reference" if difference is None else f"{difference.difference:+.3f}{low_high}",
            *(_kept(found.kept) if options.whole else ()),
        )
    Console(width=160).print(table)
    for name, seeds in ablation.untrained(file, places).items():
        print(f"not trained yet: arm {name}, seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}")
    if record is not None:
        tree = source_tree(Path(exclaim.__file__).parent)
        date = datetime.now(UTC).isoformat(timespec="seconds")
        command = shlex.join(["exclaim", "ablate", file.name if file.is_absolute() else file.as_posix()])
        new = ablation_records(options, compared, command=command, tree=tree, date=date)
        keep_records(record, new)


def _kept(kept: "Kept | None") -> tuple[str, ...]:
    """Return the share of the whole corpus and DD-Ranking's scores as cells of the table."""
    if kept is None:
        return ("", "", "")
    interval = kept.ratio.interval()
    low_high = " [{:.2f}, {:.2f}]".format(*interval) if interval else ""
    scores = (kept.label_robust, kept.augmentation_robust)
    return (f"{kept.ratio.whole:.3f}{low_high}", *("" if each is None else f"{each.whole:.1f}" for each in scores))
