"""Which recordings of noise are taken: all of a folder, or what training did not hear of a corpus."""

import json

import numpy as np
import pytest

from exclaim.errors import CorpusError
from exclaim.evaluate.noise.recordings import is_noise_corpus, noise_in_corpus, noise_in_folder
from exclaim.evaluate.speakers import SPLIT_FILE, other_recordings
from exclaim.model import shipped_models

HISS = np.full(800, 0.1)


def test_a_folder_for_each_kind(write_noise):
    folder = write_noise({"bus/a.wav": HISS, "cafe/b.wav": HISS, "cafe/monday/b.wav": HISS})
    noise = noise_in_folder(folder)
    assert noise.name == "noise"
    assert [(r.kind, r.name) for r in noise.recordings] == [
        ("bus", "a.wav"),
        ("cafe", "b.wav"),
        ("cafe", "monday/b.wav"),
    ]


def test_files_in_the_folder_itself_are_one_kind(write_noise):
    noise = noise_in_folder(write_noise({"metro/a.wav": HISS, "metro/b.wav": HISS}) / "metro")
    assert [(r.kind, r.name) for r in noise.recordings] == [("metro", "a.wav"), ("metro", "b.wav")]


def test_a_folder_without_sound_says_what_is_expected(tmp_path):
    with pytest.raises(CorpusError, match=r"absent has no sound files; expected .* or a corpus by name: .*noise"):
        noise_in_folder(tmp_path / "absent")


def test_of_a_corpus_only_what_training_did_not_hear(write_noise):
    root = write_noise({f"{kind}/{name}.wav": HISS for kind in ("bus", "cafe", "metro") for name in "ab"}).parent
    noise = noise_in_corpus("noise", root, {"noise:bus/a", "noise:cafe/a", "noise:cafe/b", "emogator:x"})
    assert [f"{r.kind}/{r.path.stem}" for r in noise.recordings] == ["bus/b", "metro/a", "metro/b"]
    assert noise.notes == ("noise cafe: no recording of noise is held out; left out",)


def test_a_corpus_that_training_heard_whole_is_refused(write_noise):
    root = write_noise({"bus/a.wav": HISS}).parent
    with pytest.raises(CorpusError, match="no recording that training did not hear"):
        noise_in_corpus("noise", root, {"noise:bus/a"})


def test_a_name_is_a_corpus_or_a_folder():
    assert is_noise_corpus("noise")
    assert not is_noise_corpus("./noise")
    assert not is_noise_corpus("folder")  # a kind of manifest, not a corpus


@pytest.mark.data
def test_the_shipped_models_are_judged_under_noise_that_they_never_heard(data_root):
    split = json.loads((shipped_models()["scream-type"].parent / SPLIT_FILE).read_text())
    heard = {*split["train"]["ambience"], *split["validation"]["ambience"]}
    path = shipped_models()["scream-type"].parent / SPLIT_FILE
    noise = noise_in_corpus("noise", data_root, other_recordings(path, "test"))
    assert len(noise.recordings) >= 5
    assert not {f"noise:{recording.name}" for recording in noise.recordings} & heard
    assert {f"noise:{recording.name}" for recording in noise.recordings} <= {*split["test"]["ambience"]}
