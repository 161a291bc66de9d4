"""The demo's scene: every sound at its time, every source in its turn, nothing claimed that is not so."""

import io
import json
import shutil
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile
from rich.console import Console

from exclaim.config import GateOptions, load_config
from exclaim.demo.scene import find_clips, load_scene, recorded, synthesised
from exclaim.demo.sounds import Sounds, choose_sounds
from exclaim.demo.stage import set_stage, stage_config
from exclaim.demo.synthesis import SOUNDS
from exclaim.demo.table import as_line, as_table
from exclaim.errors import StoreError
from exclaim.features import FRAME_SECONDS, SAMPLE_RATE
from exclaim.listen import Analysis, Listener, listen
from exclaim.model import load_model
from exclaim.wire import StreamInfo

SCENE = load_scene()
# one device and one sound, where making all of them would only take time
ONE = msgspec.structs.replace(SCENE.devices[0], cues=SCENE.devices[0].cues[2:3])
SMALL = msgspec.structs.replace(SCENE, devices=(ONE,))


@pytest.fixture
def data(tmp_path) -> Path:
    """A corpora folder with all clips of the scene in EmoGator's layout, and one ambience."""
    folder = tmp_path / "data"
    (folder / "emogator/data/mp3").mkdir(parents=True)
    tone = 0.5 * np.sin(2 * np.pi * 900 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
    for clip in SCENE.clips:
        soundfile.write(folder / f"emogator/data/mp3/{clip}.wav", tone, SAMPLE_RATE)
    (folder / "noise/metro").mkdir(parents=True)
    noise = np.random.default_rng(0).normal(size=3 * SAMPLE_RATE) * 0.1
    soundfile.write(folder / "noise/metro/a.wav", noise, SAMPLE_RATE)
    return folder


def active(wave: np.ndarray, begin: float, end: float) -> float:
    return float(np.abs(wave[round(begin * SAMPLE_RATE) : round(end * SAMPLE_RATE)]).max())


def test_the_scene_has_three_profiles_and_both_kinds_of_scream():
    assert {device.profile for device in SCENE.devices} == {"home", "metro", "care"}
    cues = [cue for device in SCENE.devices for cue in device.cues]
    assert {"negative scream", "positive scream", "laugh", "speech"} <= {cue.sound for cue in cues} <= set(SOUNDS)
    assert len(SCENE.clips) == 12
    assert all(0 <= cue.at < SCENE.seconds - 2 for cue in cues)


def test_each_clip_is_of_the_category_that_its_cue_claims():
    categories = {"negative scream": {"03", "15", "19"}, "positive scream": {"12", "28", "30"}}
    categories["unclear scream"] = categories["negative scream"] | categories["positive scream"]
    categories |= {"laugh": {"02"}, "speech": {"18"}, "sob": {"24"}}
    for device in SCENE.devices:
        for cue in device.cues:
            assert cue.clip[7:9] in categories[cue.sound], cue


def test_no_speaker_of_the_scene_trained_a_shipped_model():
    split = json.loads(files("exclaim").joinpath("assets/split.json").read_text("utf-8"))
    assert {f"emogator:{clip[:6]}" for clip in SCENE.clips} <= set(split["test"]["speakers"])


def test_each_cue_is_heard_at_its_time_and_only_then(data):
    clips = find_clips(data, SCENE.clips)
    device = SCENE.devices[0]
    wave = recorded(device, SCENE.seconds, clips, None)
    assert wave.shape == (round(SCENE.seconds * SAMPLE_RATE),)
    for cue in device.cues:
        assert active(wave, cue.at, cue.at + 1) > 0.2
        assert active(wave, cue.at - 0.5, cue.at - 0.01) < 0.01
        assert active(wave, cue.at + 1.1, cue.at + 1.6) < 0.01


def test_the_ambience_is_soft_and_everywhere(data):
    clips = find_clips(data, SCENE.clips)
    wave = recorded(SCENE.devices[1], SCENE.seconds, clips, data / "noise/metro/a.wav")
    quiet = wave[: round((SCENE.devices[1].cues[0].at - 0.1) * SAMPLE_RATE)]
    assert 0.001 < np.sqrt(np.mean(quiet**2)) < 0.01


def test_synthesised_sounds_stand_in_and_stay_in_range():
    for device in SCENE.devices:
        wave = synthesised(device, SCENE.seconds)
        assert wave.shape == (round(SCENE.seconds * SAMPLE_RATE),)
        assert np.abs(wave).max() <= 1
        assert all(active(wave, cue.at, cue.at + 1) > 0.15 for cue in device.cues)


def test_the_shipped_models_hear_each_scream_that_is_made_and_nothing_else():
    analysis = Analysis([load_model(name) for name in ("scream-detection", "scream-type")])
    kinds = set()
    for device in SCENE.devices:
        wave = synthesised(device, SCENE.seconds)
        info = StreamInfo(stream="s", device=device.device, started=datetime(2026, 1, 1, tzinfo=UTC))
        blocks = np.array_split(wave, 36)
        steps = listen(blocks, Listener(analysis, info), GateOptions())
        episodes = {episode.episode: episode for step in steps for episode in step.episodes}.values()
        screams = [cue for cue in device.cues if "scream" in cue.sound]
        onsets = [episode.onset_frame * FRAME_SECONDS for episode in episodes]
        assert onsets == pytest.approx([cue.at for cue in screams], abs=1), device.device
        kinds |= {episode.type.label for episode in episodes}
    assert {"negative", "positive"} <= kinds


def test_recordings_that_are_here_come_first(data):
    said: list[str] = []
    found = choose_sounds(SCENE, data=data, cache=None, say=said.append)
    assert not found.synthesised
    assert "EmoGator" in found.text
    assert said == []


@pytest.mark.parametrize("harm", ["absent", "pointer", "empty"])
def test_recordings_that_cannot_be_used_are_named_and_passed_over(data, harm):
    clip = data / f"emogator/data/mp3/{SMALL.clips[0]}.wav"
    if harm == "absent":
        clip.unlink()
    else:
        clip.write_text("version https://git-lfs.github.com/spec/v1\n" if harm == "pointer" else "")
    said: list[str] = []
    found = choose_sounds(SMALL, data=data, cache=None, say=said.append)
    assert found.synthesised
    assert "SYNTHESISED" in found.text
    assert len(said) == 1
    assert str(data) in said[0]


def test_without_recordings_and_network_it_says_so_and_synthesises(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))  # no git
    said: list[str] = []
    found = choose_sounds(SMALL, data=tmp_path / "none", cache=tmp_path / "cache", say=said.append)
    assert found.synthesised
    assert ["no recordings" in text for text in said] == [True, False, True]


