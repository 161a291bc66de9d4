"""A condensed set trains a recipe in place of clips, through the one loop, into a model that hears whole windows."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
import yaml

from exclaim.cli import main
from exclaim.corpora.condensed import content_hash, read_set, write_set
from exclaim.corpora.condensed_card import SetCard
from exclaim.errors import CorpusError, RecipeError
from exclaim.features import log_mel
from exclaim.learn.condensed import SetViews, set_of, set_views, windows_of, with_learnt_rate
from exclaim.learn.places import Places
from exclaim.learn.recipe import AugmentOptions, SplitOptions, load_recipe
from exclaim.learn.train import train
from exclaim.model import load_model, pin_of

PLAIN = AugmentOptions(pitch_bands=(0, 0), tilt_db=(0, 0), time_masks=0, band_masks=0)
SPLIT = SplitOptions(validation=0.25, test=0.25)
LABELS = ("negative", "positive")


@pytest.fixture
def make_set(set_card: Callable[..., SetCard]) -> Callable[..., Path]:
    """Negative items are dark above and bright below, positive ones the other way round."""

    def write(folder: Path, **fields) -> Path:
        rng = np.random.default_rng(0)
        items = rng.integers(0, 60, (12, 32, 48)).astype(np.uint8)
        items[:6, :16] += 150
        items[6:, 16:] += 150
        card = set_card(items=12, view=(32, 48), split=msgspec.to_builtins(SPLIT), **fields)
        path = folder / "tiny.safetensors"
        write_set(path, items, np.eye(2, dtype=np.float32)[[0] * 6 + [1] * 6], card)
        return path

    return write


def recipe_of(folder: Path, **changes) -> Path:
    recipe = {
        "name": "on-a-set",
        "task": "scream-type",
        "bursts": ["tiny.safetensors"],
        "heads": {"scream-type": {"labels": list(LABELS)}},
        "split": {"validation": 0.25, "test": 0.25},
        "network": {"name": "cnn6", "options": {"width": 0.125, "view": [32, 48]}},
        "augment": {"ambience": 0},
        "schedule": {"epochs": 2, "batch": 4, "passes": 3, "keep": "last"},
    }
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe | changes))
    return path


def places(data: Path, folder: Path) -> Places:
    return Places(data=data, runs=folder / "runs", cache=folder / "cache")


def test_a_model_trained_on_a_set_is_judged_on_the_sources_test_speakers(
    small_corpora: Path, tmp_path: Path, make_set: Callable[..., Path]
) -> None:
    path = make_set(tmp_path)
    run = train(recipe_of(tmp_path), places(small_corpora, tmp_path), "cpu")
    card = load_model(run.model).card
    assert card.view == "mean over 32 bands x 48 frames of equal areas"
    assert [(parent.name, parent.sha256) for parent in card.parents] == [("tiny", pin_of(path))]
    assert [use.name for use in card.corpora] == ["emogator"]
    assert {metric.data for metric in card.metrics} == {"emogator, test part of the recipe's split (seed 0)"}
    window = log_mel(np.sin(np.arange(16_000) * 0.3).astype(np.float32))[None]
    assert load_model(run.model).predict(window)["scream-type"].probabilities.sum() == pytest.approx(1)
    described = msgspec.json.decode((run.folder / "run.json").read_bytes())
    content = content_hash(read_set(path))
    assert described["condensed"] == {"name": "tiny", "sha256": pin_of(path), "content": content}
    assert described["examples"]["train"] == 12


def test_a_device_trains_from_the_set_alone(tmp_path: Path, make_set: Callable[..., Path]) -> None:
    """No corpus is there: nobody is held out, and the last epoch's weights are kept. It tells the toy labels apart."""
    empty = tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "runs/tiny").mkdir(parents=True)
    make_set(tmp_path / "runs/tiny")
    schedule = {"epochs": 4, "batch": 4, "passes": 5, "keep": "last", "learning_rate": 0.003}
    recipe = recipe_of(
        tmp_path,
        split={"validation": 0, "test": 0},
        schedule=schedule,
        network={"name": "cnn6", "options": {"width": 0.125, "view": [32, 48]}},
        coverage=1.0,
    )
    run = train(recipe, places(empty, tmp_path), "cpu")
    low, high = np.full((2, 128, 188), -0.8, np.float32)
    low[:64] += 1.2
    high[64:] += 1.2
    answers = load_model(run.model).logits(np.stack([low, high]))["scream-type"].argmax(axis=1)
    assert answers.tolist() == [0, 1]
    assert not list(empty.iterdir())


