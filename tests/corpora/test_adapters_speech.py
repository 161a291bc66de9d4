"""The corpora of acted speech, EmoDB, TESS and SAVEE, in the layouts and the names of their releases."""

from collections.abc import Callable
from pathlib import Path

import pytest

from exclaim.corpora.check import check_manifest
from exclaim.corpora.labels import counterparts, map_label
from exclaim.corpora.manifest import Manifest
from exclaim.corpora.registry import corpus_info, load_corpus

Write = Callable[..., Path]
SAID = {  # corpus: what its own labels are to the task
    "emodb": {
        "anger": "ANG",
        "boredom": None,
        "disgust": "DIS",
        "fear": "FEA",
        "happiness": "HAP",
        "neutral": "NEU",
        "sadness": "SAD",
    },
    "tess": {
        "angry": "ANG",
        "disgust": "DIS",
        "fear": "FEA",
        "happy": "HAP",
        "neutral": "NEU",
        "pleasant surprise": None,
        "sad": "SAD",
    },
    "savee": {
        "anger": "ANG",
        "disgust": "DIS",
        "fear": "FEA",
        "happiness": "HAP",
        "neutral": "NEU",
        "sadness": "SAD",
        "surprise": None,
    },
}


def write_all(root: Path, write_sound: Write, *names: str) -> None:
    for number, name in enumerate(names):
        write_sound(root / name, seconds=0.05 + number / 100)


def labels(manifest: Manifest) -> dict[str, str | None]:
    return {str(clip.label): map_label("speech-emotion", clip) for clip in manifest}


def test_emodb_as_released(tmp_path: Path, write_sound: Write) -> None:
    names = ("03a01Fa", "03a01Nc", "08b10Wb", "09a05Lb", "16b03Ta", "11a02Ec", "10a07Ad")
    write_all(tmp_path / "emodb/wav", write_sound, *(f"{name}.wav" for name in names))
    manifest = load_corpus("emodb", tmp_path)
    assert manifest.excluded == ()
    clips = {clip.path.stem: clip for clip in manifest}
    happy = clips["03a01Fa"]
    assert (happy.label, happy.speaker, happy.sex, happy.age) == ("happiness", "03", "male", 31)
    assert happy.extra == {"sentence": "a01", "version": "a"}
    assert (clips["08b10Wb"].label, clips["08b10Wb"].sex) == ("anger", "female")
    assert labels(manifest) == SAID["emodb"]


def test_emodb_as_its_later_release_lays_it_out(tmp_path: Path, write_sound: Write) -> None:
    write_all(tmp_path / "emodb", write_sound, "emodb/wav/03a01Wa.wav", "emodb/laryngo/03a01Wa.wav")
    manifest = load_corpus("emodb", tmp_path)
    assert [clip.path.parent.name for clip in manifest] == ["wav"]
    assert manifest.summary_of_excluded() == {"a laryngogram, not speech": 1}


def test_tess_as_released_and_as_it_is_copied(tmp_path: Path, write_sound: Write) -> None:
    folder = tmp_path / "TESS Toronto emotional speech set data"
    names = (
        "OAF_angry/OAF_back_angry.wav",
        "OAF_Fear/OAF_back_fear.wav",
        "OAF_Pleasant_surprise/OAF_back_ps.wav",
        "YAF_pleasant_surprised/YAF_back_ps.wav",
        "OAF_neutral/OA_bite_neutral.wav",
        "OAF_Sad/OAF_back_sad.wav",
        "YAF_disgust/YAF_back_disgust.wav",
        "YAF_happy/YAF_back_happy.wav",
    )
    write_all(folder, write_sound, *names)
    write_all(folder / folder.name, write_sound, *names)
    manifest = load_corpus("tess", tmp_path)
    assert len(manifest) == len(names)
    assert manifest.summary_of_excluded() == {"second copy of a clip in another folder or format": len(names)}
    clips = {clip.path.stem: clip for clip in manifest}
    assert {(clip.speaker, clip.sex, clip.age) for clip in manifest} == {("OAF", "female", 64), ("YAF", "female", 26)}
    assert clips["OA_bite_neutral"].speaker == "OAF"
    assert clips["YAF_back_ps"].extra == {"sentence": "back"}
    assert labels(manifest) == SAID["tess"]


