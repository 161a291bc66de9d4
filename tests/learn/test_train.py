"""From a recipe to a sealed model file on corpora that the test writes: every recipe of the project in a small form."""

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest
import yaml
from safetensors.torch import load_file

from exclaim.corpora.registry import corpus_info
from exclaim.errors import ExclaimError, RecipeError
from exclaim.evaluate.answers import answers_name
from exclaim.features import log_mel
from exclaim.learn import loop
from exclaim.learn import train as train_module
from exclaim.learn.examples import load_corpora
from exclaim.learn.places import Places
from exclaim.learn.recipe import Recipe, load_recipe
from exclaim.learn.soft_labels import SoftLabels
from exclaim.learn.train import train
from exclaim.model import load_model, pin_of

RECIPES = Path(__file__).parents[2] / "recipes"


def small_form(folder: Path, epochs: int = 1) -> Path:
    """Copy the recipes with few windows, few epochs and small batches."""
    for path in RECIPES.rglob("*.yaml"):
        recipe = yaml.safe_load(path.read_text())
        if "arms" in recipe or path.parent.name in ("condense", "condensed"):
            continue
        recipe["schedule"] = recipe.get("schedule", {}) | {"epochs": epochs, "batch": 8}
        recipe["split"] = recipe.get("split", {}) | {"validation": 0.25, "test": 0.25}
        if "draw" in recipe:
            recipe["draw"]["windows"] = 16
        if "alarm_budget" in recipe:
            recipe["alarm_budget"] |= {"hours": 0.02}
        if "network" in recipe:
            recipe["network"] |= {"name": "compact", "options": {"width": 0.25}}
        copy = folder / path.relative_to(RECIPES)
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(yaml.safe_dump(recipe))
    return folder


def places(root: Path, folder: Path) -> Places:
    return Places(data=root, runs=folder / "runs", cache=folder / "cache")


@pytest.mark.slow
def test_each_student_is_distilled_from_its_teacher_into_a_model_file(small_corpora: Path, tmp_path: Path) -> None:
    """One command trains a student's teacher, and whoever gives it its first weights, before it."""
    small_form(tmp_path)
    parents = {
        "scream-type": ["burst-teacher-wide"],
        "vocal-burst": ["burst-teacher-wide", "scream-type"],
        "scream-detection-1": ["scream-detection-teacher", "scream-type-1"],
    }
    for name, expected in parents.items():
        train(tmp_path / f"{name}.yaml", places(small_corpora, tmp_path), "cpu")
        folder = tmp_path / "runs" / name
        model = load_model(folder / f"{name}.onnx")
        task = name.removesuffix("-1")
        assert task in [head.task for head in model.card.heads]
        assert [parent.name for parent in model.card.parents] == expected
        assert all(corpus_info(use.name).may_ship for use in model.card.corpora)
        assert model.card.metrics
        window = log_mel(np.sin(np.arange(16_000) * 0.3).astype(np.float32))[None]
        assert model.predict(window)[task].probabilities.sum() == pytest.approx(1)
        for kept in (
            answers_name(task),
            "run.json",
            "split.json",
            "metrics.jsonl",
            "log.txt",
            "best.safetensors",
            "test.csv",
            "models.json",
        ):
            assert (folder / kept).stat().st_size > 0, kept
        assert train(tmp_path / f"{name}.yaml", places(small_corpora, tmp_path), "cpu").done_before


@pytest.mark.slow
def test_layers_may_be_trained_in_bfloat16_with_weights_in_single_precision(
    small_corpora: Path, tmp_path: Path
) -> None:
    losses = {}
    for arithmetic in ("float32", "bfloat16"):
        folder = tmp_path / arithmetic
        folder.mkdir()
        recipe = small_form(folder) / "burst-teacher-wide.yaml"
        run = train(recipe, places(small_corpora, folder), "cpu", changes={"schedule": {"arithmetic": arithmetic}})
        losses[arithmetic] = msgspec.json.decode((run.folder / "metrics.jsonl").read_bytes().splitlines()[0])["loss"]
        weights = load_file(run.folder / "best.safetensors")
        assert {str(tensor.dtype) for tensor in weights.values()} <= {"torch.float32", "torch.int64"}
    assert losses["float32"] != losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.05)


