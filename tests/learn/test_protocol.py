"""A recipe's split over its corpora, and the gate behind it."""

from pathlib import Path

import pytest

from exclaim.corpora.clip import Clip
from exclaim.corpora.leaks import find_leaks
from exclaim.corpora.manifest import Manifest
from exclaim.errors import CorpusError, RecipeError
from exclaim.learn.protocol import parts_of, split_corpora
from exclaim.learn.recipe import SplitOptions

FOLDS = [SplitOptions(by="speaker-folds", fold=fold, validation=0.1) for fold in range(1, 6)]


def corpus(name: str, speakers: int, sentences: int = 6, called: str = "") -> Manifest:
    clips = tuple(
        Clip(
            path=Path(f"/{name}/{who}-{number}.wav"),
            corpus=called or name,
            speaker=str(who),
            extra={"sentence": str(number)} if sentences > 1 else {},
        )
        for who in range(speakers)
        for number in range(sentences)
    )
    return Manifest(corpus=name, clips=clips)


def noise(recordings: int = 10) -> Manifest:
    clips = tuple(Clip(path=Path(f"/noise/{n}.wav"), corpus="noise", recording=str(n)) for n in range(recordings))
    return Manifest(corpus="noise", clips=clips)


@pytest.mark.parametrize("options", [SplitOptions(), *FOLDS], ids=lambda options: f"{options.by} {options.fold}")
def test_corpora_with_and_without_speakers_are_split_alike(options: SplitOptions) -> None:
    manifests = {"ravdess": corpus("ravdess", 20), "noise": noise(100)}
    parts = parts_of(split_corpora(manifests, options))
    assert find_leaks(parts) == ()
    assert sum(map(len, parts.values())) == 220
    assert all({clip.corpus for clip in part} == {"ravdess", "noise"} for part in parts.values())


def test_five_rounds_test_everybody_once() -> None:
    manifests = {"ravdess": corpus("ravdess", 20)}
    tested = [key for options in FOLDS for key in split_corpora(manifests, options)["ravdess"]["test"].speakers]
    assert sorted(tested) == sorted(manifests["ravdess"].speakers)


def test_a_speaker_of_two_corpora_who_would_be_trained_on_and_tested_is_refused() -> None:
    sound, pictures = corpus("crema-d", 20), corpus("crema-d-logmel", 17, called="crema-d")
    split_corpora({"crema-d": sound, "crema-d-logmel": pictures}, SplitOptions())  # a hash of the name alone decides
    with pytest.raises(CorpusError, match=r"speaker crema-d:.* is in .*what is tested must not have been trained on"):
        split_corpora({"crema-d": sound, "crema-d-logmel": pictures}, FOLDS[0])


def test_sentences_stay_apart_where_the_recipe_says_so_and_a_corpus_has_any() -> None:
    manifests = {"ravdess": corpus("ravdess", 20), "emogator": corpus("emogator", 20, sentences=1)}
    parts = parts_of(split_corpora(manifests, SplitOptions(sentence_disjoint=True)))
    assert find_leaks(parts, sentences=True) == ()
    assert sum(clip.corpus == "emogator" for part in parts.values() for clip in part) == 20
    assert 0 < sum(clip.corpus == "ravdess" for part in parts.values() for clip in part) < 120


def test_the_published_split_is_crema_ds_alone_and_only_of_the_whole() -> None:
    options = SplitOptions(by="tensorflow-datasets", validation=0.1, test=0.2)
    with pytest.raises(RecipeError, match="is CREMA-D's; the recipe has ravdess"):
        split_corpora({"ravdess": corpus("ravdess", 20)}, options)
    with pytest.raises(CorpusError, match="here are 73 actors"):
        split_corpora({"crema-d-logmel": corpus("crema-d-logmel", 73, called="crema-d")}, options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (SplitOptions(seed=3), "test part of the recipe's split (seed 3)"),
        (SplitOptions(by="random"), "random clips of the recipe's split (seed 0)"),
        (FOLDS[1], "fold 2 of 5 of the recipe's split by speaker (seed 0)"),
        (
            SplitOptions(by="tensorflow-datasets", sentence_disjoint=True),
            "test part of the split of TensorFlow Datasets, its sentences apart",
        ),
    ],
)
def test_only_the_published_split_bears_its_name(options: SplitOptions, words: str) -> None:
    assert options.tested == words
