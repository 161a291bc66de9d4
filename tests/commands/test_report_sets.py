"""exclaim report on condensed sets."""

import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from exclaim import inversion
from exclaim.card import CorpusUse
from exclaim.corpora.condensed import write_set
from exclaim.corpora.condensed_card import SetCard


@pytest.fixture
def toy(tmp_path):
    """A set of two noisy items, one of each label."""
    folder = tmp_path / "runs/toy"
    folder.mkdir(parents=True)
    card = SetCard(
        name="toy",
        task="speech-emotion",
        labels=("ANG", "SAD"),
        items=2,
        view=(16, 24),
        stored="uint8",
        method="random",
        recipe="1" * 64,
        sources=(CorpusUse(name="crema-d-logmel", licence="ODbL-1.0"),),
        licence="ODbL-1.0",
        source_items=40,
        source_bytes=962_560,
        split={"by": "speaker"},
        start="real",
        warnings=("Its items are clips.",),
    )
    windows = np.random.default_rng(0).integers(0, 256, (2, 16, 24)).astype(np.uint8)
    write_set(folder / "toy.safetensors", windows, np.eye(2, dtype=np.float32), card)
    return folder / "toy.safetensors"


def test_a_set_becomes_a_page_and_sounds(exclaim, toy, tmp_path):
    done = exclaim("report", toy, "--out", tmp_path / "out", "--sounds", tmp_path / "sounds", "--items", 1)
    assert done.status == 0, done.err
    assert "Condensed set toy: 2 windows for speech-emotion" in done.out
    assert "toy, a warning: Its items are clips." in done.out
    assert "wrote 2 sounds to" in done.out
    assert f"wrote {tmp_path / 'out/report.html'}" in done.out
    assert json.loads((tmp_path / "out/numbers.json").read_text())["command"] == (
        "exclaim report toy.safetensors --items 1"
    )
    assert "ODbL-1.0" in (tmp_path / "out/card.csv").read_text()
    for name in ("ANG-1.wav", "SAD-2.wav"):
        samples, rate = soundfile.read(tmp_path / "sounds" / name)
        assert (rate, samples.shape) == (16_000, (48_000,))
        assert 0.01 < np.abs(samples).max() < 1


def test_a_run_folder_of_condensing_is_looked_at_too(exclaim, toy, tmp_path, monkeypatch):
    monkeypatch.setattr(inversion, "find_spec", lambda name: None)
    done = exclaim("report", toy.parent, "--out", tmp_path / "out")
    assert done.status == 0, done.err
    assert "Condensed set toy" in done.out
    assert "exclaim[sounds]" in (tmp_path / "out/report.html").read_text(), "there is a page, but nothing to hear"


def test_looking_and_listening_need_no_torch(toy, tmp_path):
    code = (
        "import sys; from exclaim.cli import main\n"
        f"try: main(['report', {str(toy)!r}, '--items', '1', '--out', {str(tmp_path / 'out')!r}])\n"
        "finally: print('torch' in sys.modules, 'librosa' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False True"


def test_sounds_that_cannot_be_made_are_refused_before_anything_is_written(exclaim, toy, tmp_path, monkeypatch):
    monkeypatch.setattr(inversion, "find_spec", lambda name: None)
    done = exclaim("report", toy, "--out", tmp_path / "out", "--sounds", tmp_path / "sounds")
    assert done.status == 1
    assert "pip install 'exclaim[sounds]'" in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["runs/toy/toy.safetensors", "runs"], "report sets and runs apart"),
        (["runs/toy", "--record", "results.json"], "--record is for runs"),
        (["runs/toy", "--pair"], "--pair is for runs"),
        (["runs/toy", "--noise", "none"], "--noise is for runs"),
        (["runs/toy", "--snr", "5"], "--snr is for runs"),
        (["runs/toy", "--repeats", "0"], "--repeats is for runs"),
        (["runs/toy", "--draws", "10"], "--draws is for runs"),
        (["runs/toy", "--data", "corpora"], "--data is for runs"),
        (["runs/toy", "--stream", "stream.json"], "--stream is for runs"),
        (["runs", "--sounds", "sounds"], "--sounds is for condensed sets"),
        (["absent.safetensors"], "absent.safetensors: no such file"),
        (["text.safetensors"], "no safetensors file"),
    ],
)
def test_mistakes_are_one_sentence(exclaim, toy, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.safetensors").write_text("hello, this is no set")
    done = exclaim("report", *arguments)
    assert done.status == 1
    assert words in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "report").exists()
