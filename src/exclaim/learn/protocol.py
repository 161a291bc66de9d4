"""A recipe's split applied to its corpora, and the gate that nothing leaks through."""

from collections.abc import Mapping

from exclaim.corpora.crema_d_split import split_as_published
from exclaim.corpora.leaks import require_no_leaks
from exclaim.corpora.manifest import Manifest, merge
from exclaim.corpora.splits import (
    keep_sentences_apart,
    split_at_random,
    split_by_recording,
    split_by_speaker,
    split_for_fold,
)
from exclaim.errors import RecipeError
from exclaim.learn.recipe import SplitOptions

__all__ = ["PARTS", "parts_of", "split_corpora"]

PARTS = ("train", "validation", "test")
_CREMA_D = ("crema-d", "crema-d-logmel")  # the corpora that the published split speaks of


def split_corpora(manifests: Mapping[str, Manifest], options: SplitOptions) -> dict[str, dict[str, Manifest]]:
    """Split each corpus.

    Args:
        manifests: by the corpus's name.
        options: of the recipe.

    Returns:
        For each corpus a manifest for each part; one that nobody asked for has no clips.

    Raises:
        CorpusError: when a corpus cannot be split so, or a speaker, a recording or, where the recipe wants them apart,
            a sentence is in two parts.
        RecipeError: when the split of TensorFlow Datasets is asked for without CREMA-D.
    """
    if options.by == "tensorflow-datasets" and not set(_CREMA_D) & set(manifests):
        raise RecipeError(f"the split of TensorFlow Datasets is CREMA-D's; the recipe has {', '.join(manifests)}")
    split = {name: _split(name, manifest, options) for name, manifest in manifests.items()}
    if options.by != "random":
        require_no_leaks(parts_of(split), sentences=options.sentence_disjoint)
    return split


def parts_of(split: Mapping[str, Mapping[str, Manifest]]) -> dict[str, Manifest]:
    """Return each part of several corpora as one manifest."""
    return {part: merge([corpus[part] for corpus in split.values()]) for part in PARTS}


def _split(name: str, manifest: Manifest, options: SplitOptions) -> dict[str, Manifest]:
    split = _split_by_group(name, manifest, options)
    if options.sentence_disjoint and any(clip.sentence_key is not None for clip in manifest):
        split = keep_sentences_apart(split, options.seed)
    nobody = manifest.select(lambda clip: False)
    return {part: split.get(part, nobody) for part in PARTS}


def _split_by_group(name: str, manifest: Manifest, options: SplitOptions) -> dict[str, Manifest]:
    if options.by == "tensorflow-datasets" and name in _CREMA_D:
        return split_as_published(manifest)
    if options.by == "speaker-folds":
        return split_for_fold(manifest, options.folds, options.fold, options.validation, options.seed)
    shares = {"validation": options.validation, "test": options.test}
    parts = {"train": 1 - sum(shares.values())} | {part: share for part, share in shares.items() if share}
    if options.by == "random":
        return split_at_random(manifest, parts, options.seed)
    by = split_by_speaker if all(clip.speaker is not None for clip in manifest) else split_by_recording
    return by(manifest, parts, options.seed)
