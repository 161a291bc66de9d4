"""The whole way with a tiny checkpoint of each kind: fine-tune, keep the answers, distil a student, export, listen."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
import yaml

pytest.importorskip("transformers", reason="needs transformers, of the extra `speech`")
from safetensors.torch import load_file
from typer.testing import CliRunner

from exclaim.cli import app
from exclaim.errors import ExclaimError, ModelError, RecipeError
from exclaim.evaluate.answers import read_answers
from exclaim.learn import loop
from exclaim.learn.places import Places
from exclaim.learn.train import train
from exclaim.learn.waveforms import teach
from exclaim.learn.waveforms.finish import read_waveform_card
from exclaim.model import load_model

KINDS = ("wav2vec2", "hubert", "wavlm")
STUDENT = {"name": "compact", "options": {"width": 0.25}}


@pytest.fixture
def places(speech: Path, tmp_path: Path) -> Places:
    return Places(data=speech, runs=tmp_path / "runs", cache=tmp_path / "cache")


def encoder(folder: Path, **options) -> dict:
    return {"name": "speech-encoder", "options": {"checkpoint": str(folder), "seconds": 0.5, **options}}


def softened(name: str, **options) -> dict:
    return {"soft_labels": [{"source": f"{name}.yaml", "head": "speech-emotion", "weight": 0.5, **options}]}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_teacher_is_tuned_and_a_student_learns_from_it(kind, checkpoints, speech, places, write_recipe, tmp_path):
    write_recipe("teacher", encoder(checkpoints / kind), schedule={"epochs": 2, "batch": 8, "accumulate": 2})
    student = write_recipe("student", STUDENT, **softened("teacher", temperature=2))
    run = train(student, places, "cpu")

    folder = places.runs / "teacher"
    card = read_waveform_card(folder / "card.json")
    assert [metric.name for metric in card.metrics] == ["accuracy", "uar", "macro_f1", "auroc", "ece_debiased"]
    assert card.heads[0].temperature != 1
    people = {}
    for part in ("validation", "test"):
        rows = read_answers(folder / f"{part}-answers.speech-emotion.csv")
        people[part] = {row.speaker for row in rows}
        assert {row.path.split("/")[0] for row in rows} == {"crema-d"}
    split = msgspec.json.decode((folder / "split.json").read_bytes())
    assert people == {part: set(split[part]["speakers"]) for part in people}
    assert not people["validation"] & people["test"]
    assert not list(folder.glob("*.onnx")), "a teacher of this size is not exported"
    published, tuned = load_file(checkpoints / kind / "model.safetensors"), load_file(folder / "best.safetensors")
    for name, tensor in published.items():
        if name.startswith("feature_extractor."):
            assert tensor.equal(tuned[f"encoder.{name}"]), "the convolutions stay as they were published"
    name = "encoder.layers.0.attention.q_proj.weight"
    assert not published[name].equal(tuned[f"encoder.{name}"]), "and the transformer learns"

    assert len(list(places.cache.glob("soft-labels-teacher-speech-emotion-*.npz"))) == 1
    assert [parent.name for parent in load_model(run.model).card.parents] == ["teacher"]
    assert train(student, places, "cpu").done_before
    clip = speech / "crema-d/AudioWAV/1001_IEO_HAP_HI.wav"
    heard = CliRunner().invoke(app, ["listen", str(clip), "--model", "scream-detection", "--model", str(run.model)])
    assert heard.exit_code == 0, heard.output


@pytest.mark.slow
def test_a_run_that_was_stopped_ends_as_one_that_was_not(checkpoints, places, write_recipe, monkeypatch):
    network = encoder(checkpoints / "wav2vec2")
    whole = train(write_recipe("whole", network), places, "cpu")
    rate, steps = loop.learning_rate, []

    def stop_in_the_second_epoch(schedule, step, count):
        steps.append(step)
        if step == count // 2 + 1:
            raise KeyboardInterrupt
        return rate(schedule, step, count)

    path = write_recipe("stopped", network)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "learning_rate", stop_in_the_second_epoch)
        with pytest.raises(KeyboardInterrupt):
            train(path, places, "cpu")
    stopped = train(path, places, "cpu")
    assert not stopped.done_before
    one, other = (load_file(run.folder / "best.safetensors") for run in (whole, stopped))
    for name, tensor in one.items():
        np.testing.assert_allclose(tensor, other[name], atol=1e-5, err_msg=name)


def test_a_checkpoint_that_changed_in_between_is_refused(save_checkpoint, places, write_recipe, tmp_path, monkeypatch):
    folder = save_checkpoint(tmp_path / "checkpoint", "hubert")
    path = write_recipe("teacher", encoder(folder, frozen=True))
    with monkeypatch.context() as patch:
        patch.setattr(loop, "learning_rate", lambda *arguments: pytest.fail("stopped"))
        with pytest.raises(pytest.fail.Exception):
            train(path, places, "cpu")
    save_checkpoint(tmp_path / "checkpoint", "hubert", intermediate_size=48)
    with pytest.raises(RecipeError, match="began with a checkpoint"):
        train(path, places, "cpu")


@pytest.fixture
def teacher(checkpoints, places, write_recipe) -> Path:
    """The recipe of a finished teacher of one epoch."""
    path = write_recipe("teacher", encoder(checkpoints / "hubert", frozen=True), schedule={"epochs": 1, "batch": 32})
    train(path, places, "cpu")
    return path


def test_answers_are_kept_and_stale_ones_are_never_read(teacher, places, write_recipe, monkeypatch):
    path = write_recipe("student", STUDENT, **softened("teacher"), schedule={"epochs": 1})
    train(path, places, "cpu")
    kept = {file.name for file in places.cache.glob("soft-labels-*.npz")}
    with monkeypatch.context() as patch:
        patch.setattr(teach, "clip_outputs", lambda *arguments: pytest.fail("the teacher was asked again"))
        warmer = softened("teacher", temperature=3)
        train(write_recipe("warmer", STUDENT, **warmer, schedule={"epochs": 1}), places, "cpu")
    other = yaml.safe_load(teacher.read_text()) | {"name": "other", "seed": 5}
    (teacher.parent / "other.yaml").write_text(yaml.safe_dump(other))
    train(write_recipe("second", STUDENT, **softened("other"), schedule={"epochs": 1}), places, "cpu")
    assert len({file.name for file in places.cache.glob("soft-labels-*.npz")} - kept) == 1


def test_weights_that_changed_after_the_run_are_refused(teacher, places, write_recipe):
    weights = places.runs / "teacher/best.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    with pytest.raises(RecipeError, match="its card names"):
        train(write_recipe("student", STUDENT, **softened("teacher")), places, "cpu")


def test_a_finished_run_needs_its_checkpoint_no_more(save_checkpoint, places, write_recipe, tmp_path):
    folder = save_checkpoint(tmp_path / "checkpoint", "wavlm")
    path = write_recipe("teacher", encoder(folder, frozen=True), schedule={"epochs": 1, "batch": 32})
    train(path, places, "cpu")
    folder.rename(tmp_path / "gone")
    run = train(write_recipe("student", STUDENT, **softened("teacher"), schedule={"epochs": 1}), places, "cpu")
    assert load_model(run.model).card.parents[0].name == "teacher"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"split": {"validation": 0.25, "test": 0.25, "seed": 3}}, "heard its test speakers"),
        ({"distil": {"teacher": "teacher.yaml"}}, "hears waveforms and cannot see the views"),
        ({"network": STUDENT | {"weights_from": "teacher.yaml"}}, "cannot take over its weights"),
        (softened("sibling"), "name it under distil.teacher"),
        ({"heads": {"speech-emotion": {"labels": ["SAD", "ANG", "DIS", "FEA", "HAP", "NEU"]}}}, "has no head"),
    ],
)
def test_a_student_that_cannot_learn_so_is_refused(more, said, checkpoints, places, write_recipe):
    write_recipe("teacher", encoder(checkpoints / "hubert"))
    write_recipe("sibling", STUDENT)
    student = softened("teacher") | {"network": STUDENT} | more
    path = write_recipe("student", **student)
    with pytest.raises(RecipeError, match=said):
        train(path, places, "cpu")
    assert not places.runs.exists(), "nothing was trained before it was seen"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"distil": {"teacher": "teacher.yaml"}}, "distil is for networks on log-mel"),
        ({"augment": {"mixup": 0.3}}, r"augment\.mixup is for networks on log-mel"),
        ({"network": {"name": "speech-encoder", "options": {}}}, "checkpoint"),
        ({"network": encoder(Path("x/y"), revision="main")}, "40 hexadecimal digits"),
        ({"network": encoder(Path("x/y"), colour="red")}, "colour"),
    ],
)
def test_a_recipe_that_asks_for_what_waveforms_have_not_is_refused(more, said, checkpoints, places, write_recipe):
    path = write_recipe("teacher", **({"network": encoder(checkpoints / "hubert")} | more))
    with pytest.raises(RecipeError, match=said):
        train(path, places, "cpu")


def test_without_the_folder_one_sentence_says_what_to_put_where(places, write_recipe, monkeypatch, tmp_path):
    monkeypatch.setenv("EXCLAIM_MODELS", str(tmp_path / "models"))
    path = write_recipe("teacher", encoder(Path("wav2vec2-base")))
    with pytest.raises(ModelError, match=r"put its config\.json.*into .*models/wav2vec2-base"):
        train(path, places, "cpu")
    told = CliRunner().invoke(app, ["train", str(path), "--data", str(places.data), "--runs", str(places.runs)])
    assert told.exit_code != 0
    assert isinstance(told.exception, ExclaimError | SystemExit)
