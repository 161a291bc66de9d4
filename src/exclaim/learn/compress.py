"""Smaller forms of a trained model, each made as its method says and measured beside its original.

Nothing that is shipped is touched: candidates and what was measured of them go to a run's own folder.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
import torch
import yaml
from safetensors.torch import load_file

from exclaim.corpora.manifest import Manifest, merge
from exclaim.corpora.registry import load_corpus
from exclaim.errors import AudioError, CorpusError, ModelError, RecipeError
from exclaim.evaluate.clips import clip_codes, clip_windows
from exclaim.evaluate.labelling import Labelled, label_clips
from exclaim.evaluate.speakers import SPLIT_FILE, read_speakers, select_speakers
from exclaim.learn.admission import Admission, AdmissionOptions, Candidate, admissions, keep_admissions
from exclaim.learn.export import export
from exclaim.learn.network import network_of
from exclaim.learn.prune import channel_numbers, channel_strengths, channels_left, pruned, recalibrated
from exclaim.learn.quantise import compressed_card, int8, seal_beside, weights8
from exclaim.learn.recipe import Recipe
from exclaim.model import Model, load_model, pin

__all__ = ["COMPRESSED", "RESULTS", "CompressOptions", "Parts", "compress", "parts_of", "share_of"]

_LOG = logging.getLogger(__name__)

COMPRESSED = "compressed"  # folder of the candidates, in a run's folder
RESULTS = "compress.json"  # in a run's folder
_PRUNE = "prune:"


class CompressOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to make, and how to judge it."""

    methods: tuple[str, ...] = ("int8", "weights8")  # or "prune:0.5": the share of channels that goes
    calibration: Annotated[int, msgspec.Meta(ge=1)] = (
        256  # training clips for int8's scales, and pruned networks' means
    )
    admission: AdmissionOptions = AdmissionOptions()


class Parts(NamedTuple):
    """The clips of a model's split."""

    training: Manifest
    validation: Manifest


def parts_of(model: Model, data: Path) -> Parts:
    """Return the clips that a model was trained on and those of its validation speakers.

    Args:
        model: whose card names the corpora, and beside whose file lies the split.
        data: folder that holds the corpora.

    Raises:
        CorpusError: when none of the corpora is there, or none of the speakers.
    """
    there, missed = [], []
    for use in model.card.corpora:
        try:
            there.append(load_corpus(use.name, data))
        except CorpusError as error:
            missed.append(str(error))
            _LOG.warning("left out: %s", error)
    if not there:
        raise CorpusError(f"{model.path} is judged on the corpora of its card, and none is there: {'; '.join(missed)}")
    split = model.path.parent / SPLIT_FILE
    whole = merge(there)
    training, validation = (select_speakers(whole, read_speakers(split, part)) for part in ("train", "validation"))
    return Parts(training, validation)


def compress(
    original: Model,
    folder: Path,
    parts: Parts,
    options: CompressOptions = CompressOptions(),
    recipe: Path | None = None,
    tell: Callable[[str], None] = lambda stage: None,
    progress: Callable[[int, int], None] = lambda done, whole: None,
) -> list[Admission]:
    """Make candidates and measure them beside their original; write both into a run's folder.

    Args:
        original: the run's model, or a shipped one.
        folder: the run's, or another; ``compressed/`` in it takes the candidates, ``compress.json`` what was measured.
        parts: clips to calibrate on and to judge on.
        options: what to make.
        recipe: of the run, beside which the recipe that fine-tunes a pruned network is written; None: it is not.
        tell: called with each stage's name as it begins.
        progress: called with (clips done, clips in all) while the models answer.

    Raises:
        ModelError: when a candidate cannot be made or measured.
        RecipeError: when a method is not known, or the run cannot be pruned.
        CorpusError: when the clips have no labels of the model's, or cannot be read.
    """
    for method in options.methods:
        _check(method)
    labelled = _labelled(original, parts.validation)
    try:
        (folder / COMPRESSED).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(f"{folder}: cannot be written: {error.strerror}") from error
    candidates = []
    for method in options.methods:
        tell(method)
        path = folder / COMPRESSED / f"{original.path.stem}-{_suffix(method)}.onnx"
        if method.startswith(_PRUNE):
            candidates.append(_pruned(original, path, method, recipe, parts.training, options.calibration))
        else:
            candidates.append(_quantised(original, path, method, parts.training, options.calibration))
    tell("measure")
    found = admissions(original, candidates, labelled, options.admission, progress)
    keep_admissions(folder / RESULTS, found)
    return found


