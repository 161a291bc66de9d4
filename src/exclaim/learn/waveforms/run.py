"""A run on waveforms: the checkpoint that it begins with, the one training loop, its end; and its network again."""

import logging
from collections.abc import Callable
from pathlib import Path

import msgspec
import torch
from lightning_fabric import Fabric

from exclaim.card import Parent
from exclaim.errors import RecipeError
from exclaim.learn.checkpoint import load_weights
from exclaim.learn.examples import Corpora
from exclaim.learn.loop import Report, train_network
from exclaim.learn.recipe import Recipe
from exclaim.learn.store import FeatureStore
from exclaim.learn.waveforms.answers import WaveformValidation
from exclaim.learn.waveforms.encoder import SpeechEncoder
from exclaim.learn.waveforms.finish import finish_waveform_run
from exclaim.learn.waveforms.options import encoder_options
from exclaim.learn.waveforms.pretrained import (
    Pretrained,
    describe,
    find_checkpoint,
    load_pretrained_weights,
    transformers_version,
)
from exclaim.learn.waveforms.views import WaveformViews
from exclaim.pins import write_atomically

__all__ = ["claim_checkpoint", "finished_network", "train_on_waveforms"]

_LOG = logging.getLogger(__name__)
_NOTE = "pretrained.json"


def claim_checkpoint(recipe: Recipe, folder: Path) -> Path:
    """Find the checkpoint that a recipe begins with, and note it in the run folder or see that it is the one noted.

    Returns:
        The folder of the checkpoint.

    Raises:
        ModelError: when it is not there, or not understood.
        RecipeError: when the run began with another one.
    """
    transformers_version()  # before hours of other work
    options = encoder_options(recipe)
    checkpoint = find_checkpoint(options.checkpoint, options.revision)
    found, note = describe(checkpoint), folder / _NOTE
    if note.is_file() and (earlier := _noted(folder)).sha256 != found.sha256:
        raise RecipeError(
            f"run folder {folder} began with a checkpoint {earlier.sha256[:12]}; {checkpoint} is {found.sha256[:12]} "
            "now: put the first one back, or remove the folder"
        )
    write_atomically(note, msgspec.json.format(msgspec.json.encode(found)))
    return checkpoint


def _noted(folder: Path) -> Pretrained:
    try:
        return msgspec.json.decode((folder / _NOTE).read_bytes(), type=Pretrained)
    except (OSError, msgspec.MsgspecError) as error:
        raise RecipeError(f"{folder / _NOTE} cannot be read ({error}); remove the run, and train it again") from error


def _network(recipe: Recipe, pretrained: Pretrained) -> SpeechEncoder:
    torch.manual_seed(recipe.seed)
    heads = {name: len(head.labels) for name, head in recipe.heads.items()}
    return SpeechEncoder(heads, pretrained, encoder_options(recipe))


def finished_network(recipe: Recipe, folder: Path) -> SpeechEncoder:
    """Return the network of a run with its best weights; the checkpoint that it began with is not needed.

    Raises:
        RecipeError: when the run folder does not say what it began with.
    """
    network = _network(recipe, _noted(folder))
    load_weights(network, folder / "best.safetensors")
    return network


def train_on_waveforms(
    recipe: Recipe,
    corpora: Corpora,
    store: FeatureStore,
    checkpoint: Path,
    card: Path,
    parents: tuple[Parent, ...],
    fabric: Fabric,
    report: Callable[[str], Report],
) -> None:
    """Train what a recipe says, going on where an earlier call stopped, and finish the run.

    Args:
        recipe: whose network hears waveforms.
        corpora: of the recipe; clips that can be read.
        store: of these clips.
        checkpoint: the folder that :func:`claim_checkpoint` returned.
        card: file to write last, in the run folder.
        parents: who else teaches it.
        fabric: device and precision.
        report: given a stage's name, returns what is told of its progress.

    Raises:
        RecipeError: when a clip has no waveform.
    """
    options, folder = encoder_options(recipe), card.parent
    _check_sound(recipe, corpora)
    views = WaveformViews(recipe, store, corpora.bursts["train"], corpora.ambience["train"], options.seconds)
    validation = WaveformValidation(recipe, corpora.bursts["validation"], options.seconds)
    pretrained = _noted(folder)
    network = _network(recipe, pretrained)
    load_pretrained_weights(network.encoder, pretrained.kind, checkpoint)
    progress = train_network(
        recipe, network, views, None, validation.score_with(fabric.device), folder, fabric, report(recipe.name)
    )
    _LOG.info("best epoch %d of %d: %s", progress["best_epoch"], progress["epochs"], progress["best"])
    network = finished_network(recipe, folder).to(fabric.device)
    tell = report(f"{recipe.name}: answers")
    finish_waveform_run(
        recipe,
        network,
        pretrained,
        options,
        validation,
        corpora,
        store,
        card,
        parents,
        lambda done, whole: tell(0, 1, done, whole, {}),
    )


def _check_sound(recipe: Recipe, corpora: Corpora) -> None:
    silent = sorted({clip.corpus for clip in corpora.clips if clip.kind != "audio"})
    if silent:
        raise RecipeError(
            f"recipe {recipe.name}: {', '.join(silent)} holds pictures of sound and no waveforms, which its network "
            "hears; name corpora of recordings, or a network on log-mel"
        )
