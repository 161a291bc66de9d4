"""From a recipe to a sealed set, by every method; a run that was stopped ends as one that was not."""

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile
import yaml

from exclaim.condense import loop
from exclaim.condense.condense import REAL_CLIPS, REAL_START, condense
from exclaim.condense.public import load_public
from exclaim.condense.recipe import condense_hash, load_condense_recipe
from exclaim.corpora.condensed import read_set, write_set
from exclaim.corpora.leaks import find_leaks
from exclaim.errors import CorpusError, RecipeError
from exclaim.learn.places import Places
from exclaim.learn.train import train
from exclaim.model import load_model, pin_of
from exclaim.pins import pin, read_pins

METHODS = {
    "random": {"name": "random"},
    "herding": {"name": "herding"},
    "k-means": {"name": "k-means"},
    "distribution-matching": {"name": "distribution-matching", "iterations": 3, "batch": 8},
    "gradient-matching": {"name": "gradient-matching", "iterations": 3, "batch": 8, "matches": 2, "steps": 2},
    "trajectory-matching": {"name": "trajectory-matching", "iterations": 3, "batch": 4, "steps": 3, "epochs": 1},
}


@pytest.mark.parametrize("name", METHODS)
def test_every_method_gives_a_set_with_a_card(
    name: str, make_recipe: Callable[..., Path], teacher: str, places: Places
) -> None:
    recipe = make_recipe(METHODS[name], teacher=teacher, soft_labels="teacher", temperature=2.0)
    run = condense(recipe, places, "cpu")
    found = read_set(run.set)
    card = found.card
    assert (card.method, card.items, card.view, card.soft_labels) == (name, 6, (16, 24), "teacher")
    assert [(use.name, use.licence) for use in card.sources] == [("crema-d-logmel", "ODbL-1.0")]
    assert card.licence == "ODbL-1.0"
    assert card.teacher is not None
    assert card.teacher.sha256 == pin_of(places.runs / "teacher/teacher.onnx")
    subset = name in ("random", "herding", "k-means")
    assert card.start == ("real" if subset else "noise")
    assert card.warnings == ((REAL_CLIPS,) if subset else ())
    assert card.privacy == {}, "nobody has attacked it yet"
    assert (card.learning_rate is not None) == (name == "trajectory-matching")
    assert card.source_bytes == card.source_items * 188 * 128
    assert run.set.stat().st_size < 0.2 * card.source_bytes
    np.testing.assert_allclose(found.targets.sum(axis=1), 1, atol=1e-5)
    assert condense(recipe, places, "cpu").done_before


def test_only_training_speakers_are_condensed(make_recipe: Callable[..., Path], places: Places) -> None:
    """The set's items of a subset are clips of the split's training part, bit by bit."""
    from exclaim.condense.real import load_real
    from exclaim.condense.recipe import learner, load_condense_recipe
    from exclaim.learn.examples import load_corpora
    from exclaim.learn.protocol import PARTS

    path = make_recipe(METHODS["random"])
    recipe = load_condense_recipe(path)
    real = load_real(recipe, places.data, places.cache)
    corpora = load_corpora(learner(recipe), places.data)
    assert len(real.labels) == len(corpora.bursts["train"]) < 144
    assert not find_leaks({part: [e.clip for e in corpora.bursts[part]] for part in PARTS})
    found = read_set(condense(path, places, "cpu").set)
    assert {item.tobytes() for item in found.items} <= {window.tobytes() for window in real.windows}
    own = {window.tobytes(): label for window, label in zip(real.windows, real.labels, strict=True)}
    assert [own[item.tobytes()] for item in found.items] == found.targets.argmax(axis=1).tolist()