class _Stopped(Exception):
    pass


@pytest.mark.slow
def test_a_run_that_was_stopped_ends_as_one_that_was_not(small_corpora: Path, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    recipe = "burst-teacher-wide.yaml"
    whole = train(small_form(tmp_path / "a", epochs=2) / recipe, places(small_corpora, tmp_path / "a"), "cpu")
    learning_rate = loop.learning_rate
    steps = []

    def stop_in_the_second_epoch(schedule, step: int, count: int) -> float:
        steps.append(step)
        if step == count // 2 + 1:
            raise _Stopped
        return learning_rate(schedule, step, count)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "learning_rate", stop_in_the_second_epoch)
        with pytest.raises(_Stopped):
            train(small_form(tmp_path / "b", epochs=2) / recipe, places(small_corpora, tmp_path / "b"), "cpu")
    assert not list((tmp_path / "b/runs").rglob("*.onnx")), "a stopped run leaves no model file"
    stopped = train(tmp_path / "b" / recipe, places(small_corpora, tmp_path / "b"), "cpu")
    window = log_mel(np.sin(np.arange(16_000) * 0.3).astype(np.float32))[None]
    one, other = (load_model(run.model).predict(window)["scream-type"].logits for run in (whole, stopped))
    np.testing.assert_allclose(one, other, atol=1e-4)
    assert len((stopped.folder / "metrics.jsonl").read_text().splitlines()) == 2


def test_a_folder_of_another_recipe_is_not_overwritten(small_corpora: Path, tmp_path: Path) -> None:
    recipe = small_form(tmp_path) / "burst-teacher-wide.yaml"
    folder = tmp_path / "runs/burst-teacher-wide"
    folder.mkdir(parents=True)
    other = yaml.safe_load(recipe.read_text()) | {"seed": 99}
    kept = msgspec.json.encode(msgspec.convert(other, Recipe, strict=False))
    (folder / "recipe.json").write_bytes(kept)
    (folder / "checkpoint.safetensors").touch()
    with pytest.raises(RecipeError, match="another recipe"):
        train(recipe, places(small_corpora, tmp_path), "cpu")
    assert (folder / "recipe.json").read_bytes() == kept


def test_a_teacher_that_heard_the_test_speakers_is_refused(small_corpora: Path, tmp_path: Path) -> None:
    small_form(tmp_path)
    teacher = tmp_path / "burst-teacher-wide.yaml"
    changed = yaml.safe_load(teacher.read_text())
    changed["split"]["seed"] = 5
    teacher.write_text(yaml.safe_dump(changed))
    with pytest.raises(RecipeError, match="heard its test speakers"):
        train(tmp_path / "scream-type.yaml", places(small_corpora, tmp_path), "cpu")


@pytest.mark.slow
def test_a_model_file_teaches_whoever_has_its_validation_speakers(small_corpora: Path, tmp_path: Path) -> None:
    small_form(tmp_path)
    teacher = train(tmp_path / "burst-teacher-wide.yaml", places(small_corpora, tmp_path), "cpu")
    student = yaml.safe_load((tmp_path / "scream-type.yaml").read_text())
    student["distil"]["teacher"] = "runs/burst-teacher-wide/burst-teacher-wide.onnx"
    path = tmp_path / "from-file.yaml"
    path.write_text(yaml.safe_dump(student))
    run = train(path, places(small_corpora, tmp_path), "cpu")
    assert [parent.sha256 for parent in load_model(run.model).card.parents] == [pin_of(teacher.model)]
    assert list((tmp_path / "cache").glob("answers-*/view-0000.npz")), "its answers are kept as any teacher's"
    path.write_text(yaml.safe_dump(student | {"name": "others", "split": student["split"] | {"seed": 5}}))
    with pytest.raises(RecipeError, match="was not validated on the validation speakers of recipe others"):
        train(path, places(small_corpora, tmp_path), "cpu")
    foreign = student | {"name": "foreign", "task": "scream-detection", "draw": {"windows": 16}, "ambience": ["noise"]}
    foreign["heads"] = {"scream-detection": {"labels": ["other", "scream"]}}
    path.write_text(yaml.safe_dump(foreign))
    with pytest.raises(RecipeError, match="has no head of recipe foreign"):
        train(path, places(small_corpora, tmp_path), "cpu")


