"""From corpora and a recipe to examples with targets, split so that no speaker and no recording is in two parts."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exclaim.corpora.clip import Clip
from exclaim.corpora.labels import map_label
from exclaim.corpora.manifest import Manifest
from exclaim.corpora.registry import load_corpus
from exclaim.corpora.splits import split_by_recording, split_by_speaker
from exclaim.errors import RecipeError
from exclaim.learn.recipe import Recipe, SplitOptions

__all__ = ["PARTS", "Corpora", "Example", "load_corpora", "target"]

PARTS = ("train", "validation", "test")


class Example(NamedTuple):
    """A clip and what each head should answer."""

    clip: Clip
    targets: dict[str, np.ndarray]  # head -> (labels,) float32, a distribution
    weights: dict[str, float]  # head -> 1, or 0 where the answer is not known
    positive: bool  # whether the recipe's own task rather says its last label


class Corpora(NamedTuple):
    """All that a recipe reads, by part."""

    bursts: dict[str, list[Example]]
    ambience: dict[str, list[Clip]]
    manifests: tuple[Manifest, ...]

    @property
    def clips(self) -> list[Clip]:
        """Every clip once, in a fixed order."""
        every = [clip for part in PARTS for clip in (*(e.clip for e in self.bursts[part]), *self.ambience[part])]
        return list({str(clip.path): clip for clip in every}.values())


def load_corpora(recipe: Recipe, root: Path) -> Corpora:
    """Read and split the corpora of a recipe.

    Raises:
        CorpusError: when one is not there, or a part of the split stays empty.
        RecipeError: when no clip has a label for the recipe's task.
    """
    bursts: dict[str, list[Example]] = {part: [] for part in PARTS}
    ambience: dict[str, list[Clip]] = {part: [] for part in PARTS}
    manifests = {name: load_corpus(name, root) for name in dict.fromkeys((*recipe.bursts, *recipe.ambience))}
    for name, manifest in manifests.items():
        for part, clips in _split(manifest, recipe.split).items():
            if name in recipe.bursts:
                bursts[part] += [example for clip in clips if (example := _example(recipe, clip))]
            if name in recipe.ambience:
                ambience[part] += clips
    for part in PARTS[: 3 if recipe.split.test else 2]:
        if not any(example.weights[recipe.task] for example in bursts[part]):
            raise RecipeError(
                f"recipe {recipe.name}: no {part} clip of {', '.join(recipe.bursts)} has a label for {recipe.task}"
            )
    return Corpora(bursts, ambience, tuple(manifests.values()))


def _split(manifest: Manifest, options: SplitOptions) -> dict[str, Sequence[Clip]]:
    shares = {"validation": options.validation, "test": options.test}
    parts = {"train": 1 - sum(shares.values())} | {part: share for part, share in shares.items() if share}
    speakers = all(clip.speaker is not None for clip in manifest)
    split = (split_by_speaker if speakers else split_by_recording)(manifest, parts, options.seed)
    return {part: split[part].clips if part in split else () for part in PARTS}


def _example(recipe: Recipe, clip: Clip) -> Example | None:
    found = {name: target(recipe, name, clip) for name in recipe.heads}
    if all(distribution is None for distribution in found.values()):
        return None
    nothing = {name: np.full(len(head.labels), 1 / len(head.labels), np.float32) for name, head in recipe.heads.items()}
    own = found[recipe.task]
    return Example(
        clip,
        {name: nothing[name] if distribution is None else distribution for name, distribution in found.items()},
        {name: 0.0 if distribution is None else 1.0 for name, distribution in found.items()},
        own is not None and bool(own[-1] >= 0.5),
    )


def target(recipe: Recipe, head: str, clip: Clip) -> np.ndarray | None:
    """Return what a head should answer for a clip as a distribution over its labels, or None where nobody knows."""
    labels = recipe.heads[head].labels
    score = clip.extra.get("tagger_screaming")
    if head == "scream-detection" and isinstance(score, int | float):
        return _from_score(recipe, float(score))
    label = map_label(head, clip)
    if label is None:
        return None
    if label not in labels:
        raise RecipeError(
            f"recipe {recipe.name}: {clip.path} is {label!r} for {head}; the head knows {', '.join(labels)}"
        )
    return np.eye(len(labels), dtype=np.float32)[labels.index(label)]


def _from_score(recipe: Recipe, score: float) -> np.ndarray | None:
    bounds = recipe.scores
    if score < bounds.other:
        return np.array([1, 0], np.float32)
    if score < bounds.plausible:
        return None
    scream = 1.0 if score >= bounds.sure else bounds.soft_label
    return np.array([1 - scream, scream], np.float32)
