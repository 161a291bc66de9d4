"""One shadow: the sets that are made from a half of the clips, the networks trained on them, and what these answer.

What each target leaves is one file, which appears when it is whole; a shadow that was stopped goes on with the target
it was at, and that from its checkpoint. Nothing depends on which shadows were made before, so several processes may
make different ones of a run at once.
"""

import hashlib
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import torch
from lightning_fabric import Fabric
from safetensors import safe_open
from safetensors.numpy import save_file
from torch import nn

from exclaim.card import front_end_hash
from exclaim.condense.condense import learn_items
from exclaim.condense.learned import begin
from exclaim.condense.methods.subsets import random_clips
from exclaim.condense.public import Public, as_heard
from exclaim.condense.real import Real, check_clips
from exclaim.condense.recipe import CondenseRecipe, Distribution, learner
from exclaim.condense.teacher import Teacher
from exclaim.errors import CorpusError, RecipeError, StoreError
from exclaim.learn.cells import Change, changed
from exclaim.learn.checkpoint import save_weights
from exclaim.learn.condensed import SetViews
from exclaim.learn.loop import Report, answer, train_network
from exclaim.learn.network import network_of
from exclaim.learn.owned import owned
from exclaim.learn.recipe import Recipe, Schedule, canonical
from exclaim.learn.views import dequantise, quantise
from exclaim.privacy.lira import logit_confidence
from exclaim.privacy.recipe import PrivacyRecipe, Target

__all__ = ["Answers", "attack_key", "half_of", "make_shadow", "parts", "read_answers", "shadow_folder", "shifted"]

_BATCH = 128
_WEIGHTS = "full-weights.safetensors"


class Answers(NamedTuple):
    """What one target of one shadow left. Arrays of clips are over the whole training part, in and out alike."""

    confidence: np.ndarray | None  # (n,) float32, logit-scaled, mean over views; None where no network was trained
    right: np.ndarray | None  # (n,) bool, whether its first view was recognised
    items: np.ndarray | None  # (m, bands, frames) uint8 of the set; None of the whole half
    labels: np.ndarray | None  # (m,) int, each item's most probable label
    own: np.ndarray  # (k,) int, the clips that became items or that items began as; none where they began as noise
    seconds: dict[str, float]  # that each step took


def shadow_folder(folder: Path, number: int) -> Path:
    """Return where a shadow's files are."""
    return folder / f"shadow-{number:02d}"


def attack_key(recipe: PrivacyRecipe, condensed: CondenseRecipe, real: Real, public: Public | None = None) -> str:
    """Return the SHA-256 of all that shapes the shadows. Their teachers have seeds of their own."""
    condensed = msgspec.structs.replace(condensed, teacher_seed=None)
    data = [real.data] if public is None else [real.data, public.data]
    return hashlib.sha256(canonical([recipe, condensed, *data, front_end_hash()])).hexdigest()


def parts(recipe: PrivacyRecipe, condensed: CondenseRecipe) -> tuple[Target, ...]:
    """Return what each shadow makes, in order: the targets, and the network that labels sets where they want one."""
    asks = isinstance(condensed.method, Distribution) and condensed.method.asks_teacher
    taught = asks or condensed.public or (recipe.networks and condensed.soft_labels == "teacher")
    first: tuple[Target, ...] = ("full",) if taught or (recipe.networks and "full" in recipe.targets) else ()
    return first + tuple(target for target in recipe.targets if target != "full")


def half_of(real: Real, inside: np.ndarray) -> Real:
    """Return the clips that are in, as a corpus of their own."""
    data = hashlib.sha256(real.data.encode() + np.packbits(inside).tobytes()).hexdigest()
    speakers = tuple(np.asarray(real.speakers)[inside]) if real.speakers else ()
    return real._replace(windows=real.windows[inside], labels=real.labels[inside], data=data, speakers=speakers)


def make_shadow(
    recipe: PrivacyRecipe,
    condensed: CondenseRecipe,
    real: Real,
    inside: np.ndarray,
    number: int,
    folder: Path,
    cache: Path,
    fabric: Fabric,
    report: Callable[[str], Report],
    public: Public | None = None,
) -> None:
    """Make what is missing of a shadow.

    Args:
        recipe: of the attack.
        condensed: says how its sets are made, the recipe's changes among it.
        real: the whole training part.
        inside: (n,) bool, which of it the shadow is made from.
        number: of the shadow; weights, noise and order are drawn for it.
        folder: of the run.
        cache: of experts, where the method needs them.
        fabric: device and precision.
        report: given a stage's name, returns what is told of its progress.
        public: what is condensed in the half's place, as a teacher hears it that heard the half.

    Raises:
        CorpusError: when the half has too few clips of a label.
        RecipeError: when a network or a set diverges.
        StoreError: when a file that is there is damaged, or of another recipe or other clips.
    """
    own = shadow_folder(folder, number)
    key = attack_key(recipe, condensed, real, public)
    condensed = msgspec.structs.replace(condensed, seed=recipe.seed * 1_009 + number + 1)
    half = half_of(real, inside)
    try:
        check_clips(condensed, half)
    except CorpusError as error:
        raise CorpusError(f"shadow {number}, whose half of the clips is too small: {error}") from error
    with owned(own):
        _make_targets(recipe, condensed, real, half, np.flatnonzero(inside), own, key, cache, fabric, report, public)


