"""The end of a run on waveforms: calibrate on validation speakers, answer validation and test, say what the run is.

Such a network teaches and is not shipped, so there is no sealed model file: a card in JSON names the SHA-256 of
``best.safetensors``, and is written last.
"""

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import torch
from torch import nn

from exclaim.card import CorpusUse, Head, Metric, Parent
from exclaim.errors import RecipeError
from exclaim.evaluate.answers import ClipAnswer, answers_name, clip_answers, write_answers
from exclaim.evaluate.clips import ClipLogits
from exclaim.evaluate.figures import figure_intervals, figures, judged
from exclaim.features import decode
from exclaim.learn.examples import PARTS, Corpora, Example
from exclaim.learn.finish import calibrated_head, corpus_use, write_part_manifests
from exclaim.learn.recipe import Recipe, recipe_hash
from exclaim.learn.store import FeatureStore
from exclaim.learn.waveforms.answers import WaveformValidation, clip_outputs
from exclaim.learn.waveforms.options import EncoderOptions
from exclaim.learn.waveforms.pretrained import Pretrained
from exclaim.pins import write_atomically

__all__ = ["WaveformCard", "finish_waveform_run", "read_waveform_card"]

_DRAWS = 1000
_METRICS = ("accuracy", "uar", "macro_f1", "auroc", "ece_debiased")
_PROTOCOL = (
    "whole clips; one that is longer than the network hears at once is the mean of logits over its pieces; the most "
    f"probable label, or at the threshold of a detection; 95 % percentile intervals from {_DRAWS} draws of speakers"
)


class WaveformCard(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a finished run on waveforms is."""

    name: str
    version: str
    recipe: str  # SHA-256 of its content
    pretrained: str  # SHA-256 of the checkpoint that it began with
    weights: str  # SHA-256 of best.safetensors
    heads: tuple[Head, ...]  # all, with temperature and thresholds
    level_floor_db: float
    validation_speakers_sha256: str
    corpora: tuple[CorpusUse, ...]
    metrics: tuple[Metric, ...]
    parents: tuple[Parent, ...]
    created: str  # UTC, ISO 8601

    @property
    def sha256(self) -> str:
        """The SHA-256 of all that shapes the network's answers."""
        return hashlib.sha256("|".join((self.recipe, self.pretrained, self.weights)).encode()).hexdigest()


def read_waveform_card(path: Path) -> WaveformCard:
    """Read a card, and see that the weights beside it are those that it names.

    Raises:
        RecipeError: when it cannot be read, or the weights are others.
    """
    try:
        card = msgspec.json.decode(path.read_bytes(), type=WaveformCard)
        found = _sha256(path.with_name("best.safetensors"))
    except (OSError, msgspec.MsgspecError) as error:
        raise RecipeError(f"run {path.parent} cannot be read ({error}); remove it, and it is trained again") from error
    if found != card.weights:
        raise RecipeError(
            f"run {path.parent}: best.safetensors is {found[:12]}, its card names {card.weights[:12]}; copy it again, "
            "or remove the run, and it is trained again"
        )
    return card


def finish_waveform_run(
    recipe: Recipe,
    network: nn.Module,
    pretrained: Pretrained,
    options: EncoderOptions,
    validation: WaveformValidation,
    corpora: Corpora,
    store: FeatureStore,
    path: Path,
    parents: tuple[Parent, ...],
    progress: Callable[[int, int], None] = lambda done, whole: None,
) -> None:
    """Write a run's answers to the validation and test clips, its manifests, and last its card.

    Args:
        recipe: of the run.
        network: with its best weights, on the device that it is to run on.
        pretrained: what it began with.
        options: of its encoder.
        validation: chooses temperatures and thresholds.
        corpora: of the recipe.
        store: tells how loud a clip is.
        path: of the card.
        parents: who else taught it.
        progress: called with (clips answered, all of this part).
    """
    device = next(network.parameters()).device
    found = validation.answers(network, device)
    heads = tuple(calibrated_head(recipe, name, found.get(name)) for name in recipe.heads)
    write_part_manifests(recipe, corpora, path.parent)
    metrics: list[Metric] = []
    for part in PARTS[1:]:
        heard = _heard(network, corpora.bursts[part], store, options.seconds, device, progress)
        for head in heads:
            rows = _rows(recipe, head, corpora, part, heard)
            if rows:
                write_answers(path.with_name(answers_name(head.task, part)), rows)
            if rows and part == "test":
                metrics += _measured(recipe, head, rows)
    card = WaveformCard(
        name=recipe.name,
        version=recipe.version,
        recipe=recipe_hash(recipe),
        pretrained=pretrained.sha256,
        weights=_sha256(path.with_name("best.safetensors")),
        heads=heads,
        level_floor_db=recipe.level_floor_db,
        validation_speakers_sha256=hashlib.sha256("\n".join(validation.speakers).encode()).hexdigest(),
        corpora=tuple(corpus_use(manifest.corpus) for manifest in corpora.manifests),
        metrics=tuple(metrics),
        parents=parents,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    write_atomically(path, msgspec.json.format(msgspec.json.encode(card)))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _heard(
    network: nn.Module,
    examples: list[Example],
    store: FeatureStore,
    seconds: float,
    device: torch.device,
    progress: Callable[[int, int], None],
) -> list[ClipLogits]:
    clips = [example.clip for example in examples]
    return [
        ClipLogits(
            path=clip.path,
            sha256=_sha256(clip.path),
            level_db=float(decode(store.codes(clip)).max()),
            logits=outputs,
        )
        for clip, outputs in zip(clips, clip_outputs(network, clips, seconds, device, progress), strict=True)
    ]


def _rows(recipe: Recipe, head: Head, corpora: Corpora, part: str, heard: list[ClipLogits]) -> tuple[ClipAnswer, ...]:
    answered = [
        (example.clip, head.labels[int(example.targets[head.task].argmax())], found)
        for example, found in zip(corpora.bursts[part], heard, strict=True)
        if example.weights[head.task] > 0
    ]
    return clip_answers(head, answered, recipe.level_floor_db, corpora.root)


def _measured(recipe: Recipe, head: Head, rows: tuple[ClipAnswer, ...]) -> Iterator[Metric]:
    found = judged(rows)
    told, spread = figures(found), figure_intervals(found, 0, _DRAWS)
    for name in _METRICS:
        if name in spread:
            yield Metric(
                task=head.task,
                name=name,
                value=round(float(told[name]), 6),
                interval=spread[name],
                data=f"{'+'.join(recipe.bursts)}, {recipe.split.tested}",
                protocol=_PROTOCOL,
            )
