"""From corpora and a recipe to examples with targets, split so that no speaker and no recording is in two parts."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exclaim.corpora.clip import Clip
from exclaim.corpora.condensed import CondensedSet
from exclaim.corpora.labels import map_label
from exclaim.corpora.manifest import Manifest
from exclaim.corpora.pointers import require_no_pointers
from exclaim.corpora.registry import load_corpus
from exclaim.corpora.votes import vote_shares
from exclaim.errors import RecipeError
from exclaim.learn.protocol import PARTS, split_corpora
from exclaim.learn.recipe import Recipe

__all__ = ["PARTS", "Corpora", "Example", "load_corpora", "target"]


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
    root: Path  # the folder that holds them
    condensed: CondensedSet | None = None  # what is trained on in place of clips

    @property
    def clips(self) -> list[Clip]:
        """Every clip once, in a fixed order."""
        every = [clip for part in PARTS for clip in (*(e.clip for e in self.bursts[part]), *self.ambience[part])]
        return list({str(clip.path): clip for clip in every}.values())


def load_corpora(recipe: Recipe, root: Path, condensed: CondensedSet | None = None) -> Corpora:
    """Read and split the corpora of a recipe.

    Args:
        recipe: says which and how.
        root: the folder that holds them.
        condensed: what the recipe trains on in place of clips; then the corpora that it was made from validate and
            test, and where nobody is held out none is read.

    Raises:
        CorpusError: when one is not there, or a part of the split stays empty.
        RecipeError: when no clip has a label for the recipe's task.
    """
    bursts: dict[str, list[Example]] = {part: [] for part in PARTS}
    ambience: dict[str, list[Clip]] = {part: [] for part in PARTS}
    named = recipe.bursts
    if condensed is not None:
        named = tuple(use.name for use in condensed.card.sources) if recipe.split.held_out else ()
    manifests = {name: load_corpus(name, root) for name in dict.fromkeys((*named, *recipe.ambience))}
    for manifest in manifests.values():
        require_no_pointers(manifest)
    for name, split in split_corpora(manifests, recipe.split).items():
        for part, clips in split.items():
            if name in named:
                asked = part == "train" and bool(recipe.soft_labels)  # clips without labels may get soft ones
                bursts[part] += [example for clip in clips if (example := _example(recipe, clip, asked))]
            if name in recipe.ambience:
                ambience[part] += clips
    if recipe.balanced:
        bursts = {part: _equally_many(recipe.task, examples) for part, examples in bursts.items()}
    if condensed is not None:
        return Corpora(bursts | {"train": []}, ambience, tuple(manifests.values()), root, condensed)
    weighty = [name for name, head in recipe.heads.items() if head.balanced]
    bursts["train"] = _weighed(bursts["train"], weighty)
    for part in ("train", *(part for part in PARTS[1:] if getattr(recipe.split, part))):
        if not any(example.weights[recipe.task] for example in bursts[part]):
            raise RecipeError(
                f"recipe {recipe.name}: no {part} clip of {', '.join(recipe.bursts)} has a label for {recipe.task}"
            )
    return Corpora(bursts, ambience, tuple(manifests.values()), root)


def _equally_many(task: str, examples: list[Example]) -> list[Example]:
    """Keep as many examples of every label of the task as the rarest has, drawn by a hash of their files' names."""
    ranked = sorted(examples, key=lambda example: hashlib.sha256(example.clip.path.name.encode()).digest())
    groups: dict[int, list[Example]] = {}
    for example in ranked:
        if example.weights[task]:
            groups.setdefault(int(example.targets[task].argmax()), []).append(example)
    fewest = min(map(len, groups.values()), default=0)
    kept = {str(example.clip.path) for group in groups.values() for example in group[:fewest]}
    return [example for example in examples if str(example.clip.path) in kept]


def _weighed(examples: list[Example], heads: Sequence[str]) -> list[Example]:
    """Let every label of these heads count as much as the others, the mean weight staying 1."""
    for name in heads:
        known = [example.targets[name] for example in examples if example.weights[name]]
        share = np.sum(known, axis=0) / max(1, len(known))
        worth = 1 / np.maximum(share * np.count_nonzero(share), 1e-9)
        examples = [
            example._replace(
                weights=example.weights | {name: example.weights[name] * float(example.targets[name] @ worth)}
            )
            for example in examples
        ]
    return examples


def _example(recipe: Recipe, clip: Clip, unlabelled: bool = False) -> Example | None:
    found = {name: target(recipe, name, clip) for name in recipe.heads}
    if not unlabelled and all(distribution is None for distribution in found.values()):
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
    own = np.eye(len(labels), dtype=np.float32)[labels.index(label)]
    share = recipe.heads[head].votes
    heard = vote_shares(clip, labels) if share else None
    return own if heard is None else (1 - share) * own + share * np.array(heard, np.float32)


def _from_score(recipe: Recipe, score: float) -> np.ndarray | None:
    bounds = recipe.scores
    if score < bounds.other:
        return np.array([1, 0], np.float32)
    if score < bounds.plausible:
        return None
    scream = 1.0 if score >= bounds.sure else bounds.soft_label
    return np.array([1 - scream, scream], np.float32)
