"""``exclaim attack RECIPE``: what condensed sets tell of the clips and people they were made from."""

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

import exclaim
from exclaim.commands.train import training_progress
from exclaim.corpora.condensed import read_set
from exclaim.corpora.data_root import data_root
from exclaim.errors import RecipeError
from exclaim.evaluate.results import check_writable, keep_records, source_tree

if TYPE_CHECKING:
    from exclaim.privacy.report import PrivacyReport
    from exclaim.privacy.roc import Figure

app = typer.Typer()


@app.command()
def attack(
    recipe: Annotated[Path, typer.Argument(help="A YAML file, such as recipes/privacy/dm-public-50-32.yaml.")],
    data: Annotated[Path | None, typer.Option(help="Folder of the corpora; else EXCLAIM_DATA.")] = None,
    runs: Annotated[Path, typer.Option(help="Folder of the runs.")] = Path("runs"),
    cache: Annotated[Path, typer.Option(help="Folder of features and experts.")] = Path("cache"),
    accelerator: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    shadow: Annotated[
        list[int] | None,
        typer.Option(
            help="Make this shadow only, from 0; may be given again. The attacks follow when none is missing."
        ),
    ] = None,
    compare: Annotated[bool, typer.Option("--compare", help="Make no shadow, attack those that are there.")] = False,
    into: Annotated[
        list[Path] | None,
        typer.Option(metavar="SET", help="Write what was found into this set's card; may be given again."),
    ] = None,
    record: Annotated[Path | None, typer.Option(help="A JSON file of records, such as docs/results.json.")] = None,
) -> None:
    """Condense halves of the training clips, train on what comes out, and infer who was in; go on where it stopped."""
    if compare and shadow:
        raise RecipeError("--shadow makes shadows and --compare makes none; give one of them")
    check_writable(record)
    try:
        from exclaim.learn.places import Places
        from exclaim.privacy.attack import attack as run_recipe
        from exclaim.privacy.records import privacy_records
        from exclaim.privacy.verdict import verdict
    except ModuleNotFoundError as error:
        raise RecipeError(f"attacking needs {error.name}; install it with `pip install 'exclaim[learn]'`") from error
    places = Places(data=data_root(data), runs=runs, cache=cache)
    with training_progress() as stage:
        run = run_recipe(recipe, places, accelerator, stage, shadow or (), compare, into or ())
    if run.report is None:
        print(f"{run.folder}: shadows {', '.join(map(str, run.missing))} are missing")
        if record is not None:
            raise RecipeError(f"nothing was recorded in {record}: make the missing shadows first")
        return
    _show(run.report)
    for file in into or ():
        print(f"{file}: {read_set(file).card.privacy['says']}")
    if not into:
        for target in dict.fromkeys(each.target for each in run.report.neighbours):
            print(f"{target}: {verdict(target, run.report.attacks).says}")
    if record is not None:
        tree = source_tree(Path(exclaim.__file__).parent)
        date = datetime.now(UTC).isoformat(timespec="seconds")
        command = shlex.join(["exclaim", "attack", recipe.name if recipe.is_absolute() else recipe.as_posix()])
        new = privacy_records(run.report, command=command, tree=tree, date=date)
        keep_records(record, new)


def _show(found: "PrivacyReport") -> None:
    names = list(dict.fromkeys(name for each in found.attacks for name in each.figures))
    table = Table("target", "attack", *(_heading(name) for name in names), "members", box=None)
    for each in found.attacks:
        figures = (_told(each.figures[name]) if name in each.figures else "" for name in names)
        table.add_row(each.target, each.attack, *figures, f"{each.members:,} of {each.members + each.others:,}")
    console = Console(width=160)
    console.print(table)
    if found.quality:
        table = Table("target", "accuracy on clips of its half", "of the other half", box=None)
        for row in found.quality:
            table.add_row(row.target, f"{row.accuracy_in:.3f}", f"{row.accuracy_out:.3f}")
        console.print(table)
    if found.neighbours:
        table = Table("target", "nearest clip by", "median", "of strangers", "ratio", "is of the half", box=None)
        for near in found.neighbours:
            unit = f" {near.unit}" if near.unit else ""
            ratio = "" if near.ratio is None else f"{near.ratio:.2f}"
            far = ("" if near.strangers is None else f"{near.strangers:.3g}{unit}", ratio)
            table.add_row(near.target, near.measure, f"{near.to_clips:.3g}{unit}", *far, _told(near.nearer))
        console.print(table)
    if found.encoder is not None:
        encoder = found.encoder
        console.print(f"speaker encoder: {encoder.accuracy:.3f} right of {encoder.speakers} speakers")


def _heading(name: str) -> str:
    return "AUC" if name == "auc" else f"found at {name.rpartition('_')[2]} % false"


def _told(figure: "Figure") -> str:
    interval = "" if figure.low is None or figure.high is None else f" [{figure.low:.4f}, {figure.high:.4f}]"
    return f"{figure.value:.4f}{interval}"
