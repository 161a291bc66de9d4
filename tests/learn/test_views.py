import multiprocessing
from pathlib import Path

import msgspec
import numpy as np
import pytest

from exclaim.learn.examples import Corpora, load_corpora
from exclaim.learn.recipe import AugmentOptions, DrawOptions, HeadOptions, NetworkOptions, Recipe, SplitOptions
from exclaim.learn.store import FeatureStore, build_store
from exclaim.learn.views import Views, plain_batches

DETECTION = Recipe(
    name="detection",
    task="scream-detection",
    bursts=("emogator", "librispeech", "esc-10"),
    ambience=("noise", "esc-10"),
    heads={"scream-detection": HeadOptions(labels=("other", "scream"))},
    split=SplitOptions(validation=0.2, test=0.2),
    network=NetworkOptions(name="compact"),
    draw=DrawOptions(windows=60, positive=0.4, ambience_alone=0.5),
    augment=AugmentOptions(partial=True),
)
TYPE = msgspec.structs.replace(
    DETECTION,
    name="type",
    task="scream-type",
    bursts=("emogator",),
    heads={"scream-type": HeadOptions(labels=("negative", "positive"))},
    draw=None,
    augment=AugmentOptions(),
)


@pytest.fixture(scope="module")
def material(small_corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Corpora, FeatureStore]]:
    cache = tmp_path_factory.mktemp("cache")
    loaded = {recipe.name: load_corpora(recipe, small_corpora) for recipe in (DETECTION, TYPE)}
    return {name: (corpora, build_store(corpora.clips, cache)) for name, corpora in loaded.items()}


def views(recipe: Recipe, material: dict[str, tuple[Corpora, FeatureStore]], seed: int = 1) -> Views:
    corpora, store = material[recipe.name]
    return Views(recipe, store, corpora.bursts["train"], corpora.ambience["train"], seed)


def test_a_view_is_a_function_of_its_number_and_the_seed(material) -> None:
    one, same = (list(views(DETECTION, material).batches(3, 16)) for _ in range(2))
    for first, second in zip(one, same, strict=True):
        np.testing.assert_array_equal(first.windows, second.windows)
        np.testing.assert_array_equal(first.targets["scream-detection"], second.targets["scream-detection"])
    other_view = next(views(DETECTION, material).batches(4, 16))
    other_seed = next(views(DETECTION, material, seed=2).batches(3, 16))
    assert (one[0].windows != other_view.windows).any()
    assert (one[0].windows != other_seed.windows).any()


def test_windows_are_drawn_in_the_shares_asked_for(material) -> None:
    batches = list(views(DETECTION, material).batches(0, 16))
    assert [len(batch.windows) for batch in batches] == [16, 16, 16, 12]
    targets = np.concatenate([batch.targets["scream-detection"] for batch in batches])
    assert (targets[:, 1] == 1).sum() == 24  # 0.4 of 60, whether enough of the burst is heard or not
    weights = np.concatenate([batch.weights["scream-detection"] for batch in batches])
    assert (weights[targets[:, 0] == 1] == 1).sum() >= 18, "ambience alone always counts"


def test_without_a_draw_every_clip_comes_once(material) -> None:
    corpora, store = material["type"]
    seen = sum(len(batch.windows) for batch in views(TYPE, material).batches(0, 7))
    assert seen == len(corpora.bursts["train"]) > 0
    plain = list(plain_batches(TYPE, store, corpora.bursts["test"], 8))
    assert sum(len(batch.windows) for batch in plain) == len(corpora.bursts["test"])


def test_mixup_mixes_windows_and_targets_by_the_same_weights(material) -> None:
    mixed_recipe = msgspec.structs.replace(TYPE, augment=AugmentOptions(mixup=0.5))
    plain = next(views(TYPE, material).batches(0, 32))
    mixed = next(views(mixed_recipe, material).batches(0, 32))
    assert (plain.windows != mixed.windows).any()
    np.testing.assert_allclose(mixed.targets["scream-type"].sum(axis=1), 1, atol=1e-5)
    assert (mixed.targets["scream-type"].max(axis=1) >= 0.5 - 1e-6).all()
    assert ((mixed.targets["scream-type"] > 0.01) & (mixed.targets["scream-type"] < 0.99)).any()


def test_no_speaker_and_no_recording_is_in_two_parts(material) -> None:
    corpora, _ = material["detection"]
    for kinds in (
        {part: {e.clip.speaker_key or e.clip.recording_key for e in corpora.bursts[part]} for part in corpora.bursts},
        {part: {clip.recording_key for clip in corpora.ambience[part]} for part in corpora.ambience},
    ):
        assert all(kinds.values())
        assert not kinds["train"] & kinds["validation"]
        assert not kinds["train"] & kinds["test"]
        assert not kinds["validation"] & kinds["test"]


def test_the_store_is_computed_once_and_leaves_out_what_cannot_be_read(small_corpora: Path, tmp_path: Path) -> None:
    clips = load_corpora(TYPE, small_corpora).clips
    told: list[int] = []
    first = build_store(clips, tmp_path, lambda done, whole: told.append(done))
    assert told[-1] == len(clips)
    second = build_store(clips, tmp_path, lambda done, whole: pytest.fail("computed again"))
    assert first.data_hash(clips) == second.data_hash(clips)
    assert first.codes(clips[0]).dtype == np.uint8
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF nothing")
    more = [*clips, msgspec.structs.replace(clips[0], path=broken)]
    assert more[-1] not in build_store(more, tmp_path)


def test_of_two_who_compute_a_store_at_once_both_have_it(small_corpora: Path, tmp_path: Path) -> None:
    clips = load_corpora(TYPE, small_corpora).clips

    def another_is_first(done: int, whole: int) -> None:
        if done == whole:
            other = multiprocessing.get_context("spawn").Process(target=build_store, args=(clips, tmp_path))
            other.start()
            other.join()
            assert other.exitcode == 0

    mine = build_store(clips, tmp_path, another_is_first)
    assert clips[0] in mine
    assert not list(tmp_path.glob("*partial*"))