def test_the_stage_holds_together(tmp_path):
    sounds = choose_sounds(SMALL, data=None, cache=None, say=print)
    config = stage_config(SCENE, sounds, page_port=5001, edge_port=5002, real_time=False)
    path = set_stage(tmp_path, config, sounds)
    assert load_config(path) == config
    assert all(device.synthesised for device in config.sense)
    assert config.site.profile_of("metro") == "metro"
    assert {device.edge_url for device in config.sense} == {"http://127.0.0.1:5002"}
    assert config.edge.decide_url == "http://127.0.0.1:5001"
    wave, rate = soundfile.read(tmp_path / "home.wav")
    assert rate == SAMPLE_RATE
    np.testing.assert_allclose(wave, sounds.waves["home"], atol=1e-4)


def test_a_stage_that_cannot_be_written_is_a_sentence(tmp_path):
    sounds = Sounds({"home": np.zeros(10, np.float32)}, synthesised=True, text="")
    config = stage_config(SCENE, sounds, page_port=1, edge_port=2, real_time=True)
    with pytest.raises(StoreError, match=r"cannot be written .*make room"):
        set_stage(tmp_path / "absent", config, sounds)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_a_sentence(tmp_path):
    (tmp_path / "home.wav").symlink_to("/dev/full")
    sounds = Sounds({"home": np.zeros(80000, np.float32)}, synthesised=True, text="")
    config = stage_config(SCENE, sounds, page_port=1, edge_port=2, real_time=True)
    with pytest.raises(StoreError, match="make room"):
        set_stage(tmp_path, config, sounds)


DECISION = {
    "episode": "abc",
    "onset": "2026-01-02T03:04:05.678Z",
    "device": "metro",
    "heard": "scream, negative",
    "confidence": 0.912345,
    "decision": "alert",
    "call": "police",
    "reasons": ["scream 0.91 over threshold 0.50", "negative 0.80"],
    "type": "negative",
    "level_db": 12.34,
    "origin": "synthesised",
    "late": False,
    "incident": 1,
}


def test_a_decision_is_one_line_with_what_a_reader_needs():
    line = as_line(DECISION)
    assert line["decision"] == "alert"
    assert line["recipient"] == "police"
    assert line["origin"] == "synthesised"
    assert line["reason"] == "scream 0.91 over threshold 0.50; negative 0.80"
    assert as_line({**DECISION, "decision": "record"})["recipient"] is None


def test_the_table_shows_the_same():
    console = Console(width=120, file=io.StringIO())
    console.print(as_table([DECISION]))
    text = console.file.getvalue()
    for part in ("03:04:05", "metro", "scream, negative (synthesised)", "0.91", "alert to police"):
        assert part in text


@pytest.mark.data
def test_the_shipped_scene_plays_from_the_development_corpora(data_root):
    found = choose_sounds(SCENE, data=data_root, cache=None, say=pytest.fail)
    assert not found.synthesised
    for device in SCENE.devices:
        for cue in device.cues:
            assert active(found.waves[device.device], cue.at, cue.at + 1.5) > 0.15, cue


def test_a_cue_near_the_end_is_cut_not_an_error(data):
    clips = find_clips(data, SCENE.clips)
    wave = recorded(SCENE.devices[0], SCENE.devices[0].cues[0].at + 0.5, clips, None)
    assert np.abs(wave).max() > 0.2
    shutil.rmtree(data)