def _make_targets(
    recipe: PrivacyRecipe,
    condensed: CondenseRecipe,
    real: Real,
    half: Real,
    places: np.ndarray,
    own: Path,
    key: str,
    cache: Path,
    fabric: Fabric,
    report: Callable[[str], Report],
    public: Public | None,
) -> None:
    for target in parts(recipe, condensed):
        path = own / f"{target}.safetensors"
        if path.is_file():
            _open(path, key, len(real.labels))
            continue
        work = own / target
        work.mkdir(exist_ok=True)
        made = _made(recipe, condensed, real, half, places, target, work, own, cache, fabric, report, public)
        _save(path, made, key)
        shutil.rmtree(work)


def _made(
    recipe: PrivacyRecipe,
    condensed: CondenseRecipe,
    real: Real,
    half: Real,
    places: np.ndarray,
    target: Target,
    work: Path,
    shadow: Path,
    cache: Path,
    fabric: Fabric,
    report: Callable[[str], Report],
    public: Public | None,
) -> Answers:
    """Make one target; ``places`` says where the half's clips are in the whole."""
    seconds: dict[str, float] = {}
    stage = f"{shadow.name}: {target}"
    if target == "full":
        hard = np.eye(len(condensed.labels), dtype=np.float32)[half.labels]
        own = _attacked(recipe, condensed, recipe.on_half)
        network = _trained(own, half.windows, hard, work, fabric, report(stage), seconds)
        save_weights(network, shadow / _WEIGHTS)
        confidence, right = _asked(network, own.task, real, recipe.views, fabric.device, seconds)
        return Answers(confidence, right, None, None, places[:0], seconds)
    teacher = None
    if "full" in parts(recipe, condensed):
        # it heard this half and no other clip: what it tells of them, by labels, agreement or groups, is in the set too
        taught = _attacked(recipe, condensed, recipe.on_half)
        teacher = Teacher(taught, shadow / _WEIGHTS, condensed.task, fabric.device)
    begun = time.monotonic()
    matched = half
    if target == "noise" and public is not None and teacher is not None:
        matched = as_heard(public, teacher)
    items, targets, chosen = _set(condensed, matched, teacher, target, work, cache, fabric, report(f"{stage}, set"))
    seconds["set"] = time.monotonic() - begun
    if teacher is not None and condensed.soft_labels == "teacher" and recipe.networks:
        targets = teacher.labels(dequantise(items), condensed.temperature)
    labels = targets.argmax(axis=1)
    if not recipe.networks:
        return Answers(None, None, items, labels, places[chosen], seconds)
    own = _attacked(recipe, condensed, recipe.on_set)
    network = _trained(own, items, targets, work, fabric, report(stage), seconds)
    confidence, right = _asked(network, own.task, real, recipe.views, fabric.device, seconds)
    return Answers(confidence, right, items, labels, places[chosen], seconds)