@pytest.mark.parametrize("labels", [{}, {"soft_labels": "teacher"}])
@pytest.mark.parametrize("stored", ["uint8", "float16"])
def test_a_share_of_the_bytes_says_how_many_items(
    stored: str, labels: dict, make_recipe: Callable[..., Path], teacher: str, places: Places
) -> None:
    """The file is within its share; an item of every label more would not be."""
    path = make_recipe(METHODS["random"], share=0.008, stored=stored, teacher=teacher, **labels)
    file = condense(path, places, "cpu").set
    card, size = read_set(file).card, file.stat().st_size
    item = 16 * 24 * (1 if stored == "uint8" else 2) + (6 if labels else 1)
    assert card.items % 3 == 0
    assert card.items > 6, "not the recipe's two of every label"
    assert size <= 0.008 * card.source_bytes < card.items * item + 3 * item + 8192
    assert card.recipe == condense_hash(load_condense_recipe(path))


def test_too_small_a_share_is_refused(make_recipe: Callable[..., Path], places: Places) -> None:
    with pytest.raises(RecipeError, match="holds no item of every label"):
        condense(make_recipe(METHODS["random"], share=0.0001), places, "cpu")


class _Stopped(Exception):
    pass


@pytest.mark.parametrize("name", ["distribution-matching", "gradient-matching", "trajectory-matching"])
def test_a_run_that_was_stopped_ends_as_one_that_was_not(
    name: str, make_recipe: Callable[..., Path], places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = METHODS[name] | {"iterations": 5}
    changes = {"soft_labels": "learned"} if name == "trajectory-matching" else {}
    whole = condense(make_recipe(method, **changes), places, "cpu", changes={"name": "whole"})
    report = Stopping(3)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "_KEEP_EVERY", -1.0)
        with pytest.raises(_Stopped):
            condense(make_recipe(method, **changes), places, "cpu", report)
    assert not list((places.runs / "tiny").glob("tiny.safetensors")), "a stopped run leaves no set"
    again = condense(make_recipe(method, **changes), places, "cpu")
    one, other = read_set(whole.set), read_set(again.set)
    np.testing.assert_array_equal(one.items, other.items)
    np.testing.assert_array_equal(one.targets, other.targets)
    assert one.card.learning_rate == other.card.learning_rate


class Stopping:
    """Stops when the set's own stage reports an iteration; it is kept before the next one is told."""

    def __init__(self, at: int) -> None:
        self.at = at

    def __call__(self, name: str) -> Callable[..., None]:
        def report(epoch: int, epochs: int, step: int, steps: int, numbers: dict) -> None:
            if name == "tiny" and step == self.at + 1:
                raise _Stopped

        return report


def test_items_begin_with_real_clips_only_when_asked_and_the_card_says_so(
    make_recipe: Callable[..., Path], places: Places, caplog: pytest.LogCaptureFixture
) -> None:
    method = METHODS["distribution-matching"] | {"iterations": 1, "rate": 1e-6}
    found = read_set(condense(make_recipe(method, start="real"), places, "cpu").set)
    assert found.card.warnings == (REAL_START,)
    assert "traces" in caplog.text
    from exclaim.condense.real import load_real
    from exclaim.condense.recipe import load_condense_recipe

    real = load_real(load_condense_recipe(make_recipe(method)), places.data, places.cache)
    nearest = [np.abs(real.windows.astype(int) - item).max(axis=(1, 2)).min() for item in found.items.astype(int)]
    assert max(nearest) <= 1, "after next to no learning they still are the clips"


def test_training_on_a_set_ends_in_a_model(make_recipe: Callable[..., Path], places: Places, tmp_path: Path) -> None:
    condense(make_recipe(METHODS["random"], stored="float16"), places, "cpu")
    recipe = {
        "name": "on-tiny",
        "task": "speech-emotion",
        "bursts": ["tiny.safetensors"],
        "heads": {"speech-emotion": {"labels": ["ANG", "HAP", "SAD"]}},
        "split": {"validation": 0.2, "test": 0.3, "seed": 6},
        "network": {"name": "resnet9", "options": {"width": 0.125, "view": [16, 24]}},
        "augment": {"ambience": 0, "time_masks": 0, "band_masks": 0},
        "schedule": {"epochs": 2, "batch": 6, "passes": 20, "learning_rate": 0.003, "keep": "last"},
    }
    (tmp_path / "on-tiny.yaml").write_text(yaml.safe_dump(recipe))
    card = load_model(train(tmp_path / "on-tiny.yaml", places, "cpu").model).card
    (uar,) = (metric.value for metric in card.metrics if metric.name == "uar")
    assert uar > 0.8, "the stripes are easy to tell"
    assert [use.licence for use in card.corpora] == ["ODbL-1.0"]