def share_of(method: str) -> float:
    """Return the share of channels that ``prune:SHARE`` takes away.

    Raises:
        RecipeError: when it is no number above 0 and below 1.
    """
    try:
        share = float(method.removeprefix(_PRUNE))
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise RecipeError(f"method {method!r}: expected prune:SHARE, a number above 0 and below 1, such as prune:0.5")
    return share


def _check(method: str) -> None:
    if method.startswith(_PRUNE):
        share_of(method)
    elif method not in ("int8", "weights8"):
        raise RecipeError(f"method {method!r} is not known; expected int8, weights8 or prune:SHARE")


def _suffix(method: str) -> str:
    return f"prune-{share_of(method) * 100:g}" if method.startswith(_PRUNE) else method


def _labelled(model: Model, clips: Manifest) -> list[Labelled]:
    """Return for each head the clips that have its labels; a head without any is not compared."""
    found, missed = [], []
    for head in model.card.heads:
        try:
            found.append(label_clips(model, clips, head.task, f"{clips.corpus}, validation speakers"))
        except CorpusError as error:
            missed.append(str(error))
    if not found:
        raise CorpusError("; ".join(missed))
    return found


def _quantised(original: Model, path: Path, method: str, training: Manifest, clips: int) -> Candidate:
    data = original.path.read_bytes()
    data = weights8(data) if method == "weights8" else int8(data, _calibration(training, clips))
    seal_beside(original, data, path, method)
    return Candidate(load_model(path), method)


def _calibration(training: Manifest, count: int) -> np.ndarray:
    """Return the first windows of clips that are spread over the training speakers: (n, 128, 188)."""
    clips = [clip for clip in training if clip.kind == "audio"]
    windows = []
    for i in np.unique(np.linspace(0, len(clips) - 1, min(count, len(clips))).round().astype(int)):
        try:
            windows.append(next(clip_windows(clip_codes(clips[i].path)))[0][:1])
        except AudioError as error:
            _LOG.warning("left out: %s", error)
    if not windows:
        raise CorpusError(f"{training.corpus}: no clip of the training speakers can be read; nothing to calibrate on")
    return np.concatenate(windows)


def _pruned(original: Model, path: Path, method: str, recipe: Path | None, training: Manifest, clips: int) -> Candidate:
    """Return the fine-tuned run of the pruned network where there is one, else the network as pruning leaves it."""
    run = original.path.parent
    tuned = run.parent / path.stem / path.name
    if tuned.is_file():
        return Candidate(load_model(tuned), method, "fine-tuned")
    weights_file, recipe_file = run / "best.safetensors", run / "recipe.json"
    if not (weights_file.is_file() and recipe_file.is_file()):
        raise RecipeError(
            f"{run} holds no {weights_file.name} and {recipe_file.name}; only a run's folder can be pruned, since a"
            " model file has its batch normalisation folded away"
        )
    weights = load_file(weights_file)
    channels = channels_left(channel_strengths(weights), share_of(method))
    if channels == channel_numbers(weights):
        raise RecipeError(f"method {method!r} leaves every channel where it is; take a larger share")
    trained = msgspec.json.decode(recipe_file.read_bytes(), type=Recipe)
    named = " ".join(map(str, channels))
    options = {key: value for key, value in trained.network.options.items() if key != "width"} | {"channels": named}
    network = network_of(
        msgspec.structs.replace(trained, network=msgspec.structs.replace(trained.network, options=options))
    )
    network.load_state_dict(pruned(weights, channels))
    network = recalibrated(network, torch.from_numpy(_calibration(training, clips)))
    card = compressed_card(original, _suffix(method))
    export(network, path, card, half_weights=trained.precision == "half-weights")
    pin(path)
    return Candidate(load_model(path), method, _to_do(path.stem, named, trained, recipe))


def _to_do(name: str, channels: str, trained: Recipe, recipe: Path | None) -> str:
    """Write the recipe that fine-tunes a pruned network beside the run's own, and say what to do with it."""
    if recipe is None:
        return "not fine-tuned: name the run's recipe by --recipe to have the recipe for that written"
    tuning = recipe.parent / f"{name}.yaml"
    if not tuning.is_file():
        text = yaml.safe_dump(
            {
                "base": recipe.name,
                "name": name,
                "network": {"options": {"width": None, "channels": channels}, "weights_from": recipe.name},
                "schedule": {
                    "epochs": max(1, -(-trained.schedule.epochs // 3)),
                    "learning_rate": trained.schedule.learning_rate / 3,
                },
            },
            sort_keys=False,
        )
        try:
            tuning.write_text(f"# {trained.name} with fewer channels, fine-tuned.\n{text}", "utf-8")
        except OSError as error:
            raise RecipeError(f"{tuning}: cannot be written: {error.strerror}") from error
    return f"not fine-tuned: `exclaim train {tuning}`, then compress again"
