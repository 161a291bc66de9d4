"""``exclaim model show | threshold | pin | sign FILE``: look at a model file, say when it alarms, vouch for it."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from exclaim import model as models
from exclaim.card import Card, Thresholds
from exclaim.errors import ModelError

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Inspect, tune, pin and sign model files.")


@app.command()
def show(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model file, or a shipped name.")],
    as_json: Annotated[bool, typer.Option("--json", help="The whole card as JSON.")] = False,
) -> None:
    """Show a model file's card, after a check for damage; the file is neither trusted nor run."""
    card = models.read_card(model)
    if as_json:
        typer.echo(msgspec.json.encode(card).decode())
        return
    for name, text in _rows(card):
        typer.echo(f"{name:<12} {text}")


@app.command()
def threshold(
    file: Annotated[Path, typer.Argument(help="A model file with a head that detects; it must be trusted.")],
    on: Annotated[float, typer.Argument(min=0.001, max=1, help="Probability at which a detection opens.")],
    version: Annotated[str, typer.Option(help="Of the changed model: it answers otherwise than the old one.")],
    off: Annotated[
        float | None, typer.Option(min=0, max=1, help="Below which it closes; default: in the old proportion to ON.")
    ] = None,
) -> None:
    """Give a detection another threshold, such as one that `exclaim evaluate --stream` found on recordings of a site.

    The file is sealed and pinned anew; a measured figure in its card that hung on the threshold is dropped.
    """
    card = models.load_model(file).card
    detecting = [head for head in card.heads if head.thresholds is not None]
    if len(detecting) != 1:
        raise ModelError(f"{file}: {len(detecting)} of its heads detect; expected one whose threshold can be set")
    before = detecting[0].thresholds
    after = Thresholds(on=on, off=on * before.off / before.on if off is None else off)
    changed = msgspec.structs.replace(
        card,
        version=version,
        heads=tuple(
            msgspec.structs.replace(head, thresholds=after) if head is detecting[0] else head for head in card.heads
        ),
        metrics=tuple(metric for metric in card.metrics if (metric.task, metric.name) != (detecting[0].task, "uar")),
    )
    models.seal(file, changed)
    typer.echo(f"{models.pin(file)}  {file} opens at {after.on:.3g}, closes below {after.off:.3g}")


@app.command()
def pin(file: Annotated[Path, typer.Argument(help="A model file that you trust.")]) -> None:
    """Vouch for a model file: write its SHA-256 into the models.json beside it."""
    card = models.read_card(file)
    typer.echo(f"{models.pin(file)}  {file} ({card.name} {card.version})")


@app.command()
def sign(
    file: Annotated[Path, typer.Argument(help="A model file that you trust.")],
    key: Annotated[Path, typer.Option(help="Ed25519 private key, PEM: openssl genpkey -algorithm ed25519.")],
) -> None:
    """Sign a model file: write FILE.sig; those who load it name your public key as trusted."""
    models.read_card(file)
    try:
        private_key = key.read_bytes()
    except OSError as error:
        raise ModelError(f"signing key {key} cannot be read: {error.strerror}") from error
    signature, public_key = models.sign(file, private_key)
    typer.echo(f"wrote {signature}\npublic key {public_key}")


def _rows(card: Card) -> list[tuple[str, str]]:
    rows = [("name", f"{card.name} {card.version}"), ("notice", card.notice)]
    for head in card.heads:
        decision = f"abstains below {head.abstain_below:.3g}"
        if head.thresholds is not None:
            decision = f"opens at {head.thresholds.on:.3g}, closes below {head.thresholds.off:.3g}"
        rows.append(("head", f"{head.task}: {', '.join(head.labels)}; temperature {head.temperature:.3g}; {decision}"))
    rows += [("view", card.view), ("level floor", f"{card.level_floor_db:g} dB")]
    rows += [("trained on", f"{corpus.name} ({corpus.licence})") for corpus in card.corpora]
    for metric in card.metrics:
        low_high = f" [{metric.interval[0]:.3f}, {metric.interval[1]:.3f}]" if metric.interval else ""
        rows.append(("measured", f"{metric.task} {metric.name} {metric.value:.3f}{low_high} on {metric.data}"))
    rows += [("parent", f"{parent.name} {parent.sha256}") for parent in card.parents]
    return [*rows, ("created", card.created or "unknown"), ("sha256", card.sha256)]
