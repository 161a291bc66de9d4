"""The end of a run: calibrate on validation speakers, export, measure on test speakers, seal and pin."""

import csv
import hashlib
import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec.structs import replace
from torch import nn

from exclaim.areas import WHOLE
from exclaim.card import Card, CorpusUse, Head, Metric, Parent, Thresholds
from exclaim.corpora.labels import map_label
from exclaim.corpora.manifest import Manifest
from exclaim.corpora.registry import corpus_info
from exclaim.evaluate.answers import answers_name, write_answers
from exclaim.evaluate.evaluate import hear, judge_heard
from exclaim.evaluate.labelling import label_clips
from exclaim.learn.alarm_budget import budget_thresholds
from exclaim.learn.calibrate import abstain_below, detection_thresholds, softmax, temperature
from exclaim.learn.examples import PARTS, Corpora, Example
from exclaim.learn.export import export
from exclaim.learn.recipe import AlarmBudget, Recipe
from exclaim.learn.validation import Answers, Validation
from exclaim.model import load_model, pin, pin_of, seal

__all__ = ["calibrated_head", "corpus_use", "finish_run", "parent_of", "write_part_manifests"]

_LOG = logging.getLogger(__name__)
_SURE = 0.99  # of a label, or it is a soft one


def calibrated_head(recipe: Recipe, name: str, found: Answers | None) -> Head:
    """Return a head with its temperature and thresholds chosen on validation answers; the plainest ones without any."""
    if found is None:
        halves = Thresholds(on=0.5, off=0.5) if name.endswith("-detection") else None
        return Head(task=name, output=name, labels=recipe.heads[name].labels, thresholds=halves)
    warmth = temperature(found.logits, found.labels)
    probabilities = softmax(found.logits, warmth)
    if name.endswith("-detection"):
        on, off = detection_thresholds(probabilities[:, 1], found.labels == 1)
        return Head(
            task=name,
            output=name,
            labels=recipe.heads[name].labels,
            temperature=warmth,
            thresholds=Thresholds(on=on, off=off),
        )
    below = abstain_below(probabilities, recipe.coverage)
    return Head(task=name, output=name, labels=recipe.heads[name].labels, temperature=warmth, abstain_below=below)


def finish_run(
    recipe: Recipe,
    network: nn.Module,
    validation: Validation,
    corpora: Corpora,
    folder: Path,
    model: Path,
    parents: tuple[Parent, ...],
) -> None:
    """Write the run's sealed and pinned model file, with what it reached on the test speakers in its card."""
    found = validation.answers(network, next(network.parameters()).device)
    card = Card(
        name=recipe.name,
        version=recipe.version,
        heads=tuple(calibrated_head(recipe, name, found.get(name)) for name, head in recipe.heads.items() if head.ship),
        level_floor_db=recipe.level_floor_db,
        view=_view(recipe),
        validation_speakers_sha256=hashlib.sha256("\n".join(validation.speakers).encode()).hexdigest(),
        corpora=(*corpora.condensed.card.sources, *corpora.condensed.card.public)
        if corpora.condensed
        else tuple(corpus_use(manifest.corpus) for manifest in corpora.manifests),
        parents=parents,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    candidate = model.with_suffix(".candidate.onnx")
    export(network, candidate, card, half_weights=recipe.precision == "half-weights")
    if recipe.alarm_budget is not None:
        card = _within_budget(card, candidate, recipe.alarm_budget, corpora.root, folder / "split.json")
        seal(candidate, card)
    write_part_manifests(recipe, corpora, folder)
    metrics = tuple(_measured(recipe, candidate, corpora, folder))
    seal(candidate, msgspec.structs.replace(card, metrics=metrics))
    candidate.replace(model)
    pin(model)


def _within_budget(card: Card, candidate: Path, budget: AlarmBudget, root: Path, split: Path) -> Card:
    """Raise the threshold of the head that detects until false alarms keep the budget; never lower it."""
    on, off = budget_thresholds(load_model(candidate, pin=pin_of(candidate)), budget, root, split)
    heads = []
    for head in card.heads:
        if head.thresholds is not None and on > head.thresholds.on:
            _LOG.info(
                "threshold of %s from %.3f to %.3f, for the budget of false alarms", head.task, head.thresholds.on, on
            )
            head = msgspec.structs.replace(head, thresholds=Thresholds(on=on, off=off))
        heads.append(head)
    return msgspec.structs.replace(card, heads=tuple(heads))


def parent_of(model: Path) -> Parent:
    """Return a model file as a card names it among the parents."""
    return Parent(name=model.stem, sha256=pin_of(model))


def corpus_use(corpus: str) -> CorpusUse:
    """Return a corpus as a card names it, with its licence."""
    return CorpusUse(name=corpus, licence=corpus_info(corpus).licence)


def _view(recipe: Recipe) -> str:
    view = recipe.network.options.get("view")
    if isinstance(view, Sequence) and tuple(view) != WHOLE:
        return f"mean over {view[0]} bands x {view[1]} frames of equal areas"
    pool = recipe.network.options.get("pool")
    return f"mean of {pool[0]} bands x {pool[1]} frames" if pool and tuple(pool) != (1, 1) else "identity"


def write_part_manifests(recipe: Recipe, corpora: Corpora, folder: Path) -> None:
    """Write each part's clips of the recipe's task as CSV, so that anyone can measure the same clips."""
    for part in PARTS:
        with (folder / f"{part}.csv").open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(("path", "label", "speaker"))
            for example in corpora.bursts[part]:
                label = _told(recipe, recipe.task, example)
                if label is not None and example.weights[recipe.task]:
                    table.writerow((example.clip.path, label, example.clip.speaker_key or example.clip.recording_key))


def _told(recipe: Recipe, head: str, example: Example) -> str | None:
    """Return a clip's label for a head: where the recipe's own bounds are sure of one that, else what the task says."""
    target = example.targets[head]
    if example.weights[head] and target.max() >= _SURE:
        return recipe.heads[head].labels[int(target.argmax())]
    return map_label(head, example.clip)


def _measured(recipe: Recipe, candidate: Path, corpora: Corpora, folder: Path) -> Iterator[Metric]:
    """Measure the exported file, not the network in memory, on the test speakers; keep what it said of each clip."""
    model = load_model(candidate, pin=pin_of(candidate))
    examples = corpora.bursts["test"]
    if not examples:
        return
    named = [manifest.corpus for manifest in corpora.manifests] if corpora.condensed else recipe.bursts
    for head in model.card.heads:
        clips = (replace(example.clip, label=_told(recipe, head.task, example)) for example in examples)
        manifest = Manifest(corpus="+".join(named), clips=tuple(clips))
        data = f"{manifest.corpus}, {recipe.split.tested}"
        heard = hear(model, label_clips(model, manifest, head.task, data), root=corpora.root)
        write_answers(folder / answers_name(head.task), heard.answers)
        figures = judge_heard(model, heard)
        for name in ("uar", "auroc", "ece_debiased"):
            if (value := getattr(figures, name)) is not None:
                interval = figures.intervals.get(name)
                yield Metric(
                    task=head.task,
                    name=name,
                    value=value,
                    interval=interval,
                    data=data,
                    protocol=figures.protocol,
                )