def test_a_folder_with_the_set_and_a_recipe_is_all_that_the_command_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_set: Callable[..., Path]
) -> None:
    make_set(tmp_path)
    recipe_of(tmp_path, split={"validation": 0, "test": 0}, schedule={"epochs": 1, "batch": 4, "keep": "last"})
    monkeypatch.delenv("EXCLAIM_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["train", "recipe.yaml", "--accelerator", "cpu"])
    assert not ended.value.code
    assert load_model(tmp_path / "runs/on-a-set/on-a-set.onnx").card.parents[0].name == "tiny"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"bursts": ["tiny.safetensors", "emogator"]}, "stands alone"),
        ({"heads": {"scream-type": {"labels": ["positive", "negative"]}}}, "teaches scream-type alone"),
        ({"network": {"name": "cnn6", "options": {"view": [64, 64]}}}, r"view: \[32, 48\]"),
        ({"network": {"name": "compact"}}, r"view: \[32, 48\]"),
        ({"split": {"validation": 0.25, "test": 0.25, "seed": 3}}, "splits otherwise"),
        ({"ambience": ["noise"]}, "nothing is mixed in"),
        ({"distil": {"teacher": "other.yaml"}}, "nothing is mixed in"),
    ],
)
def test_what_a_set_cannot_give_is_refused_before_work(
    changes: dict, said: str, tmp_path: Path, make_set: Callable[..., Path]
) -> None:
    make_set(tmp_path)
    with pytest.raises(RecipeError, match=said):
        train(recipe_of(tmp_path, **changes), places(tmp_path, tmp_path), "cpu")
    assert not (tmp_path / "runs").exists()


def test_a_set_that_is_not_there_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="exclaim condense"):
        set_of(load_recipe(recipe_of(tmp_path)), (tmp_path, tmp_path / "runs"))


def test_the_learnt_rate_takes_the_place_of_the_recipes(tmp_path: Path, make_set: Callable[..., Path]) -> None:
    plain = {"learning_rate_of_set": True, "optimizer": "sgd", "rate": "constant"}
    recipe = load_recipe(recipe_of(tmp_path, schedule=plain))
    found = read_set(make_set(tmp_path, learning_rate=0.0125))
    assert with_learnt_rate(recipe, found).schedule.learning_rate == 0.0125
    other = load_recipe(recipe_of(tmp_path, schedule={"learning_rate_of_set": True}))
    with pytest.raises(RecipeError, match="optimizer: sgd, rate: constant"):
        with_learnt_rate(other, found)
    with pytest.raises(RecipeError, match="learnt no learning rate"):
        with_learnt_rate(recipe, read_set(make_set(tmp_path)))


@pytest.mark.parametrize("option", [{"passes": 3}, {"learning_rate_of_set": True}, {"hard_labels_of_set": True}])
def test_what_only_a_set_has_is_refused_on_corpora(option: dict, tmp_path: Path) -> None:
    recipe = load_recipe(recipe_of(tmp_path, bursts=["crema-d-logmel"], schedule=option))
    with pytest.raises(RecipeError, match="is for condensed sets"):
        set_of(recipe, (tmp_path,))


def test_hard_labels_of_a_soft_set_are_its_items_own(tmp_path: Path, make_set: Callable[..., Path]) -> None:
    """A teacher may hear another label in an item; items come label by label, as many of each."""
    recipe = load_recipe(recipe_of(tmp_path, schedule={"hard_labels_of_set": True, "keep": "last"}))
    found = read_set(make_set(tmp_path))
    soft = found._replace(
        card=msgspec.structs.replace(found.card, soft_labels="teacher"), targets=np.full((12, 2), 0.5, np.float32)
    )
    for each in (found, soft):
        batches = list(set_views(recipe, each).batches(0, 4))
        bright = np.concatenate([batch.windows[:, 16:].mean(axis=(1, 2)) for batch in batches])
        dark = np.concatenate([batch.windows[:, :16].mean(axis=(1, 2)) for batch in batches])
        targets = np.concatenate([batch.targets["scream-type"] for batch in batches])
        np.testing.assert_array_equal(targets.argmax(axis=1), bright > dark)
        assert set(targets.ravel()) == {0, 1}
    uneven = soft._replace(card=msgspec.structs.replace(soft.card, items=11))
    with pytest.raises(CorpusError, match="not as many of each"):
        set_views(recipe, uneven)


def views(augment: AugmentOptions = PLAIN, passes: int = 1) -> SetViews:
    windows = np.arange(5, dtype=np.uint8)[:, None, None] * np.ones((1, 8, 12), np.uint8) * 50
    return SetViews("task", windows, np.eye(5, dtype=np.float32), augment, 0, passes)


def test_every_item_comes_as_often_as_there_are_passes_with_its_label() -> None:
    found = list(views(passes=3).batches(0, 4))
    assert [len(batch.windows) for batch in found] == [4, 4, 4, 3]
    labels = np.concatenate([batch.targets["task"].argmax(axis=1) for batch in found])
    assert np.bincount(labels).tolist() == [3] * 5
    seen = np.concatenate([batch.windows[:, 0, 0] for batch in found])
    np.testing.assert_allclose(seen, labels * 50 / 127.5 - 1, atol=1e-6)


def test_a_view_is_a_function_of_its_number() -> None:
    options = msgspec.structs.replace(PLAIN, tilt_db=(-6, 6), mixup=0.4)
    first, again, other = (next(views(options).batches(view, 5)) for view in (0, 0, 1))
    np.testing.assert_array_equal(first.windows, again.windows)
    assert not np.array_equal(first.windows, other.windows)
    np.testing.assert_allclose(first.targets["task"].sum(axis=1), 1, atol=1e-6)


def test_windows_of_a_set_lie_in_their_range(tmp_path: Path, make_set: Callable[..., Path]) -> None:
    windows = windows_of(read_set(make_set(tmp_path)))
    assert windows.dtype == np.float32
    assert -1 <= windows.min() < windows.max() <= 1
