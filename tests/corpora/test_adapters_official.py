"""Each adapter reads its official release's layout; the tests write a few files of it themselves."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from exclaim.corpora.manifest import Manifest
from exclaim.corpora.registry import load_corpus

Write = Callable[..., Path]


def by_name(manifest: Manifest) -> dict[str, object]:
    return {clip.path.name: clip for clip in manifest}


def test_emogator_as_released(tmp_path: Path, write_sound: Write) -> None:
    folder = tmp_path / "EmoGator"
    for name in ("000001-03-1.mp3", "000001-30-2.mp3", "000357-28-3.mp3"):
        write_sound(folder / "data/mp3" / name, seconds=0.2)
    manifest = load_corpus("emogator", tmp_path)
    assert [clip.label for clip in manifest] == ["Anger", "Triumph", "Surprise (Positive)"]
    assert manifest.speakers == ("emogator:000001", "emogator:000357")
    assert manifest.clips[0].licence == "Apache-2.0"
    assert manifest.excluded == ()
    assert "no tagger.csv" in manifest.notes[0]


def test_emogator_takes_the_taggers_scores_and_tells_what_it_leaves_out(tmp_path: Path, write_sound: Write) -> None:
    opus = tmp_path / "emogator/data/opus"
    for name in ("000001-03-1.wav", "000001-31-1.wav", "000001-00-1.wav", "000001-3-1.wav", "laugh.wav"):
        write_sound(opus / name)
    write_sound(tmp_path / "emogator/data/wav/000001-03-1.wav")
    (opus / "._000001-03-1.wav").write_bytes(b"resource fork")
    (tmp_path / "emogator/tagger.csv").write_text("file,screaming,crying\n000001-03-1.opus,0.4,0.01\n")
    manifest = load_corpus("emogator", tmp_path)
    assert [clip.path.name for clip in manifest] == ["000001-03-1.wav"]
    assert manifest.clips[0].extra["tagger_screaming"] == 0.4
    assert manifest.summary_of_excluded() == {
        "category is not 01 to 30": 2,
        "name is not NNNNNN-EE-I": 2,
        "second copy of a clip in another folder or format": 1,
    }


def test_deeply_as_released(tmp_path: Path, write_sound: Write) -> None:
    dataset = tmp_path / "Nonverbal-Vocalization-Dataset-main/dataset"
    write_sound(dataset / "screaming/WVST_15_1_0_15_0_0_0.wav")
    write_sound(dataset / "throat-clearing/86C6_6_12_1_17_1_1_1.wav")
    (dataset / "Nonverbal_Vocalization_metadata.json").write_text("{}")
    clips = by_name(load_corpus("deeply", tmp_path))
    scream = clips["WVST_15_1_0_15_0_0_0.wav"]
    assert (scream.label, scream.speaker, scream.sex, scream.age) == ("screaming", "WVST", "female", 15)
    other = clips["86C6_6_12_1_17_1_1_1.wav"]
    assert (other.label, other.sex, other.age) == ("throat-clearing", "male", 17)
    assert other.extra == {"trial": "12", "place": "outdoor", "quality": "low", "noise": "noisy"}


def test_deeply_tells_what_contradicts_itself(tmp_path: Path, write_sound: Write) -> None:
    dataset = tmp_path / "deeply/dataset"
    write_sound(dataset / "screaming/AAAA_14_1_0_20_0_0_0.wav")  # 14 is moaning
    write_sound(dataset / "screaming/AAAA_15_2_0_20_0_0_0.wav")
    write_sound(dataset / "screaming/AAAA_15_3_1_44_0_0_0.wav")
    write_sound(dataset / "screaming/AAAA_16_1_0_20_0_0_0.wav")
    write_sound(dataset / "screaming/scream1.wav")
    manifest = load_corpus("deeply", tmp_path)
    assert len(manifest) == 2
    assert manifest.notes == ("speakers whose clips disagree on sex or age: AAAA",)
    assert set(manifest.summary_of_excluded()) == {
        "folder and name disagree on the class",
        "class is not 0 to 15",
        "name has not the eight fields",
    }


def test_esc10_as_released(tmp_path: Path, write_sound: Write) -> None:
    folder = tmp_path / "ESC-10"
    write_sound(folder / "001 - Dog bark/1-30226-A.ogg", rate=44_100)
    write_sound(folder / "001 - Dog bark/5-203128-B.ogg", rate=44_100)
    write_sound(folder / "010 - Fire crackling/3-164630-A.ogg", rate=44_100)
    write_sound(folder / "011 - Cow/3-1-A.ogg", rate=44_100)
    write_sound(folder / "001 - Dog bark/bark.ogg", rate=44_100)
    manifest = load_corpus("esc-10", tmp_path)
    found = [(clip.label, clip.fold, clip.recording) for clip in manifest]
    assert found == [("Dog bark", 1, "30226"), ("Dog bark", 5, "203128"), ("Fire crackling", 3, "164630")]
    assert len(manifest.excluded) == 2
    assert manifest.speakers == ()


def test_esc10_out_of_esc50(tmp_path: Path, write_sound: Write) -> None:
    folder = tmp_path / "ESC-50-master"
    for name in ("1-100032-A-0.wav", "1-100038-A-14.wav", "5-9032-A-0.wav"):
        write_sound(folder / "audio" / name)
    (folder / "meta").mkdir()
    (folder / "meta/esc50.csv").write_text(
        "filename,fold,target,category,esc10,src_file,take\n"
        "1-100032-A-0.wav,1,0,dog,True,100032,A\n"
        "1-100038-A-14.wav,1,14,chirping_birds,False,100038,A\n"
        "5-9032-A-0.wav,5,0,dog,True,9032,A\n"
        "4-1-A-12.wav,4,12,crackling_fire,True,1,A\n"
    )
    manifest = load_corpus("esc-10", tmp_path)
    assert [(clip.label, clip.fold) for clip in manifest] == [("Dog bark", 1), ("Dog bark", 5)]
    assert manifest.summary_of_excluded() == {"listed in meta/esc50.csv but absent": 1}


def test_librispeech_as_released(tmp_path: Path, write_sound: Write) -> None:
    folder = tmp_path / "LibriSpeech"
    write_sound(folder / "train-clean-100/103/1240/103-1240-0000.flac")
    write_sound(folder / "train-clean-100/103/1241/103-1241-0001.flac")
    write_sound(folder / "test-other/367/130732/367-130732-0000.flac")
    (folder / "train-clean-100/103/1240/103-1240.trans.txt").write_text("103-1240-0000 CHAPTER ONE\n")
    (folder / "SPEAKERS.TXT").write_text(
        "; Comment lines start with ';'\n"
        ";ID  |SEX| SUBSET           |MINUTES| NAME\n"
        "103  | F | train-clean-100  | 25.11 | Karen Savage\n"
        "367  | M | test-other       |  8.03 | A | Name | With Bars\n"
    )
    clips = by_name(load_corpus("librispeech", tmp_path))
    assert clips["103-1240-0000.flac"].sex == "female"
    assert clips["103-1240-0000.flac"].extra == {"part": "train-clean-100"}
    assert clips["103-1241-0001.flac"].recording == "103-1241"
    assert clips["367-130732-0000.flac"].sex == "male"
    assert clips["367-130732-0000.flac"].label is None


def test_librispeech_of_one_subset_and_of_flat_folders(tmp_path: Path, write_sound: Write) -> None:
    write_sound(tmp_path / "librispeech/1688/1688-142285-0000.ogg")
    write_sound(tmp_path / "librispeech/librispeech_train-clean-100/103-1240-0000.ogg")
    write_sound(tmp_path / "librispeech/1688/intro.ogg")
    manifest = load_corpus("librispeech", tmp_path)
    assert [clip.extra for clip in manifest] == [{}, {"part": "train-clean-100"}]
    assert manifest.summary_of_excluded() == {"name is not SPEAKER-CHAPTER-UTTERANCE": 1}
    (tmp_path / "SPEAKERS.TXT").write_text("103 | F | train-clean-100 | 25.11 | Karen Savage\n")
    subset = load_corpus("librispeech", tmp_path / "librispeech/librispeech_train-clean-100")
    assert [clip.speaker for clip in subset] == ["103"]


def test_ravdess_as_released(tmp_path: Path, write_sound: Write) -> None:
    folder = tmp_path / "ravdess"
    write_sound(folder / "Audio_Speech_Actors_01-24/Actor_01/03-01-05-02-01-02-01.wav", rate=48_000)
    write_sound(folder / "Audio_Song_Actors_01-24/Actor_24/03-02-06-01-02-01-24.wav", rate=48_000)
    clips = by_name(load_corpus("ravdess", tmp_path))
    speech = clips["03-01-05-02-01-02-01.wav"]
    assert (speech.label, speech.speaker, speech.sex, speech.extra["part"]) == ("angry", "01", "male", "speech")
    assert (speech.extra["intensity"], speech.extra["repetition"]) == ("strong", "02")
    song = clips["03-02-06-01-02-01-24.wav"]
    assert (song.label, song.speaker, song.sex, song.extra["part"]) == ("fearful", "24", "female", "song")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Actor_01/02-01-05-02-01-02-01.wav", "not audio only"),
        ("Actor_01/03-03-05-02-01-02-01.wav", "channel or intensity is not 01 or 02"),
        ("Actor_01/03-01-09-02-01-02-01.wav", "emotion is not 01 to 08 or actor is not 01 to 24"),
        ("Actor_01/03-01-05-02-01-02-02.wav", "folder and name disagree on the actor"),
        ("Actor_01/angry.wav", "name has not seven fields of two digits"),
        ("copy/Actor_02/03-01-01-01-01-01-02.wav", "second copy of a clip in another folder or format"),
    ],
)
def test_ravdess_tells_what_it_leaves_out(tmp_path: Path, write_sound: Write, name: str, reason: str) -> None:
    folder = tmp_path / "ravdess"
    write_sound(folder / "Actor_02/03-01-01-01-01-01-02.wav")
    write_sound(folder / name)
    manifest = load_corpus("ravdess", tmp_path)
    assert len(manifest) == 1
    assert manifest.summary_of_excluded() == {reason: 1}


def test_a_noise_folder(tmp_path: Path, write_sound: Write) -> None:
    write_sound(tmp_path / "noise/cafe/moodist-cafe.wav")
    write_sound(tmp_path / "noise/metro/sounds-of-taipei-inmrt.flac")
    write_sound(tmp_path / "noise/hum.wav")
    manifest = load_corpus("noise", tmp_path)
    found = [(clip.label, clip.recording, clip.extra["source"]) for clip in manifest]
    assert found == [("cafe", "cafe/moodist-cafe", "moodist"), ("metro", "metro/sounds-of-taipei-inmrt", "sounds")]
    assert manifest.summary_of_excluded() == {"not in a folder that names the kind of noise": 1}


def test_a_folder_of_ones_own(tmp_path: Path, write_sound: Write) -> None:
    write_sound(tmp_path / "scream/monday/1.wav")
    write_sound(tmp_path / "other/1.WAV")
    write_sound(tmp_path / "loose.wav")
    (tmp_path / "other/notes.txt").write_text("not sound")
    manifest = load_corpus("folder", tmp_path)
    assert [(clip.label, clip.recording) for clip in manifest] == [
        ("other", "other/1.WAV"),
        ("scream", "scream/monday/1.wav"),
    ]
    assert manifest.summary_of_excluded() == {"not in a folder that names its class": 1}


def test_a_csv_of_ones_own(tmp_path: Path, write_sound: Write) -> None:
    write_sound(tmp_path / "a.wav")
    with (tmp_path / "mine.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "label", "speaker"], ["a.wav", "scream", "Ann"]])
    manifest = load_corpus("csv", tmp_path / "mine.csv")
    assert [(clip.label, clip.speaker, clip.corpus) for clip in manifest] == [("scream", "Ann", "csv")]
