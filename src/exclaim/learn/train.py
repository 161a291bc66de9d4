"""From a recipe to a run folder: corpora, features, teacher, training, calibration, the sealed model file."""

import logging
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn

from exclaim.card import Parent
from exclaim.corpora.condensed import CondensedSet
from exclaim.learn.checkpoint import load_weights, take_over_weights
from exclaim.learn.condensed import SetViews, set_views, with_learnt_rate
from exclaim.learn.device import fabric_on
from exclaim.learn.embeddings.source import soft_labels_from
from exclaim.learn.ensemble import EMBEDDING
from exclaim.learn.examples import PARTS, Corpora, load_corpora
from exclaim.learn.file_teacher import answer_of_file, heads_of_file, is_model_file, refuse_other_speakers
from exclaim.learn.finish import finish_run, parent_of
from exclaim.learn.loop import Report, answer, train_network
from exclaim.learn.made_of import describe, refuse_another_set
from exclaim.learn.network import network_of
from exclaim.learn.owned import owned
from exclaim.learn.parents import shared_heads
from exclaim.learn.places import Places, Run
from exclaim.learn.recipe import Recipe, load_recipe, teachers_of
from exclaim.learn.recipe_check import check_recipe
from exclaim.learn.run_folder import claim, logged
from exclaim.learn.soft_labels import SoftLabels, soften, tempered
from exclaim.learn.store import FeatureStore, build_store
from exclaim.learn.teacher import Answer, Teacher, Teachers, answers_key
from exclaim.learn.validation import Validation
from exclaim.learn.view_cache import CachedViews, views_key, views_seed
from exclaim.learn.views import Views
from exclaim.learn.waveforms.options import hears_waveforms
from exclaim.learn.waveforms.run import claim_checkpoint, train_on_waveforms
from exclaim.learn.waveforms.teach import soft_labels_of_run
from exclaim.model import pin_of

__all__ = ["train"]

_LOG = logging.getLogger(__name__)
_PRECISION: dict[str, Literal["32-true", "bf16-mixed"]] = {"float32": "32-true", "bfloat16": "bf16-mixed"}


class _Parents(NamedTuple):
    """What a run builds on."""

    teachers: tuple[Run, ...]
    origin: Run | None  # of the first weights
    sources: Mapping[str, tuple[Recipe, Run]]  # of soft labels, as the recipe names them
    condensed: CondensedSet | None = None  # what it is trained on in place of clips

    @property
    def models(self) -> tuple[Path, ...]:
        """Their model files."""
        models = tuple(dict.fromkeys(run.model for run in (*self.teachers, self.origin) if run is not None))
        return (*models, self.condensed.path) if self.condensed and self.condensed.path else models


def train(
    path: Path,
    places: Places,
    accelerator: str = "auto",
    report: Callable[[str], Report] = lambda name: lambda *numbers: None,
    changes: Mapping[str, Any] | None = None,
) -> Run:
    """Train what a recipe says, its teachers first; go on where an earlier call stopped.

    Args:
        path: the recipe.
        places: where corpora, runs and caches are.
        accelerator: as Lightning Fabric names it: auto, cpu, cuda, mps.
        report: given a stage's name, returns what is told of its progress.
        changes: laid over the recipe (see :func:`~exclaim.learn.recipe.load_recipe`), but not over its teachers.

    Raises:
        RecipeError: when the recipe does not hold together, or its run folder holds another recipe's run.
        CorpusError: when a corpus is not there.
    """
    recipe, condensed, asked = check_recipe(path, places.runs, changes)
    folder = places.runs / recipe.name
    model = folder / ("card.json" if hears_waveforms(recipe) else f"{recipe.name}.onnx")
    teachers = tuple(
        Run(folder=path.parent, model=path.parent / teacher, done_before=True)
        if is_model_file(teacher)
        else train(path.parent / teacher, places, accelerator, report)
        for teacher in teachers_of(recipe)
    )
    origin = recipe.network.weights_from and train(
        path.parent / recipe.network.weights_from, places, accelerator, report
    )
    sources = {name: (one, train(path.parent / name, places, accelerator, report)) for name, one in asked.items()}
    claim(folder, recipe)
    if condensed is not None:
        refuse_another_set(folder, condensed)
    done = Run(folder=folder, model=model, done_before=True)
    if model.is_file():
        return done
    with owned(folder), logged(folder / "log.txt"):
        if model.is_file():  # another process was waited for
            return done
        parents = _Parents(teachers, origin or None, sources, condensed)
        _train(path, recipe, folder, model, parents, places, accelerator, report)
    return Run(folder=folder, model=model, done_before=False)