def _set(
    condensed: CondenseRecipe,
    half: Real,
    teacher: Teacher | None,
    target: Target,
    work: Path,
    cache: Path,
    fabric: Fabric,
    report: Report,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a set's items as bytes, its labels as distributions, and which clips of the half it holds or began as."""
    labels = len(condensed.labels)
    if target == "subset":
        chosen = random_clips(half, condensed.items, labels, None, condensed.seed)
        return half.windows[chosen], np.eye(labels, dtype=np.float32)[half.labels[chosen]], chosen
    condensed = msgspec.structs.replace(condensed, start=target)
    folder = work / "set"
    folder.mkdir(exist_ok=True)
    chosen = _begun_as(condensed, half) if target == "real" else np.zeros(0, np.int64)
    made = learn_items(condensed, half, teacher, folder, cache, fabric, lambda name: report)
    return quantise(made.items), made.targets, chosen


def _begun_as(condensed: CondenseRecipe, half: Real) -> np.ndarray:
    """Return which clips a set with real clips at its start begins as; a clip that is there twice counts once."""
    first = quantise(begin(condensed, half, 1.0, torch.device("cpu")).items.detach().numpy())
    place = {window.tobytes(): at for at, window in reversed(list(enumerate(half.windows)))}
    return np.array([place[window.tobytes()] for window in first], np.int64)


def _attacked(recipe: PrivacyRecipe, condensed: CondenseRecipe, schedule: Schedule) -> Recipe:
    """Return the training recipe of an attacked network; nobody validates it, so the last epoch is kept."""
    network = recipe.network or condensed.network
    own = learner(msgspec.structs.replace(condensed, network=network), condensed.seed)
    schedule = msgspec.structs.replace(schedule, keep="last")
    return msgspec.structs.replace(own, schedule=schedule, augment=recipe.augment)


def _trained(
    own: Recipe,
    windows: np.ndarray,
    targets: np.ndarray,
    work: Path,
    fabric: Fabric,
    report: Report,
    seconds: dict[str, float],
) -> nn.Module:
    begun = time.monotonic()
    network = network_of(own).to(fabric.device)
    views = SetViews(own.task, windows, targets, own.augment, own.seed, own.schedule.passes)
    train_network(own, network, views, None, lambda trained: {"score": 0.0}, work, fabric, report)
    seconds["training"] = time.monotonic() - begun
    return network


def _asked(
    network: nn.Module,
    task: str,
    real: Real,
    views: tuple[int, ...],
    device: torch.device,
    seconds: dict[str, float],
) -> tuple[np.ndarray, np.ndarray]:
    """Return a network's confidence in every clip's label, mean over moved views, and whether the first was right."""
    begun = time.monotonic()
    confidence = np.zeros(len(real.labels), np.float64)
    right = np.zeros(len(real.labels), bool)
    for number, frames in enumerate(views):
        for at in range(0, len(real.labels), _BATCH):
            part = slice(at, at + _BATCH)
            logits = answer(network, shifted(dequantise(real.windows[part]), frames), device)[task]
            confidence[part] += logit_confidence(logits, real.labels[part]) / len(views)
            if number == 0:
                right[part] = logits.argmax(axis=1) == real.labels[part]
    seconds["asking"] = time.monotonic() - begun
    if not np.isfinite(confidence).all():
        raise RecipeError("an attacked network answers what is no number; ask for a smaller learning rate")
    return confidence.astype(np.float32), right


def shifted(windows: np.ndarray, frames: int) -> np.ndarray:
    """Return windows (n, bands, cells) moved by frames of a whole window, later where positive; floor comes in."""
    cells = round(frames * windows.shape[2] / 188)
    none = np.zeros(1, np.int64)
    change = Change(none + cells, none, np.zeros(1, np.float32), np.ones((1, *windows.shape[1:]), np.float32))
    return changed(torch.from_numpy(windows), change).numpy() if cells else windows


def _save(path: Path, made: Answers, key: str) -> None:
    tensors = {
        "confidence": made.confidence,
        "right": None if made.right is None else made.right.astype(np.uint8),
        "items": made.items,
        "labels": None if made.labels is None else made.labels.astype(np.uint8),
        "own": made.own.astype(np.int64),
    }
    whole = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items() if tensor is not None}
    partial = path.with_suffix(".partial")
    save_file(whole, partial, metadata={"key": key, "seconds": msgspec.json.encode(made.seconds).decode()})
    partial.replace(path)


def read_answers(folder: Path, number: int, target: Target, key: str, clips: int) -> Answers | None:
    """Return what a shadow's target left, None where it is not made yet.

    Raises:
        StoreError: when the file is damaged, or of another recipe or other clips.
    """
    path = shadow_folder(folder, number) / f"{target}.safetensors"
    return _open(path, key, clips) if path.is_file() else None


def _open(path: Path, key: str, clips: int) -> Answers:
    try:
        with safe_open(path, "np") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        seconds = msgspec.json.decode(metadata["seconds"], type=dict[str, float])
        own, right, labels = tensors["own"], tensors.get("right"), tensors.get("labels")
    except Exception as error:  # safetensors raises its own
        raise StoreError(f"{path} is no shadow's file ({error}); remove it, and it is made again") from error
    if metadata.get("key") != key or (right is not None and len(right) != clips):
        raise StoreError(f"{path} is of another recipe or of other clips; choose another --runs, or remove its folder")
    return Answers(
        tensors.get("confidence"),
        None if right is None else right.astype(bool),
        tensors.get("items"),
        None if labels is None else labels.astype(np.int64),
        own,
        seconds,
    )
