"""What a run is made of, kept beside it: ``run.json`` and ``split.json``."""

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec
import torch
from lightning_fabric import Fabric

from exclaim.corpora.condensed import CondensedSet, content_hash
from exclaim.errors import RecipeError
from exclaim.learn.examples import PARTS, Corpora
from exclaim.learn.recipe import Recipe, recipe_hash
from exclaim.learn.waveforms.options import hears_waveforms

__all__ = ["describe", "refuse_another_set"]


def describe(folder: Path, recipe: Recipe, corpora: Corpora, fabric: Fabric) -> None:
    """Write what the run is made of: versions, device, who is in which part."""
    packages = ["exclaim", "torch", "lightning-fabric", "numpy", "onnxruntime"]
    packages += ["transformers"] * hears_waveforms(recipe)
    versions = {package: version(package) for package in packages}
    run = {
        "recipe": recipe_hash(recipe),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "versions": versions,
        "device": str(fabric.device),
        "threads": torch.get_num_threads(),
        "examples": {part: len(corpora.bursts[part]) for part in PARTS},
    }
    if corpora.condensed:
        run["examples"] |= {"train": corpora.condensed.card.items}
        condensed = corpora.condensed
        content = content_hash(condensed)
        run["condensed"] = {"name": condensed.card.name, "sha256": condensed.sha256, "content": content}
    (folder / "run.json").write_bytes(msgspec.json.format(msgspec.json.encode(run)))
    split = {
        part: {
            "speakers": sorted({e.clip.speaker_key or e.clip.recording_key or "" for e in corpora.bursts[part]}),
            "ambience": sorted({clip.recording_key or "" for clip in corpora.ambience[part]}),
        }
        for part in PARTS
    }
    (folder / "split.json").write_bytes(msgspec.json.format(msgspec.json.encode(split)))


def refuse_another_set(folder: Path, condensed: CondensedSet) -> None:
    """Refuse to go on, or to call done, what was begun on a set of other items or labels than those that are there now.

    Raises:
        RecipeError: naming both.
    """
    try:
        begun = msgspec.json.decode((folder / "run.json").read_bytes())["condensed"]
        kept = begun["content"]
    except (OSError, KeyError, TypeError, msgspec.DecodeError):
        return  # nothing was begun, or by a release that did not say
    if kept != content_hash(condensed):
        raise RecipeError(
            f"run {folder} was trained on another set named {begun['name']} (content {kept[:12]}, now "
            f"{content_hash(condensed)[:12]}); rename the recipe, or remove the folder"
        )
