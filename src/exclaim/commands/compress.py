"""``exclaim compress RUN``: smaller forms of a trained model, each measured beside its original."""

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from exclaim.corpora.data_root import data_root
from exclaim.errors import ModelError, RecipeError
from exclaim.model import Model, load_model, shipped_models

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None)


@app.command()
def compress(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, or with --out a model file or name.")],
    method: Annotated[
        list[str] | None,
        typer.Option(help="int8, weights8 or prune:SHARE of channels; again for more. Default: the first two."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for what is made. Default: the run's.")] = None,
    data: Annotated[Path | None, typer.Option(help="Where the corpora are; default EXCLAIM_DATA.")] = None,
    recipe: Annotated[
        Path | None, typer.Option(help="The run's recipe; the one to fine-tune a pruned network is written beside it.")
    ] = None,
    tolerance: Annotated[float, typer.Option(min=0, max=1, help="Loss of UAR or AUROC that may be.")] = 0.01,
    calibration: Annotated[int, typer.Option(min=1, help="Training clips to calibrate on.")] = 256,
    as_json: Annotated[bool, typer.Option("--json", help="What was measured, as JSON.")] = False,
) -> None:
    """Make a model smaller and let it pass only if it is no slower and as good; shipped files stay as they are."""
    original, folder = _original(run, out)
    try:
        from exclaim.learn.admission import Admission, AdmissionOptions
        from exclaim.learn.compress import CompressOptions, parts_of
        from exclaim.learn.compress import compress as make_and_measure
    except ModuleNotFoundError as error:
        raise RecipeError(f"compressing needs {error.name}; install it with `pip install 'exclaim[learn]'`") from error
    options = CompressOptions(
        methods=tuple(method or CompressOptions().methods),
        calibration=calibration,
        admission=AdmissionOptions(tolerance=tolerance),
    )
    parts = parts_of(original, data_root(data))
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task(original.card.name, total=None)
        found: list[Admission] = make_and_measure(
            original,
            folder,
            parts,
            options,
            recipe,
            tell=lambda stage: progress.update(bar, description=f"{original.card.name}: {stage}"),
            progress=lambda done, whole: progress.update(bar, completed=done, total=whole),
        )
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    console = Console() if sys.stdout.isatty() else Console(width=120)
    table = Table("model", "bytes", "ms", "passed", "why", box=None)
    for one in found:
        table.add_row(
            one.model,
            f"{one.bytes:,} of {one.original_bytes:,}",
            f"{one.ms:.3f} of {one.original_ms:.3f}",
            "yes" if one.passed else "no",
            one.reason,
        )
    console.print(table)


def _original(run: str, out: Path | None) -> tuple[Model, Path]:
    """Return the model to compress and the folder for what is made of it."""
    path = Path(run)
    if path.is_dir():
        return load_model(path / f"{path.resolve().name}.onnx"), out or path
    model = load_model(run)
    if out is None:
        raise ModelError(f"{run}: is no run's folder; name a folder for what is made of it by --out")
    if out.resolve() in {shipped.parent.resolve() for shipped in shipped_models().values()}:
        raise ModelError(f"{out}: holds what is shipped; name another folder by --out")
    return model, out
