"""Soundscapes: what is planned, what is heard where, and that training heard none of it."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from exclaim.audio import read_audio
from exclaim.errors import CorpusError
from exclaim.evaluate.noise.mixing import active_level, mean_square
from exclaim.evaluate.stream.events import read_events
from exclaim.evaluate.stream.recordings import find_recordings
from exclaim.evaluate.stream.render import made_by, render, sound_of, write_soundscapes
from exclaim.evaluate.stream.soundscape import SoundscapeOptions, choose, plan
from exclaim.evaluate.stream.sources import Sound, Sources, find_sources

RATE = 16_000
SCREAM, OTHER = Sound(Path("scream.wav"), "scream", "a:1"), Sound(Path("other.wav"), "esc-10 Rooster", "b:2")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def noise(seconds: float, level: float = 0.1, seed: int = 0) -> np.ndarray:
    return (level * rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


@pytest.fixture
def scape():
    options = SoundscapeOptions(seconds=600, background_db=(-45, -30))
    lengths = [RATE + 160 * k for k in range(20)]
    return plan([SCREAM, OTHER] * 10, lengths, [7 * RATE, 70 * RATE], options, rng(1))


def test_sounds_lie_apart_within_the_soundscape_and_in_order(scape):
    begins = np.array([placed.begin for placed in scape.placed])
    ends = begins + [placed.samples for placed in scape.placed]
    assert begins[0] >= 6 * RATE
    assert (begins[1:] - ends[:-1] >= 6 * RATE).all()
    assert ends[-1] <= scape.samples - 6 * RATE
    assert [placed.sound for placed in scape.placed] == [SCREAM, OTHER] * 10


def test_excerpts_cover_the_whole_and_stay_within_their_recordings(scape):
    assert scape.excerpts[0].begin == 0
    for before, after in zip(scape.excerpts, scape.excerpts[1:], strict=False):
        assert after.begin == before.begin + before.samples - scape.fade
    assert scape.excerpts[-1].begin + scape.excerpts[-1].samples >= scape.samples
    for excerpt in scape.excerpts:
        assert 0 <= excerpt.offset <= excerpt.offset + excerpt.samples <= (7 * RATE, 70 * RATE)[excerpt.recording]
        assert -45 <= excerpt.level_db <= -30


def test_the_same_seed_plans_the_same(scape):
    options = SoundscapeOptions(seconds=600, background_db=(-45, -30))
    lengths = [placed.samples for placed in scape.placed]
    assert plan([SCREAM, OTHER] * 10, lengths, [7 * RATE, 70 * RATE], options, rng(1)) == scape
    assert plan([SCREAM, OTHER] * 10, lengths, [7 * RATE, 70 * RATE], options, rng(2)) != scape


def test_what_does_not_fit_is_refused():
    options = SoundscapeOptions(seconds=60)
    with pytest.raises(CorpusError, match="do not fit into 60 s; ask for fewer an hour"):
        plan([SCREAM] * 9, [RATE] * 9, [9 * RATE], options, rng())
    with pytest.raises(CorpusError, match=r"backgrounds of 4\.0 s cannot be faded"):
        plan([SCREAM], [RATE], [9 * RATE, 4 * RATE], options, rng())


def test_sounds_are_chosen_in_turns_and_each_before_one_comes_again():
    screams = tuple(Sound(Path(f"s{k}"), "scream", None) for k in range(4))
    kinds = {name: tuple(Sound(Path(f"{name}{k}"), name, None) for k in range(20)) for name in ("dog", "speech")}
    chosen = choose(Sources((), screams, kinds), SoundscapeOptions(screams_per_hour=8, others_per_hour=30), rng())
    assert sorted(s.path.name for s in chosen if s.label == "scream") == sorted(2 * ["s0", "s1", "s2", "s3"])
    for name in kinds:
        of_kind = [s.path for s in chosen if s.label == name]
        assert len(of_kind) == len(set(of_kind)) == 15


def test_backgrounds_and_screams_have_the_levels_that_were_asked_for():
    """The same noise as background throughout, so that its excerpts' levels are the soundscape's."""
    backgrounds, burst = [noise(90, 0.3, seed=1)], noise(1.0, 0.01, seed=2)
    options = SoundscapeOptions(seconds=300, background_db=(-40, -40), snr_db=10)
    scape = plan([SCREAM] * 8, [RATE] * 8, [90 * RATE], options, rng(5))
    whole = np.concatenate(list(render(scape, backgrounds, lambda path: burst)))
    without = np.concatenate(list(render(scape._replace(placed=()), backgrounds, lambda path: burst)))

    assert 10 * np.log10(mean_square(without)) == pytest.approx(-40, abs=0.1)  # fades too keep the power
    for placed in scape.placed:
        alone = (whole - without)[placed.begin : placed.begin + placed.samples]
        beneath = without[placed.begin : placed.begin + placed.samples]
        assert 10 * np.log10(active_level(alone) / mean_square(beneath)) == pytest.approx(10, abs=0.5)
    silent = np.ones(len(whole), bool)
    for placed in scape.placed:
        silent[placed.begin : placed.begin + placed.samples] = False
    np.testing.assert_array_equal(whole[silent], without[silent])


def test_blocks_of_any_length_are_the_same_sound(scape):
    backgrounds, burst = [noise(7, seed=1), noise(70, seed=2)], noise(1, seed=3)
    scape = scape._replace(placed=tuple(placed._replace(samples=RATE) for placed in scape.placed))
    whole = np.concatenate(list(render(scape, backgrounds, lambda path: burst, block=scape.samples)))
    pieces = np.concatenate(list(render(scape, backgrounds, lambda path: burst, block=12_345)))
    np.testing.assert_array_equal(pieces, whole)


def test_a_clip_is_heard_from_its_first_active_sample_to_its_last():
    clip = np.concatenate([np.zeros(RATE), noise(0.5), noise(1.0, 1e-4), noise(0.5), np.zeros(RATE)])
    assert len(sound_of(clip)) == 2 * RATE
    assert len(sound_of(noise(12))) == 10 * RATE
    assert len(sound_of(np.zeros(RATE))) == RATE


@pytest.fixture
def corpora(tmp_path) -> Path:
    """EmoGator with a tagger's scores, ESC-10, LibriSpeech and noise, a file for each part of a split."""
    root = tmp_path / "corpora"
    files = {f"emogator/data/opus/00000{k}-03-{i}.wav": 0.5 for k in (1, 2, 3) for i in (1, 2, 3)}
    files |= {f"esc-10/001 - Dog bark/1-10{k}-A.wav": 1.0 for k in (1, 2, 3)}
    files |= {f"librispeech/{k}-11-0001.wav": 1.0 for k in (21, 22, 23)}
    files |= {f"noise/cafe/here-{name}.wav": 30.0 for name in ("one", "two", "three")}
    for seed, (name, seconds) in enumerate(files.items()):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, noise(seconds, seed=seed), RATE)
    scores = {1: 0.5, 2: 0.1, 3: 0.01}  # a scream, nobody knows, no scream
    rows = [f"00000{k}-03-{i}.wav,{score}" for k in (1, 2, 3) for i, score in scores.items()]
    (root / "emogator/tagger.csv").write_text("\n".join(["file,screaming", *rows]) + "\n")
    parts = zip(("train", "validation", "test"), (1, 2, 3), ("one", "two", "three"), strict=True)
    split = {
        part: {
            "speakers": [f"emogator:00000{k}", f"esc-10:10{k}", f"librispeech:2{k}"],
            "ambience": [f"esc-10:10{k}", f"noise:cafe/here-{name}"],
        }
        for part, k, name in parts
    }
    (tmp_path / "split.json").write_text(json.dumps(split))
    return root


