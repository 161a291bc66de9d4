"""YAMNet: windows, scores by name, and the real network where it and what runs it are there."""

import importlib.util
import sys

import numpy as np
import pytest

from exclaim.errors import ModelError
from exclaim.learn.embeddings import load_embedding, yamnet


class Interpreter:
    """Answers the embedding tensor with the window's mean and the scores with its loudness at class 11."""

    def __init__(self, width: int = 1024) -> None:
        self._width = width
        self.windows: list[np.ndarray] = []

    def get_input_details(self):
        return [{"index": 0, "shape": np.array([1, 15_600])}]

    def get_output_details(self):
        return [{"index": 2, "shape": np.array([1, 521])}, {"index": 3, "shape": np.array([96, 64])}]

    def get_tensor_details(self):
        name = "yamnet_frames/global_average_pooling2d/Mean"
        constant = {"index": 9, "name": f"{name}/reduction_indices", "shape": np.array([2])}
        return [constant, {"index": 1, "name": name, "shape": np.array([1, self._width])}]

    def set_tensor(self, index, window):
        assert index == 0
        assert window.shape == (1, 15_600)
        self.windows.append(window[0].copy())

    def invoke(self):
        pass

    def get_tensor(self, index):
        if index == 1:
            return np.full((1, 1024), self.windows[-1].mean(), np.float32)
        return np.abs(self.windows[-1]).max() * np.eye(521, dtype=np.float32)[11:12]


@pytest.fixture
def interpreter(monkeypatch):
    made = Interpreter()
    monkeypatch.setattr(yamnet, "_interpreter", lambda path: made)
    return made


def test_windows_cover_the_sound_from_its_first_sample_to_its_last(interpreter, yamnet_files):
    sound = np.arange(40_000, dtype=np.float32)
    frames = load_embedding("yamnet", yamnet_files).frames(sound)
    assert [int(window[0]) for window in interpreter.windows] == [0, 7800, 15_600, 23_400, 24_400]
    assert interpreter.windows[-1][-1] == sound[-1]
    assert frames.shape == (5, 1024 + 521)
    assert frames[:, 0] == pytest.approx([window.mean() for window in interpreter.windows])


def test_a_short_sound_is_followed_by_silence(interpreter, yamnet_files):
    frames = load_embedding("yamnet", yamnet_files).frames(np.ones(1600, np.float32))
    assert len(frames) == 1
    assert interpreter.windows[0].sum() == 1600


def test_the_loudest_windows_score_is_found_by_its_classs_name(interpreter, yamnet_files):
    embedding = load_embedding("yamnet", yamnet_files)
    sound = np.concatenate([np.full(20_000, 0.1), np.full(1000, 0.7), np.full(20_000, 0.1)]).astype(np.float32)
    screaming, crying = embedding.columns("Screaming", "Crying, sobbing")
    assert embedding(sound)[1, screaming] == pytest.approx(0.7)
    assert embedding(sound)[1, crying] == 0
    with pytest.raises(ModelError, match="no class Yodel; see "):
        embedding.columns("Yodel", "Screaming")


def test_another_network_is_refused(monkeypatch, yamnet_files):
    monkeypatch.setattr(yamnet, "_interpreter", lambda path: Interpreter(width=960))
    with pytest.raises(ModelError, match="it is not YAMNet; get it again"):
        load_embedding("yamnet", yamnet_files)


def test_a_list_of_other_classes_is_refused(interpreter, yamnet_files):
    (yamnet_files / "yamnet_class_map.csv").write_text("index,mid,display_name\n0,/m/0,Speech\n")
    with pytest.raises(ModelError, match="names 1 classes in display_name; expected 521"):
        load_embedding("yamnet", yamnet_files)


def test_without_its_package_it_says_what_to_install(monkeypatch, yamnet_files):
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(ModelError, match=r"pip install exclaim\[yamnet\]"):
        load_embedding("yamnet", yamnet_files)


needs_litert = pytest.mark.skipif(
    importlib.util.find_spec("ai_edge_litert") is None, reason="ai-edge-litert is not installed; see the extra `yamnet`"
)


@needs_litert
def test_a_file_that_is_no_network_is_refused(yamnet_files):
    with pytest.raises(ModelError, match="no network that ai-edge-litert can read"):
        load_embedding("yamnet", yamnet_files)


@needs_litert
@pytest.mark.data
def test_the_real_one_names_silence_a_tone_and_a_hiss(pretrained):
    if not (pretrained / "yamnet.tflite").is_file():
        pytest.skip(f"no yamnet.tflite at {pretrained}")
    embedding = load_embedding("yamnet", pretrained)
    times = np.arange(16_000) / 16_000
    sounds = {
        "Silence": np.zeros(16_000),
        "Sine wave": 0.3 * np.sin(2 * np.pi * 1000 * times),
        "White noise": np.random.default_rng(0).normal(0, 0.1, 16_000),
    }
    for name, sound in sounds.items():
        scores = embedding(sound.astype(np.float32))[1, yamnet.EMBEDDING_WIDTH :]
        best = [embedding.classes[i] for i in scores.argsort()[-5:]]
        assert name in best, f"{name}: {best}"
