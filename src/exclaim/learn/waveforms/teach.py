"""Soft labels of a finished run on waveforms, for students that hear log-mel.

A waveform cannot be had back from a student's views, so the run is asked about whole clips, once, and its answers are
kept by the run's hash and the sound's.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from exclaim.corpora.clip import Clip
from exclaim.errors import RecipeError
from exclaim.learn.calibrate import softmax
from exclaim.learn.examples import Corpora
from exclaim.learn.recipe import Recipe
from exclaim.learn.soft_labels import SoftLabels, load_soft_labels, save_soft_labels
from exclaim.learn.store import FeatureStore
from exclaim.learn.waveforms.answers import clip_outputs
from exclaim.learn.waveforms.finish import read_waveform_card
from exclaim.learn.waveforms.options import encoder_options
from exclaim.learn.waveforms.run import finished_network

__all__ = ["soft_labels_of_run"]

_VERSION = 1  # of how clips become answers; a new one makes earlier tables stale


def soft_labels_of_run(
    recipe: Recipe,
    card_path: Path,
    head: str,
    corpora: Corpora,
    store: FeatureStore,
    cache: Path,
    device: torch.device,
    progress: Callable[[str, int, int], None] = lambda what, done, whole: None,
) -> SoftLabels:
    """Return what a finished run says of the training clips: the softmax of its logits, at temperature 1.

    Args:
        recipe: of the run.
        card_path: the run's card.
        head: which of its heads.
        corpora: of the student, whose training clips are asked about.
        store: of these clips.
        cache: folder that keeps tables.
        device: where the network is to run.
        progress: told of progress.

    Raises:
        RecipeError: when the run is damaged, or no training clip has a waveform.
        StoreError: when what the cache holds is stale or damaged.
    """
    card = read_waveform_card(card_path)
    labels = recipe.heads[head].labels
    clips = [example.clip for example in corpora.bursts["train"] if example.clip.kind == "audio"]
    if not clips:
        raise RecipeError(f"{recipe.name} hears waveforms, and no training clip has one; name corpora of recordings")
    teacher = hashlib.sha256(f"{card.sha256}|{_VERSION}".encode()).hexdigest()
    data = _data_hash(store, clips)
    address = hashlib.sha256(f"{teacher}{data}{head}".encode()).hexdigest()
    path = cache / f"soft-labels-{recipe.name}-{head}-{address[:16]}.npz"
    if path.is_file():
        return load_soft_labels(path, teacher=teacher, data=data)
    network = finished_network(recipe, card_path.parent).to(device)
    what, seconds = f"{recipe.name}: {head}", encoder_options(recipe).seconds
    outputs = clip_outputs(network, clips, seconds, device, lambda done, whole: progress(what, done, whole))
    told = softmax(np.stack([output[head] for output in outputs])).astype(np.float32)
    figures = {f"test.{metric.name}": metric.value for metric in card.metrics if metric.task == head}
    distributions = dict(zip((str(clip.path) for clip in clips), told, strict=True))
    table = SoftLabels(recipe.name, head, labels, teacher, data, figures, distributions)
    save_soft_labels(table, path)
    return table


def _data_hash(store: FeatureStore, clips: Sequence[Clip]) -> str:
    """Return the SHA-256 of the clips' sound and of their names, by which their answers are found again."""
    names = "\n".join(str(clip.path) for clip in clips)
    return hashlib.sha256(f"{store.data_hash(clips)}\n{names}".encode()).hexdigest()
