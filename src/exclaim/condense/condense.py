"""From a recipe to a sealed set: corpora, teacher, experts, matching or choosing, labels, the file and its pin."""

import logging
import platform
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from lightning_fabric import Fabric

from exclaim.card import CorpusUse, Parent
from exclaim.condense.experts import train_experts
from exclaim.condense.learned import Learned, begin
from exclaim.condense.loop import match
from exclaim.condense.method import Choosing, Matching
from exclaim.condense.methods.distribution import DistributionMatching
from exclaim.condense.methods.gradient import GradientMatching
from exclaim.condense.methods.subsets import herding, k_means, random_clips
from exclaim.condense.methods.trajectory import TrajectoryMatching
from exclaim.condense.networks import check_networks
from exclaim.condense.public import as_heard, load_public
from exclaim.condense.real import Real, check_clips, load_real
from exclaim.condense.recipe import (
    CondenseRecipe,
    Distribution,
    Gradient,
    Herding,
    KMeans,
    Random,
    Trajectory,
    condense_hash,
    load_condense_recipe,
)
from exclaim.condense.teacher import Teacher, check_teacher
from exclaim.corpora.condensed import SUFFIX, items_within, read_set, write_set
from exclaim.corpora.condensed_card import SetCard
from exclaim.corpora.registry import corpus_info
from exclaim.errors import CorpusError, RecipeError
from exclaim.learn.device import fabric_on
from exclaim.learn.finish import parent_of
from exclaim.learn.loop import Report
from exclaim.learn.owned import owned
from exclaim.learn.places import Places
from exclaim.learn.places import Run as TrainingRun
from exclaim.learn.recipe import NetworkOptions, draw_of, load_recipe
from exclaim.learn.run_folder import claim, logged
from exclaim.learn.train import train
from exclaim.learn.views import dequantise, quantise
from exclaim.pins import pin, read_pins

__all__ = ["CondenseRun", "Made", "condense", "learn_items"]

_LOG = logging.getLogger(__name__)
_SUBSETS: dict[type, Choosing] = {Random: random_clips, Herding: herding, KMeans: k_means}
REAL_CLIPS = (
    "Its items are clips of real people, at a lower resolution: it is as personal as the corpus, and hides nobody."
)
REAL_START = (
    "Its items began as clips of real people and may still resemble them: learning does not wash that out. Prefer a "
    "set that began as noise."
)


class CondenseRun(msgspec.Struct, frozen=True, kw_only=True):
    """What a run left behind."""

    folder: Path
    set: Path  # the sealed .safetensors
    done_before: bool  # True where there was nothing left to do


class Made(NamedTuple):
    """A set before it is labelled and sealed."""

    items: np.ndarray  # (n, bands, frames) float32 in [-1, 1]
    targets: np.ndarray  # (n, labels) float32
    seconds: float
    learning_rate: float | None = None


def condense(
    path: Path,
    places: Places,
    accelerator: str = "auto",
    report: Callable[[str], Report] = lambda name: lambda *numbers: None,
    changes: Mapping[str, Any] | None = None,
) -> CondenseRun:
    """Condense what a recipe says, its teacher and experts first; go on where an earlier call stopped.

    Args:
        path: the recipe.
        places: where corpora, runs and caches are.
        accelerator: as Lightning Fabric names it: auto, cpu, cuda, mps.
        report: given a stage's name, returns what is told of its progress.
        changes: laid over the recipe, but not over its teacher.

    Raises:
        RecipeError: when the recipe does not hold together, or its run folder holds another recipe's run.
        CorpusError: when a corpus is not there, or has too few clips of a label.
    """
    recipe = load_condense_recipe(path, changes)
    folder = places.runs / recipe.name
    file = folder / f"{recipe.name}{SUFFIX}"
    check_networks(recipe)
    taught, run = None, None
    if recipe.teacher is not None and recipe.asks_teacher:
        named = path.parent / recipe.teacher
        drawn = draw_of(load_recipe(named).name, recipe.teacher_seed)
        taught = load_recipe(named, drawn)
        check_teacher(recipe, taught)
        run = train(named, places, accelerator, report, drawn)
    claim(folder, recipe)
    done = CondenseRun(folder=folder, set=file, done_before=True)
    if file.is_file():
        _finish(file, run)
        return done
    with owned(folder), logged(folder / "log.txt"):
        if file.is_file():  # another process was waited for
            return done
        fabric = fabric_on(accelerator)
        real = load_real(recipe, places.data, places.cache, lambda what, *told: _tell(report, recipe, what, *told))
        teacher = (
            Teacher(taught, run.folder / "best.safetensors", recipe.task, fabric.device) if run and taught else None
        )
        sized, matched = _sized(recipe, real), real
        if recipe.public and teacher is not None:
            public = load_public(recipe, places.data, places.cache, lambda *told: _tell(report, recipe, *told))
            matched = as_heard(public, teacher)
        made = _made(sized, matched, teacher, folder, places.cache, fabric, report)
        _seal(recipe, made, real, teacher, run, file, str(fabric.device))
    return CondenseRun(folder=folder, set=file, done_before=False)