def test_a_training_does_not_go_on_with_another_set(
    make_recipe: Callable[..., Path], places: Places, tmp_path: Path
) -> None:
    """The card would name the second set alone, and whoever looks for the models of the first would not find this."""
    made = condense(make_recipe(METHODS["random"]), places, "cpu")
    training = {
        "name": "on-tiny",
        "task": "speech-emotion",
        "bursts": ["tiny.safetensors"],
        "heads": {"speech-emotion": {"labels": ["ANG", "HAP", "SAD"]}},
        "split": {"validation": 0, "test": 0},
        "network": {"name": "cnn6", "options": {"width": 0.125, "view": [16, 24]}},
        "schedule": {"epochs": 1, "batch": 8, "keep": "last"},
        "augment": {"ambience": 0},
    }
    path = tmp_path / "on-tiny.yaml"
    path.write_text(yaml.safe_dump(training))
    assert not train(path, places, "cpu").done_before
    assert train(path, places, "cpu").done_before
    found = read_set(made.set)
    write_set(made.set, found.items, found.targets, msgspec.structs.replace(found.card, privacy={"passes": False}))
    pin(made.set)
    assert train(path, places, "cpu").done_before, "a card that says more is the same set"
    shutil.rmtree(made.folder)
    condense(make_recipe(METHODS["random"], seed=2), places, "cpu")
    with pytest.raises(RecipeError, match="was trained on another set named tiny"):
        train(path, places, "cpu")


def test_a_folder_that_a_refused_recipe_took_is_free(make_recipe: Callable[..., Path], places: Places) -> None:
    with pytest.raises(CorpusError, match="ask for fewer items"):
        condense(make_recipe(METHODS["random"], items=1000), places, "cpu")
    assert condense(make_recipe(METHODS["random"]), places, "cpu").set.is_file()


def test_a_run_folder_that_cannot_be_made_is_named(
    make_recipe: Callable[..., Path], places: Places, tmp_path: Path
) -> None:
    (tmp_path / "afile").touch()
    elsewhere = Places(data=places.data, runs=tmp_path / "afile", cache=places.cache)
    with pytest.raises(RecipeError, match="choose another --runs"):
        condense(make_recipe(METHODS["random"]), elsewhere, "cpu")


def test_a_folder_of_another_recipe_is_not_overwritten(make_recipe: Callable[..., Path], places: Places) -> None:
    condense(make_recipe(METHODS["random"]), places, "cpu")
    with pytest.raises(RecipeError, match="another recipe"):
        condense(make_recipe(METHODS["random"], items=3), places, "cpu")
    with pytest.raises(RecipeError, match="another recipe"):
        condense(make_recipe(METHODS["distribution-matching"]), places, "cpu")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"split": {"validation": 0.2, "test": 0.3, "seed": 4}}, "heard its test speakers"),
        ({"view": [16, 16]}, "sees"),
        ({"labels": ["SAD", "HAP", "ANG"]}, "has no head"),
    ],
)
def test_a_teacher_that_does_not_fit_is_refused_before_work(
    change: dict, said: str, make_recipe: Callable[..., Path], teacher: str, places: Places
) -> None:
    with pytest.raises(RecipeError, match=said):
        condense(make_recipe(METHODS["herding"], teacher=teacher, **change), places, "cpu")
    assert not places.runs.exists()


