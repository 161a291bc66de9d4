"""Views kept on disk are the views that were composed."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from exclaim.learn.examples import load_corpora
from exclaim.learn.recipe import AugmentOptions, DrawOptions, load_recipe
from exclaim.learn.store import build_store
from exclaim.learn.view_cache import CachedViews, views_key
from exclaim.learn.views import dequantise, quantise

RECIPE = Path(__file__).parents[2] / "recipes/scream-type.yaml"


@pytest.fixture(scope="module")
def parts(small_corpora: Path, tmp_path_factory: pytest.TempPathFactory):
    recipe = load_recipe(RECIPE, {"split": {"validation": 0.25, "test": 0.25}, "schedule": {"batch": 8}})
    corpora = load_corpora(recipe, small_corpora)
    return recipe, build_store(corpora.clips, tmp_path_factory.mktemp("cache")), corpora


def test_a_view_is_read_as_it_was_composed(parts, tmp_path: Path) -> None:
    recipe, store, corpora = parts
    bursts, ambience = corpora.bursts["train"], corpora.ambience["train"]
    composed = list(CachedViews(recipe, store, bursts, ambience, None).batches(1, 8))
    kept = CachedViews(recipe, store, bursts, ambience, tmp_path)
    first, second = list(kept.batches(1, 8)), list(kept.batches(1, 8))
    assert [path.name for path in tmp_path.iterdir()] == ["view-0001.u8"]
    for one, other, again in zip(composed, first, second, strict=True):
        for name in recipe.heads:
            np.testing.assert_array_equal(one.targets[name], again.targets[name])
            np.testing.assert_array_equal(one.weights[name], again.weights[name])
        np.testing.assert_array_equal(one.windows, other.windows)
        np.testing.assert_array_equal(one.windows, again.windows)


def test_a_view_that_was_left_halfway_leaves_no_file(parts, tmp_path: Path) -> None:
    recipe, store, corpora = parts
    views = CachedViews(recipe, store, corpora.bursts["train"], corpora.ambience["train"], tmp_path)
    batches = views.batches(0, 8)
    next(batches)
    batches.close()
    assert list(tmp_path.iterdir()) == []


def test_a_view_that_was_cut_is_composed_anew(parts, tmp_path: Path) -> None:
    recipe, store, corpora = parts
    views = CachedViews(recipe, store, corpora.bursts["train"], corpora.ambience["train"], tmp_path)
    whole = [batch.windows for batch in views.batches(0, 8)]
    path = tmp_path / "view-0000.u8"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    for one, again in zip(whole, views.batches(0, 8), strict=True):
        np.testing.assert_array_equal(one, again.windows)
    assert path.read_bytes() == content


def test_a_window_is_kept_to_a_sixth_of_a_decibel() -> None:
    window = np.linspace(-1, 1, 128 * 188, dtype=np.float32).reshape(128, 188)
    assert np.abs(dequantise(quantise(window)) - window).max() * 40 <= 0.16


def test_what_shapes_a_window_names_the_folder_and_what_does_not_does_not(parts) -> None:
    recipe = parts[0]
    change = msgspec.structs.replace
    key = views_key(recipe, "data")
    assert key == views_key(change(recipe, name="other", seed=99, task="vocal-burst"), "data")
    assert key == views_key(change(recipe, augment=change(recipe.augment, mixup=0.0)), "data")
    others = [
        views_key(recipe, "other data"),
        views_key(change(recipe, schedule=change(recipe.schedule, views_seed=101)), "data"),
        views_key(change(recipe, schedule=change(recipe.schedule, views_seed=None)), "data"),
        views_key(change(recipe, schedule=change(recipe.schedule, balanced=True)), "data"),
        views_key(change(recipe, augment=AugmentOptions()), "data"),
        views_key(change(recipe, draw=DrawOptions()), "data"),
    ]
    assert len({key, *others}) == 7