def _finish(file: Path, run: TrainingRun | None) -> None:
    """Pin a set that a stopped call sealed, and see that it is of the teacher that is there now.

    Raises:
        CorpusError: when the set cannot be read.
        RecipeError: when its teacher was trained anew since.
    """
    card = read_set(file).card
    if (parent := _parent(run)) is not None and card.teacher != parent:
        told = "no teacher" if card.teacher is None else f"{card.teacher.name} {card.teacher.sha256[:12]}"
        raise RecipeError(
            f"{file} was made with {told}, but the teacher's run now holds {parent.name} {parent.sha256[:12]}; rename "
            "the recipe, or remove the set and its run"
        )
    if file.name not in read_pins(file.parent):
        pin(file)


def _tell(report: Callable[[str], Report], recipe: CondenseRecipe, what: str, done: int, whole: int) -> None:
    report(f"{recipe.name}: {what}")(0, 1, done, whole, {})


def _sized(recipe: CondenseRecipe, real: Real) -> CondenseRecipe:
    """Return a recipe with the count of items that its share of the real bytes holds."""
    if recipe.share is None:
        return recipe
    size, labels = int(recipe.share * real.bytes), len(recipe.labels)
    each = items_within(size, recipe.view, recipe.stored, labels, recipe.soft_labels != "hard")
    if not each:
        raise RecipeError(
            f"recipe {recipe.name}: a share of {recipe.share:g} of {real.bytes} bytes holds no item of every label"
        )
    _LOG.info("%s: %d items of every label are %g of the corpus's bytes", recipe.name, each, recipe.share)
    return msgspec.structs.replace(recipe, items=each)


def _made(
    recipe: CondenseRecipe,
    real: Real,
    teacher: Teacher | None,
    folder: Path,
    cache: Path,
    fabric: Fabric,
    report: Callable[[str], Report],
) -> Made:
    """Choose or learn the items."""
    labels = len(recipe.labels)
    if choose := _SUBSETS.get(type(recipe.method)):
        check_clips(recipe, real)
        needs_embeddings = choose is not random_clips
        embeddings = teacher.embeddings(real.windows) if teacher is not None and needs_embeddings else None
        chosen = choose(real, recipe.items, labels, embeddings, recipe.seed)
        return Made(dequantise(real.windows[chosen]), np.eye(labels, dtype=np.float32)[real.labels[chosen]], 0.0)
    return learn_items(recipe, real, teacher, folder, cache, fabric, report)


def learn_items(
    recipe: CondenseRecipe,
    real: Real,
    teacher: Teacher | None,
    folder: Path,
    cache: Path,
    fabric: Fabric,
    report: Callable[[str], Report] = lambda name: lambda *numbers: None,
) -> Made:
    """Learn items by a method that matches, going on from the folder's checkpoint where there is one.

    Args:
        recipe: of a method that learns items; its corpora and their split are not asked.
        real: the clips that are condensed.
        teacher: that items shall agree with, where the method wants it.
        folder: takes the checkpoint.
        cache: of experts, where the method needs them.
        fabric: device and precision.
        report: given a stage's name, returns what is told of its progress.

    Raises:
        CorpusError: when a label has too few clips.
        RecipeError: when what is learnt is no number any more, or the folder's checkpoint is of other clips or of
            another teacher.
    """
    labels = len(recipe.labels)
    check_clips(recipe, real)
    if recipe.start == "real":
        _LOG.warning("%s begins with real clips: the set keeps traces of them, and its card says so", recipe.name)
    method = recipe.method
    rate = method.network_rate if isinstance(method, Gradient | Trajectory) else 0.01
    learned = begin(recipe, real, rate, fabric.device)
    matching, rates = _matching(recipe, real, teacher, learned, cache, fabric, report)
    of = f"{real.data} {'' if teacher is None else teacher.sha256}"
    seconds = match(matching, learned, rates, method.iterations, folder, report(recipe.name), of)
    if recipe.soft_labels == "learned":
        targets = learned.logits.detach().softmax(dim=1).cpu().numpy()
    else:
        targets = np.eye(labels, dtype=np.float32)[learned.own.cpu().numpy()]
    learnt = "log_rate" in rates
    items = learned.items.detach().cpu().numpy()
    return Made(items, targets, seconds, float(learned.log_rate.detach().exp()) if learnt else None)