def test_tess_with_all_files_in_one_folder_and_longer_names(tmp_path: Path, write_sound: Write) -> None:
    write_all(tmp_path / "tess", write_sound, "OAF_back_Pleasant_surprise.wav", "YAF_bar_ps.wav", "yaf_bar_SAD.WAV")
    found = [(clip.speaker, clip.label) for clip in load_corpus("tess", tmp_path)]
    assert found == [("OAF", "pleasant surprise"), ("YAF", "pleasant surprise"), ("YAF", "sad")]


def test_savee_as_released(tmp_path: Path, write_sound: Write) -> None:
    names = ("DC/a01", "DC/sa15", "JE/su02", "JK/n30", "KL/d03", "KL/f04", "KL/h05")
    write_all(tmp_path / "savee/AudioData", write_sound, *(f"{name}.wav" for name in names))
    manifest = load_corpus("savee", tmp_path)
    assert manifest.excluded == ()
    assert [(clip.recording, clip.speaker, clip.label) for clip in manifest][:2] == [
        ("DC_a01", "DC", "anger"),
        ("DC_sa15", "DC", "sadness"),
    ]
    assert {clip.sex for clip in manifest} == {"male"}
    assert labels(manifest) == SAID["savee"]


def test_savee_with_all_files_in_one_folder_is_the_same_corpus(tmp_path: Path, write_sound: Write) -> None:
    write_all(tmp_path / "savee", write_sound, "AudioData/DC/a01.wav", "ALL/DC_a01.wav", "ALL/KL_n30.wav")
    manifest = load_corpus("savee", tmp_path)
    assert [clip.recording for clip in manifest] == ["DC_a01", "KL_n30"]
    assert manifest.summary_of_excluded() == {"second copy of a clip in another folder or format": 1}


@pytest.mark.parametrize(
    ("corpus", "good", "name", "reason"),
    [
        ("emodb", "wav/03a01Fa", "wav/03a01Xa", "name is not speaker, text, emotion, version"),
        ("emodb", "wav/03a01Fa", "wav/04a01Fa", "speaker is none of the ten"),
        ("emodb", "wav/03a01Fa", "copy/03a01Fa", "second copy of a clip in another folder or format"),
        ("tess", "OAF_back_sad", "OAF_back_calm", "name is not SPEAKER_WORD_EMOTION"),
        ("tess", "OAF_back_sad", "IAF_back_sad", "name is not SPEAKER_WORD_EMOTION"),
        ("tess", "OAF_back_sad", "YAF_sad/OAF_bar_sad", "folder and name disagree on the speaker or the emotion"),
        ("tess", "OAF_back_sad", "OAF_happy/OAF_bar_sad", "folder and name disagree on the speaker or the emotion"),
        ("savee", "AudioData/DC/a01", "AudioData/DC/b01", "name is not a speaker's emotion and number"),
        ("savee", "AudioData/DC/a01", "AudioData/a01", "name is not a speaker's emotion and number"),
        ("savee", "AudioData/DC/a01", "AudioData/DC/a16", "number is not 01 to 15, of neutral to 30"),
        ("savee", "AudioData/DC/a01", "AudioData/DC/JE_a02", "folder and name disagree on the speaker"),
    ],
)
def test_what_is_left_out_is_told(
    tmp_path: Path, write_sound: Write, corpus: str, good: str, name: str, reason: str
) -> None:
    write_all(tmp_path / corpus, write_sound, f"{good}.wav", f"{name}.wav")
    manifest = load_corpus(corpus, tmp_path)
    assert len(manifest) == 1
    assert manifest.summary_of_excluded() == {reason: 1}


def test_the_official_counts_and_terms() -> None:
    counts = {name: (corpus_info(name).clips, corpus_info(name).speakers) for name in SAID}
    assert counts == {"emodb": (535, 10), "tess": (200 * 7 * 2, 2), "savee": (4 * (6 * 15 + 30), 4)}
    assert not any(corpus_info(name).may_ship for name in SAID)


def test_the_check_finds_them_sound_and_counts_what_has_no_counterpart(tmp_path: Path, write_sound: Write) -> None:
    write_all(tmp_path / "savee/AudioData", write_sound, "DC/a01.wav", "DC/su01.wav", "KL/su01.wav", "KL/n01.wav")
    manifest = load_corpus("savee", tmp_path)
    found = check_manifest(corpus_info("savee"), manifest)
    assert found.errors == ()
    assert found.tasks == counterparts(manifest)
    assert found.tasks["speech-emotion"].labels == {"ANG": 1, "NEU": 1}
    assert found.tasks["speech-emotion"].without == {"surprise": 2}
    assert found.tasks["scream-detection"].labels == {"other": 4}
    assert "scream-type" not in found.tasks
