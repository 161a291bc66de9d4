"""exclaim evaluate across corpora of speech: trained on one, asked about the others."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from exclaim.card import Head

SIX = ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")
FILES = {  # corpus: files, and how many of them have no counterpart among the six
    "ravdess": (["Actor_01/03-01-05-01-01-01-01", "Actor_02/03-01-02-01-01-01-02", "Actor_02/03-01-03-01-01-01-02"], 1),
    "emodb": (["wav/03a01Wa", "wav/08a01La", "wav/08a01Fa"], 1),
    "tess": (["OAF_back_angry", "YAF_back_ps", "YAF_back_happy"], 1),
    "savee": (["AudioData/DC/a01", "AudioData/JE/su01", "AudioData/JE/h01"], 1),
    "crema-d": (["AudioWAV/1001_DFA_ANG_XX", "AudioWAV/1002_DFA_HAP_XX"], 0),
}
DEMOGRAPHICS = "ActorID,Age,Sex,Race,Ethnicity\n1001,51,Male,Asian,Not Hispanic\n1002,21,Female,Unknown,Hispanic\n"


@pytest.fixture
def speech(tmp_path: Path, make_model) -> Path:
    return make_model(tmp_path / "speech.onnx", heads=(Head(task="speech-emotion", output="e", labels=SIX),))


def write(root: Path, corpus: str) -> None:
    for number, name in enumerate(FILES[corpus][0]):
        path = root / corpus / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.random.default_rng(number).uniform(-0.5, 0.5, 8_000), 16_000)


@pytest.mark.parametrize("corpus", FILES)
def test_every_corpus_of_speech_judges_the_model_and_says_what_has_no_counterpart(exclaim, speech, tmp_path, corpus):
    write(tmp_path, corpus)
    done = exclaim("evaluate", speech, "--corpus", corpus, "--data", tmp_path, "--json", "--draws", 5)
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert (found["task"], found["data"], found["speakers"]) == ("speech-emotion", corpus, 2)
    assert found["support"] == {"ANG": 1, "DIS": 0, "FEA": 0, "HAP": 1, "NEU": 0, "SAD": 0}
    assert found["excluded"] == FILES[corpus][1]
    assert all("has no place in speech-emotion" in reason for reason in found["excluded_reasons"])


def test_the_actors_of_crema_d_are_grouped_by_race_and_ethnicity(exclaim, speech, tmp_path):
    write(tmp_path, "crema-d")
    (tmp_path / "crema-d/VideoDemographics.csv").write_text(DEMOGRAPHICS)
    done = exclaim("evaluate", speech, "--corpus", "crema-d", "--data", tmp_path, "--draws", 5)
    assert done.status == 0, done.err
    for group in ("sex male", "age 40-59", "race Asian", "ethnicity Hispanic", "ethnicity Not Hispanic"):
        assert group in done.out
    assert "1 clips do not tell race: they are in no group by race" in done.out


def test_pointers_are_no_sound_to_judge_on(exclaim, speech, tmp_path):
    write(tmp_path, "crema-d")
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 9\n"
    (tmp_path / "crema-d/AudioWAV/1002_DFA_HAP_XX.wav").write_text(pointer)
    done = exclaim("evaluate", speech, "--corpus", "crema-d", "--data", tmp_path)
    assert done.status == 1
    assert (
        "1 of 2 files of crema-d are Git-LFS pointers in place of sound: run `exclaim corpora get crema-d`" in done.err
    )