def _train(
    path: Path,
    recipe: Recipe,
    folder: Path,
    model: Path,
    parents: "_Parents",
    places: Places,
    accelerator: str,
    report: Callable[[str], Report],
) -> None:
    fabric = fabric_on(accelerator, _PRECISION[recipe.schedule.arithmetic])
    checkpoint = claim_checkpoint(recipe, folder) if hears_waveforms(recipe) else None
    corpora = load_corpora(recipe, places.data, parents.condensed)
    tell = report(f"{recipe.name}: features")
    store = build_store(corpora.clips, places.cache, lambda done, whole: tell(0, 1, done, whole, {}))
    corpora = _readable(corpora, store)
    taught = {
        name: partial(soft_labels_of_run, one, run.model, store=store, device=fabric.device)
        for name, (one, run) in parents.sources.items()
    }
    corpora, sources = _softened(recipe, corpora, places, report, taught)
    describe(folder, recipe, corpora, fabric)
    if checkpoint is not None:
        return train_on_waveforms(recipe, corpora, store, checkpoint, model, sources, fabric, report)
    data = store.data_hash([*(e.clip for e in corpora.bursts["train"]), *corpora.ambience["train"]])
    views: Views | SetViews
    if parents.condensed:
        views, recipe = set_views(recipe, parents.condensed), with_learnt_rate(recipe, parents.condensed)
    else:
        kept = places.cache / f"views-{views_key(recipe, data)[:16]}" if recipe.schedule.views else None
        views = CachedViews(recipe, store, corpora.bursts["train"], corpora.ambience["train"], kept)
    validation = Validation(recipe, store, corpora.bursts["validation"], corpora.ambience["validation"])
    for teacher in filter(is_model_file, teachers_of(recipe)):
        refuse_other_speakers(recipe, path.parent / teacher, validation.speakers)
    heard = _heard(recipe, store, corpora)
    teachers = _teachers(path, recipe, data, parents.teachers, places, fabric, heard)
    network = network_of(recipe)
    if parents.origin:
        left = take_over_weights(network, parents.origin.folder / "best.safetensors")
        _LOG.info("weights of %s taken over, but for %s", parents.origin.folder.name, ", ".join(left) or "none")
    if fabric.device.type == "cpu":
        network = network.to(memory_format=torch.channels_last)
    progress = train_network(
        recipe,
        network,
        views,
        teachers,
        validation.score_with(fabric.device),
        folder,
        fabric,
        report(recipe.name),
    )
    _LOG.info("best epoch %d of %d: %s", progress["best_epoch"], progress["epochs"], progress["best"])
    network = network_of(recipe)
    load_weights(network, folder / "best.safetensors")
    finish_run(recipe, network, validation, corpora, folder, model, (*map(parent_of, parents.models), *sources))


def _readable(corpora: Corpora, store: FeatureStore) -> Corpora:
    return corpora._replace(
        bursts={part: [e for e in corpora.bursts[part] if e.clip in store] for part in PARTS},
        ambience={part: [clip for clip in corpora.ambience[part] if clip in store] for part in PARTS},
    )


def _softened(
    recipe: Recipe,
    corpora: Corpora,
    places: Places,
    report: Callable[[str], Report],
    taught: Mapping[str, Callable[..., SoftLabels]] = MappingProxyType({}),
) -> tuple[Corpora, tuple[Parent, ...]]:
    """Blend soft labels into the training clips' own; also return who gave them.

    Args:
        recipe: says which soft labels.
        corpora: of the recipe.
        places: where the cache is.
        report: given a stage's name, returns what is told of its progress.
        taught: by source, what is asked in place of frozen networks.
    """
    training, sources = corpora.bursts["train"], []
    for options in recipe.soft_labels:
        tell = report(f"{recipe.name}: {options.source}")
        labels = recipe.heads[options.head].labels
        ask = taught.get(options.source) or partial(soft_labels_from, options.source, labels=labels)
        table = ask(
            head=options.head,
            corpora=corpora,
            cache=places.cache,
            progress=lambda what, done, whole, tell=tell: tell(0, 1, done, whole, {}),
        )
        _LOG.info("soft labels of %s for %s: %s", table.source, options.head, table.figures)
        training = soften(training, tempered(table, options.temperature), options.head, options.weight)
        sources.append(Parent(name=table.source.replace("+", "."), sha256=table.teacher))
    training = [example for example in training if any(example.weights.values())]
    return corpora._replace(bursts=corpora.bursts | {"train": training}), tuple(sources)


def _heard(recipe: Recipe, store: FeatureStore, corpora: Corpora) -> Views | None:
    """Return the views that teachers hear, None where they hear the student's own."""
    if recipe.distil is None or recipe.distil.hears == "view":
        return None
    bursts, ambience = corpora.bursts["train"], corpora.ambience["train"]
    return Views(recipe, store, bursts, ambience, views_seed(recipe), quiet=True)


def _teachers(
    path: Path,
    recipe: Recipe,
    data: str,
    runs: tuple[Run, ...],
    places: Places,
    fabric: Fabric,
    heard: Views | None,
) -> Teachers | None:
    """Return who is asked about the views; a teacher whose answers are all kept is never loaded."""
    if recipe.distil is None:
        return None
    teachers = []
    for name, run in zip(teachers_of(recipe), runs, strict=True):
        if is_model_file(name):
            outputs, answered = heads_of_file(recipe, run.model), answer_of_file(run.model)
        else:
            taught = load_recipe(path.parent / name)
            outputs, answered = shared_heads(recipe, taught), _answer_of(taught, run, fabric)
        if recipe.distil.similarity:
            outputs.append(EMBEDDING)
        key = answers_key(recipe, pin_of(run.model), outputs, data)
        folder = places.cache / f"answers-{key[:16]}" if recipe.schedule.views else None
        teachers.append(Teacher(answered, outputs, folder))
    return Teachers(teachers, recipe.distil.mean, recipe.distil.temperature, heard)


def _answer_of(taught: Recipe, run: Run, fabric: Fabric) -> Answer:
    @cache
    def loaded() -> nn.Module:
        network = network_of(taught)
        load_weights(network, run.folder / "best.safetensors")
        network = network.to(fabric.device).eval()
        return network.to(memory_format=torch.channels_last) if fabric.device.type == "cpu" else network

    def answered(windows: np.ndarray) -> dict[str, np.ndarray]:
        halved = taught.schedule.arithmetic == "bfloat16"
        with torch.autocast(fabric.device.type, torch.bfloat16, enabled=halved):
            return answer(loaded(), windows, fabric.device)

    return answered