def test_only_what_training_did_not_hear_is_drawn_from(corpora, tmp_path):
    sources = find_sources(corpora, tmp_path / "split.json", "test", "emogator")
    assert [path.name for path in sources.backgrounds] == ["here-three.wav"]
    assert [(sound.path.name, sound.label, sound.source) for sound in sources.screams] == [
        ("000003-03-1.wav", "scream", "emogator:000003")
    ]
    assert {kind: [(s.path.name, s.label) for s in sounds] for kind, sounds in sources.others.items()} == {
        "emogator": [("000003-03-3.wav", "emogator Anger")],
        "esc-10": [("1-103-A.wav", "esc-10 Dog bark")],
        "librispeech": [("23-11-0001.wav", "librispeech speech")],
    }


def test_a_corpus_without_screams_is_refused(corpora, tmp_path):
    (corpora / "emogator/tagger.csv").unlink()
    with pytest.raises(CorpusError, match="has no screams in part 'test'"):
        find_sources(corpora, tmp_path / "split.json", "test", "emogator")


def test_soundscapes_are_pairs_that_can_be_evaluated_and_made_again(corpora, tmp_path):
    sources = find_sources(corpora, tmp_path / "split.json", "test", "emogator")
    options, told = SoundscapeOptions(seconds=60, screams_per_hour=120, others_per_hour=180), []
    for name in ("first", "again"):
        write_soundscapes(tmp_path / name, sources, options, count=2, seed=4, command="again", progress=told.append)

    pairs = find_recordings([tmp_path / "first"], [])
    assert [pair.sound.name for pair in pairs] == ["01.flac", "02.flac"]
    assert told[-1] == 120.0
    for pair in pairs:
        labels = [event.label for event in read_events(pair.events)]
        assert sorted(labels) == ["emogator Anger", "esc-10 Dog bark", "librispeech speech", "scream", "scream"]
        samples = read_audio(pair.sound)
        assert len(samples) == 60 * RATE
        assert pair.events.read_bytes() == (tmp_path / "again" / pair.events.name).read_bytes()
        np.testing.assert_array_equal(samples, read_audio(tmp_path / "again" / pair.sound.name))
    assert pairs[0].events.read_bytes() != pairs[1].events.read_bytes()
    assert json.loads((tmp_path / "first/soundscape.json").read_text())["seed"] == 4
    assert (made_by(tmp_path / "first"), made_by(tmp_path)) == ("again", None)


def test_a_folder_that_holds_something_is_left_alone(corpora, tmp_path):
    sources = find_sources(corpora, tmp_path / "split.json", "test", "emogator")
    with pytest.raises(CorpusError, match="is not empty; name a new folder"):
        write_soundscapes(tmp_path, sources, SoundscapeOptions(seconds=60), count=1, seed=0, command="")


@pytest.mark.data
def test_the_shipped_split_keeps_training_out_of_the_soundscapes(data_root):
    """Against the split's own lists, not by the way that the sources were found."""
    split = json.loads(Path(__file__).parents[3].joinpath("src/exclaim/assets/split.json").read_text("utf-8"))
    heard = {*split["train"]["speakers"], *split["train"]["ambience"]}
    sources = find_sources(data_root, None, "test", "emogator")
    sounds = [*sources.screams, *(sound for kind in sources.others.values() for sound in kind)]
    assert heard.isdisjoint(sound.source for sound in sounds)
    assert heard.isdisjoint(f"noise:{path.parent.name}/{path.stem}" for path in sources.backgrounds)
    assert len(sources.screams) >= 5
    assert len(sources.backgrounds) >= 5
    deeply = find_sources(data_root, None, "test", "deeply")
    assert len(deeply.screams) == 37
    assert "deeply screaming" not in {sound.label for sound in deeply.others["deeply"]}