def _matching(
    recipe: CondenseRecipe,
    real: Real,
    teacher: Teacher | None,
    learned: Learned,
    cache: Path,
    fabric: Fabric,
    report: Callable[[str], Report],
) -> tuple[Matching, dict[str, float]]:
    """Return the method, and the rates of what it learns; everything else stays as it began."""
    method = recipe.method
    rates = {"items": method.rate}
    if isinstance(method, Trajectory):
        experts = train_experts(recipe, real, cache, fabric, report)
        if recipe.soft_labels == "learned":
            rates["logits"] = method.rate_of_labels
        if method.learn_rate:
            rates["log_rate"] = method.rate_of_rate
        return TrajectoryMatching(recipe, method, experts, fabric.device), rates
    if isinstance(method, Gradient):
        return GradientMatching(recipe, method, real, fabric.device), rates
    assert isinstance(method, Distribution)
    experts = train_experts(recipe, real, cache, fabric, report) if method.trained else None
    return DistributionMatching(recipe, method, real, experts, teacher), rates


def _seal(
    recipe: CondenseRecipe,
    made: Made,
    real: Real,
    teacher: Teacher | None,
    run: TrainingRun | None,
    file: Path,
    device: str,
) -> None:
    """Round the items to what is stored, label them, and write the file with its card and pin."""
    stored = quantise(made.items) if recipe.stored == "uint8" else made.items.astype(np.float16)
    windows = dequantise(stored) if recipe.stored == "uint8" else stored.astype(np.float32)
    targets = made.targets
    if recipe.soft_labels == "teacher" and teacher is not None:
        targets = teacher.labels(windows, recipe.temperature)
    subset = recipe.subset
    options = msgspec.to_builtins(recipe.method)
    card = SetCard(
        name=recipe.name,
        version=recipe.version,
        task=recipe.task,
        labels=recipe.labels,
        items=len(stored),
        view=recipe.view,
        stored=recipe.stored,
        method=options.pop("name"),
        recipe=condense_hash(recipe),
        options=options,
        sources=tuple(CorpusUse(name=name, licence=licence) for name, licence in real.licences.items()),
        public=tuple(CorpusUse(name=name, licence=corpus_info(name).licence) for name in recipe.public),
        licence=_licence(*recipe.sources, *recipe.public),
        source_items=len(real.labels),
        source_bytes=real.bytes,
        split=msgspec.to_builtins(recipe.split),
        networks=() if subset else tuple(map(_network, (recipe.network, *recipe.beside))),
        initialisation=recipe.initialisation,
        seed=recipe.seed,
        start="real" if subset else recipe.start,
        soft_labels=recipe.soft_labels,
        teacher=_parent(run),
        temperature=recipe.temperature,
        augment={} if subset else msgspec.to_builtins(recipe.augment),
        learning_rate=made.learning_rate,
        warnings=(REAL_CLIPS,) if subset else (REAL_START,) if recipe.start == "real" else (),
        seconds=round(made.seconds, 1),
        device=f"{device}, {platform.machine()}",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    write_set(file, stored, targets, card)
    if recipe.share is not None and file.stat().st_size > recipe.share * real.bytes:
        file.unlink()
        raise CorpusError(f"{file}: would be more than {recipe.share:g} of the corpus's bytes; ask for a smaller share")
    pin(file)
    _LOG.info("%s: %d items, %d bytes, %.2f %% of the corpus", file, len(stored), *_size(file, real))


def _licence(*corpora: str) -> str:
    return " AND ".join(dict.fromkeys(corpus_info(name).licence for name in corpora))


def _size(file: Path, real: Real) -> tuple[int, float]:
    size = file.stat().st_size
    return size, 100 * size / real.bytes


def _network(network: NetworkOptions) -> str:
    seed = {} if network.seed is None else {"seed": network.seed}
    options = ", ".join(f"{key} {value}" for key, value in (network.options | seed).items())
    return f"{network.name} ({options})" if options else network.name


def _parent(run: TrainingRun | None) -> Parent | None:
    return None if run is None else parent_of(run.model)
