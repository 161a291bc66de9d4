"""``exclaim corpora check --recipe FILE``: whom a recipe trains on and tests, and what leaks between them."""

import os
import sys
from pathlib import Path

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress

from exclaim.corpora.clip import encode_path
from exclaim.corpora.inspection import inspect_clips
from exclaim.corpora.leaks import Leak, find_leaks
from exclaim.corpora.pointers import require_no_pointers
from exclaim.corpora.registry import load_corpus
from exclaim.errors import CorpusError

__all__ = ["check_recipe"]

_SHOWN = 5  # leaks; --json has them all


class PartOfSplit(msgspec.Struct, frozen=True, kw_only=True):
    """How much is in a part."""

    clips: int
    speakers: int
    sentences: int
    left_out: dict[str, int]  # reason to number of files


def check_recipe(path: Path, root: Path, *, as_json: bool) -> None:
    """Split a recipe's corpora as training does, read every clip, and say what is in two parts.

    Raises:
        CorpusError: when a corpus is not there, cannot be split so, or something leaks.
        RecipeError: when the recipe does not hold together.
    """
    from exclaim.learn.protocol import parts_of, split_corpora
    from exclaim.learn.recipe import load_recipe

    recipe = load_recipe(path)
    manifests = {name: load_corpus(name, root) for name in dict.fromkeys((*recipe.bursts, *recipe.ambience))}
    for manifest in manifests.values():
        require_no_pointers(manifest)
    parts = parts_of(split_corpora(manifests, recipe.split))
    clips = [clip for part in parts.values() for clip in part]
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task(recipe.name, total=len(clips))
        findings = inspect_clips(clips, workers=os.cpu_count() or 1, progress=lambda: progress.advance(bar))
    leaks = find_leaks(parts, findings, sentences=recipe.split.sentence_disjoint)
    told = {
        name: PartOfSplit(
            clips=len(part),
            speakers=len(part.speakers),
            sentences=len({clip.sentence_key for clip in part} - {None}),
            left_out=part.summary_of_excluded(),
        )
        for name, part in parts.items()
    }
    if as_json:
        found = {"recipe": recipe.name, "tested": recipe.split.tested, "parts": told, "leaks": leaks}
        typer.echo(msgspec.json.encode(found, enc_hook=encode_path).decode())
    else:
        _echo(f"{recipe.name}, tested on: {recipe.split.tested}", told, leaks)
    if leaks:
        raise CorpusError(
            f"{len(leaks)} leaks between the parts of {recipe.name}, first {leaks[0].kind} {leaks[0].key} in "
            f"{' and '.join(leaks[0].parts)}; split by speaker, or take one of two equal clips out"
        )


def _echo(title: str, parts: dict[str, PartOfSplit], leaks: tuple[Leak, ...]) -> None:
    typer.echo(title)
    for name, part in parts.items():
        sentences = f", {part.sentences} sentences" if part.sentences else ""
        typer.echo(f"  {name}: {part.clips:,} clips, {part.speakers:,} speakers{sentences}")
        for reason, count in part.left_out.items():
            typer.echo(f"    left out: {count:,} files, {reason}")
    for leak in leaks[:_SHOWN]:
        typer.echo(f"  {leak.kind} {leak.key} is in {' and '.join(leak.parts)}")
    if len(leaks) > _SHOWN:
        typer.echo(f"  ... and {len(leaks) - _SHOWN} more like this; --json lists them all")
