"""Teachers are asked once about each view, and what they said is read again only for the same view."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from exclaim.learn.examples import load_corpora
from exclaim.learn.recipe import load_recipe
from exclaim.learn.store import build_store
from exclaim.learn.teacher import Teacher, Teachers, answers_key
from exclaim.learn.view_cache import CachedViews
from exclaim.learn.views import Views

RECIPE = Path(__file__).parents[2] / "recipes/scream-type.yaml"


@pytest.fixture(scope="module")
def views(small_corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> CachedViews:
    recipe = load_recipe(RECIPE, {"split": {"validation": 0.25, "test": 0.25}})
    corpora = load_corpora(recipe, small_corpora)
    store = build_store(corpora.clips, tmp_path_factory.mktemp("cache"))
    return CachedViews(recipe, store, corpora.bursts["train"], corpora.ambience["train"], None)


class Listener:
    """Answers with the mean and the maximum of each window, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, windows: np.ndarray) -> dict[str, np.ndarray]:
        self.asked += 1
        numbers = np.stack([windows.mean(axis=(1, 2)), windows.max(axis=(1, 2))], axis=1)
        return {"scream-type": numbers, "embedding": numbers}


def test_the_second_time_the_answers_are_read(views: CachedViews, tmp_path: Path) -> None:
    listener = Listener()
    teachers = Teachers([Teacher(listener, ["scream-type"], tmp_path)])
    first = list(teachers.batches(views, 0, 16))
    asked = listener.asked
    second = list(teachers.batches(views, 0, 16))
    assert listener.asked == asked == len(first)
    for (batch, said), (again, read) in zip(first, second, strict=True):
        np.testing.assert_array_equal(batch.windows, again.windows)
        np.testing.assert_array_equal(said["scream-type"], read["scream-type"])
        np.testing.assert_array_equal(read["scream-type"][:, 1], again.windows.max(axis=(1, 2)))
        assert set(read) == {"scream-type"}
    list(teachers.batches(views, 1, 16))
    assert listener.asked == 2 * asked, "another view is asked about anew"


def test_answers_that_were_cut_are_asked_for_anew(views: CachedViews, tmp_path: Path) -> None:
    listener = Listener()
    teachers = Teachers([Teacher(listener, ["scream-type"], tmp_path)])
    first = [logits for _, logits in teachers.batches(views, 0, 16)]
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-100])
    asked = listener.asked
    again = [logits for _, logits in teachers.batches(views, 0, 16)]
    assert listener.asked == 2 * asked
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one["scream-type"], other["scream-type"])


def test_an_epoch_that_was_left_halfway_keeps_no_answers(views: CachedViews, tmp_path: Path) -> None:
    batches = Teachers([Teacher(Listener(), ["scream-type"], tmp_path)]).batches(views, 0, 16)
    next(batches)
    batches.close()
    assert list(tmp_path.iterdir()) == []


def test_two_teachers_answer_together_and_each_keeps_its_own(views: CachedViews, tmp_path: Path) -> None:
    one, other = Listener(), Listener()
    folders = (tmp_path / "one", tmp_path / "other")
    teachers = Teachers(
        [Teacher(one, ["scream-type"], folders[0]), Teacher(other, ["scream-type"], folders[1])], "log-probabilities"
    )
    alone = Teachers([Teacher(Listener(), ["scream-type"], None)])
    for (_, both), (_, single) in zip(teachers.batches(views, 0, 16), alone.batches(views, 0, 16), strict=True):
        margins = [np.diff(said["scream-type"], axis=1) for said in (both, single)]
        np.testing.assert_allclose(margins[0], margins[1], atol=1e-5)
    assert all((folder / "view-0000.npz").is_file() for folder in folders)


def test_whatever_an_answer_depends_on_names_its_folder() -> None:
    recipe = load_recipe(RECIPE)
    change = msgspec.structs.replace
    key = answers_key(recipe, "teacher", ["scream-type"], "data")
    assert key == answers_key(change(recipe, seed=recipe.seed + 1), "teacher", ["scream-type"], "data")
    others = [
        answers_key(recipe, "another teacher", ["scream-type"], "data"),
        answers_key(recipe, "teacher", ["scream-type", "embedding"], "data"),
        answers_key(recipe, "teacher", ["scream-type"], "other data"),
        answers_key(change(recipe, schedule=change(recipe.schedule, views_seed=1)), "teacher", ["scream-type"], "data"),
        answers_key(change(recipe, schedule=change(recipe.schedule, batch=7)), "teacher", ["scream-type"], "data"),
        answers_key(change(recipe, augment=change(recipe.augment, mixup=0.1)), "teacher", ["scream-type"], "data"),
        answers_key(change(recipe, augment=change(recipe.augment, room=0.9)), "teacher", ["scream-type"], "data"),
    ]
    assert len({key, *others}) == 8


def test_a_teacher_may_hear_the_view_before_its_noise(small_corpora: Path, tmp_path: Path) -> None:
    noisy = {"ambience": 1.0, "snr_db": [-5, -5], "mixup": 0.3}
    recipe = load_recipe(RECIPE, {"split": {"validation": 0.25, "test": 0.25}, "augment": noisy})
    corpora = load_corpora(recipe, small_corpora)
    parts = corpora.bursts["train"], corpora.ambience["train"]
    store = build_store(corpora.clips, tmp_path / "cache")
    views, quiet = Views(recipe, store, *parts, seed=7), Views(recipe, store, *parts, seed=7, quiet=True)
    listener = Listener()
    teachers = Teachers([Teacher(listener, ["scream-type"], tmp_path / "answers")], heard=quiet)
    said = list(teachers.batches(views, 0, 16))
    for (batch, answer), heard in zip(said, quiet.batches(0, 16), strict=True):
        np.testing.assert_array_equal(answer["scream-type"][:, 0], heard.windows.mean(axis=(1, 2)))
        for name in recipe.heads:
            np.testing.assert_array_equal(batch.targets[name], heard.targets[name])
        assert (batch.windows.mean(axis=(1, 2)) > heard.windows.mean(axis=(1, 2))).mean() > 0.9, "noise fills gaps"
    asked = listener.asked
    again = [answer["scream-type"] for _, answer in teachers.batches(views, 0, 16)]
    assert listener.asked == asked, "the answers were kept"
    np.testing.assert_array_equal(np.concatenate(again), np.concatenate([a["scream-type"] for _, a in said]))


def test_answers_to_quiet_views_have_a_folder_of_their_own() -> None:
    recipe = load_recipe(RECIPE)
    quiet = load_recipe(RECIPE, {"distil": {"hears": "quiet"}})
    assert answers_key(recipe, "t", ["scream-type"], "d") != answers_key(quiet, "t", ["scream-type"], "d")