@pytest.mark.parametrize(
    ("method", "change", "said"),
    [
        ("random", {"items": 1000}, "label ANG has [0-9]+ training clips, 1000 are needed; ask for fewer items"),
        ("distribution-matching", {"items": 1000, "start": "real"}, "1000 are needed; ask for fewer items"),
        ("gradient-matching", {"labels": ["ANG", "FEA", "HAP", "SAD"]}, "label FEA has 0 training clips, 1 are needed"),
    ],
)
def test_more_than_there_are_clips_is_refused(
    method: str, change: dict, said: str, make_recipe: Callable[..., Path], places: Places
) -> None:
    with pytest.raises(CorpusError, match=said):
        condense(make_recipe(METHODS[method], **change), places, "cpu")
    assert not list(places.runs.rglob("*.safetensors"))


def test_what_is_no_number_any_more_is_not_sealed(make_recipe: Callable[..., Path], places: Places) -> None:
    method = METHODS["gradient-matching"] | {"network_rate": 1e6, "iterations": 6}
    with pytest.raises(RecipeError, match="ask for smaller rates"):
        condense(make_recipe(method), places, "cpu")
    assert not list(places.runs.rglob("tiny.safetensors"))


def test_a_set_that_was_sealed_but_not_pinned_is_pinned(make_recipe: Callable[..., Path], places: Places) -> None:
    run = condense(make_recipe(METHODS["random"]), places, "cpu")
    pins = read_pins(run.folder)
    (run.folder / "models.json").unlink()
    assert condense(make_recipe(METHODS["random"]), places, "cpu").done_before
    assert read_pins(run.folder) == pins


def test_a_set_of_another_teacher_is_not_taken_for_this_ones(
    make_recipe: Callable[..., Path], teacher: str, places: Places, tmp_path: Path
) -> None:
    recipe = make_recipe(METHODS["random"], teacher=teacher, soft_labels="teacher")
    condense(recipe, places, "cpu")
    shutil.rmtree(places.runs / "teacher")
    path = tmp_path / teacher
    path.write_text(path.read_text().replace("epochs: 4", "epochs: 1"))
    with pytest.raises(RecipeError, match="rename the recipe, or remove the set"):
        condense(recipe, places, "cpu")


def test_a_teacher_that_nobody_asks_is_not_trained(
    make_recipe: Callable[..., Path], teacher: str, places: Places
) -> None:
    run = condense(make_recipe(METHODS["random"], teacher=teacher), places, "cpu")
    assert read_set(run.set).card.teacher is None
    assert not (places.runs / "teacher").exists()


def test_public_clips_are_condensed_in_the_sources_place(
    make_recipe: Callable[..., Path], teacher: str, places: Places, tmp_path: Path
) -> None:
    """Chosen at random, items are public windows, and none is a source's; five seconds of a reader are two windows."""
    root, rng = tmp_path / "corpora", np.random.default_rng(0)
    for speaker in range(100, 112):
        path = root / f"librispeech/{speaker}/{speaker}-1-0000.flac"
        path.parent.mkdir(parents=True)
        soundfile.write(path, 0.1 * rng.standard_normal(5 * 16000), 16000)
    (root / "crema-d-logmel").symlink_to(places.data / "crema-d-logmel")
    recipe = make_recipe({"name": "random"}, teacher=teacher, soft_labels="teacher", public=["librispeech"], items=1)
    own = Places(data=root, runs=places.runs, cache=places.cache)
    found = read_set(condense(recipe, own, "cpu").set)
    assert [use.name for use in found.card.sources] == ["crema-d-logmel"]
    assert [(use.name, use.licence) for use in found.card.public] == [("librispeech", "CC-BY-4.0")]
    assert found.card.licence == "ODbL-1.0 AND CC-BY-4.0"
    read = load_public(load_condense_recipe(recipe), own.data, own.cache)
    public = read.windows
    assert len(public) == 2 * len(set(read.speakers))
    assert 2 <= len(set(read.speakers)) < 12, "readers are held out by the split too"
    assert all((public == item).all(axis=(1, 2)).any() for item in found.items)


def test_networks_with_running_statistics_are_refused(make_recipe: Callable[..., Path], places: Places) -> None:
    network = {"name": "cnn6", "options": {"width": 0.125, "normalise": "batch"}}
    with pytest.raises(RecipeError, match="normalise: group"):
        condense(make_recipe(METHODS["distribution-matching"], network=network), places, "cpu")