def test_a_teacher_that_shares_no_head_is_refused_and_one_that_shares_a_side_head_is_not(
    small_corpora: Path, tmp_path: Path
) -> None:
    small_form(tmp_path)
    student = yaml.safe_load((tmp_path / "scream-type.yaml").read_text())
    student["heads"] |= {"scream-detection": {"labels": ["other", "scream"]}}
    student["task"] = "scream-detection"
    student["schedule"]["keep"] = "last"
    path = tmp_path / "sharing.yaml"
    path.write_text(yaml.safe_dump(student))
    run = train(path, places(small_corpora, tmp_path), "cpu")
    assert {head.task for head in load_model(run.model).card.heads} >= {"scream-detection", "scream-type"}
    apart = student | {"heads": {"scream-detection": student["heads"]["scream-detection"]}, "name": "apart"}
    path.write_text(yaml.safe_dump(apart))
    with pytest.raises(RecipeError, match="has no head of recipe apart"):
        train(path, places(small_corpora, tmp_path), "cpu")


def test_without_corpora_nothing_is_left_behind(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ExclaimError, match="emogator"):
        train(small_form(tmp_path) / "burst-teacher-wide.yaml", places(empty, tmp_path), "cpu")
    assert not (tmp_path / "cache").exists()
    shutil.rmtree(empty)


def test_soft_labels_reach_clips_without_labels_and_are_named_as_a_parent(
    small_corpora: Path, tmp_path: Path, monkeypatch
) -> None:
    recipe = load_recipe(
        RECIPES / "scream-type.yaml",
        {
            "split": {"validation": 0.25, "test": 0.25},
            "heads": {"vocal-burst": None, "scream-type-sorrow": None},
            "soft_labels": [{"source": "byol-s+yamnet", "head": "scream-type", "weight": 0.5}],
        },
    )
    corpora = load_corpora(recipe, small_corpora)
    labelled = [example for example in corpora.bursts["train"] if example.weights["scream-type"]]
    assert len(labelled) < len(corpora.bursts["train"]), "clips without labels are there to be given soft ones"
    assert all(example.weights["scream-type"] for example in corpora.bursts["test"])
    soft = np.array([0.25, 0.75], np.float32)

    def told(source, head, labels, corpora, cache, progress):
        known = {str(e.clip.path): soft for e in corpora.bursts["train"] if e.clip.label != "Neutral"}
        return SoftLabels(source, head, labels, "ab" * 32, "cd" * 32, {}, known)

    monkeypatch.setattr(train_module, "soft_labels_from", told)
    softened, parents = train_module._softened(
        recipe, corpora, places(small_corpora, tmp_path), lambda name: lambda *numbers: None
    )
    assert [parent.name for parent in parents] == ["byol-s.yamnet"]
    found = {example.clip.label: example for example in softened.bursts["train"]}
    assert "Neutral" not in found, "a clip with neither label is left out"
    np.testing.assert_allclose(found["Anger"].targets["scream-type"], [0.625, 0.375])
    np.testing.assert_allclose(found["Sadness"].targets["scream-type"], soft)
    assert (found["Anger"].weights["scream-type"], found["Sadness"].weights["scream-type"]) == (1, 0.5)
