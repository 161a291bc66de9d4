"""The model files that the package carries: whole, allowed, and as good as is said of them."""

from pathlib import Path

import numpy as np
import pytest

from exclaim.corpora.registry import corpus_info, load_corpus
from exclaim.evaluate.clips import clip_logits
from exclaim.evaluate.evaluate import evaluate
from exclaim.evaluate.speakers import SPLIT_FILE, read_speakers, select_speakers
from exclaim.features import log_mel
from exclaim.model import load_model, predict_head, shipped_models

TASKS = {
    "scream-detection": ["scream-detection"],
    "scream-type": ["scream-type"],
    "vocal-burst": ["vocal-burst", "scream-type-sorrow"],
    "speech-emotion": ["speech-detection", "speech-emotion"],
}
NAMES = tuple(TASKS)
RECIPES = Path(__file__).parents[1] / "recipes"
TEACHERS = Path(__file__).parents[1] / "teachers"


def test_what_is_shipped_is_what_is_pinned() -> None:
    shipped = shipped_models()
    assert set(NAMES) <= set(shipped)
    folder = next(iter(shipped.values())).parent
    assert {path.name for path in folder.glob("*.onnx")} == {path.name for path in shipped.values()}
    sizes = [path.stat().st_size for path in shipped.values()]
    assert max(sizes) <= 3_000_000
    assert sum(sizes) <= 10_000_000


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_model_says_what_it_is(name: str) -> None:
    card = load_model(name).card
    assert sorted(head.task for head in card.heads) == sorted(TASKS[name])
    assert all(corpus_info(use.name).may_ship for use in card.corpora)
    recipes = {path.stem for path in RECIPES.rglob("*.yaml")}
    files = {path.stem for path in TEACHERS.glob("*.onnx")}
    assert card.name in recipes
    assert {parent.name for parent in card.parents} <= recipes | files
    assert card.metrics
    assert card.validation_speakers_sha256
    assert "medical" in card.notice


@pytest.mark.parametrize("name", NAMES)
def test_digital_silence_is_nothing(name: str) -> None:
    window = log_mel(np.zeros(16_000, np.float32))[None]
    answer = load_model(name).predict(window, np.array([-80.0], np.float32))[name]
    assert answer.label == [None]


@pytest.mark.data
def test_scream_type_holds_on_speakers_that_it_never_heard(data_root: Path) -> None:
    model = load_model("scream-type")
    speakers = read_speakers(model.path.parent / SPLIT_FILE, "test")
    found = evaluate(model, select_speakers(load_corpus("emogator", data_root), speakers), draws=2)
    assert found.n > 700
    assert found.uar >= 0.75
    assert found.selective_uar >= 0.82


@pytest.mark.data
@pytest.mark.parametrize(("task", "least"), [("vocal-burst", 0.47), ("scream-type-sorrow", 0.72)])
def test_vocal_burst_holds_on_speakers_that_it_never_heard(data_root: Path, task: str, least: float) -> None:
    model = load_model("vocal-burst")
    speakers = read_speakers(model.path.parent / SPLIT_FILE, "test")
    found = evaluate(model, select_speakers(load_corpus("emogator", data_root), speakers), task=task, draws=2)
    assert found.n > 900
    assert found.uar >= least


@pytest.mark.data
def test_scream_detection_holds_on_a_corpus_that_it_never_heard(data_root: Path) -> None:
    found = evaluate(load_model("scream-detection"), load_corpus("deeply", data_root), draws=2)
    assert found.n == 221
    assert found.balanced_accuracy >= 0.87
    assert found.auroc >= 0.95


@pytest.mark.data
def test_speech_emotion_holds_on_actors_that_it_never_heard(data_root: Path) -> None:
    model = load_model("speech-emotion")
    speakers = read_speakers(model.path.parent / SPLIT_FILE, "test")
    clips = select_speakers(load_corpus("crema-d-logmel", data_root), speakers)
    found = evaluate(model, clips, task="speech-emotion", draws=2)
    assert found.n > 1000
    assert found.uar >= 0.62


@pytest.mark.data
@pytest.mark.parametrize(("corpus", "label"), [("ravdess", "speech"), ("deeply", "other")])
def test_speech_is_told_from_bursts_on_corpora_that_it_never_heard(data_root: Path, corpus: str, label: str) -> None:
    manifest = load_corpus(corpus, data_root)
    clips = [clip.path for clip in manifest.clips[::3]]
    head = load_model("speech-emotion").card.head("speech-detection")
    heard = [found.logits["speech-detection"] for found in clip_logits(load_model("speech-emotion"), clips)]
    _, answers, _ = predict_head(head, np.array(heard))
    assert np.mean([answer == label for answer in answers]) >= 0.95
