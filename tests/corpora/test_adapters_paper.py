"""The corpora of the paper, ASVP-ESD, VIVAE and DEMAND, and CREMA-D, in the layouts and the names of their releases."""

from collections.abc import Callable
from pathlib import Path

import pytest

from exclaim.corpora.adapters.demand import ENVIRONMENTS, read_demand
from exclaim.corpora.check import check_manifest
from exclaim.corpora.labels import map_label
from exclaim.corpora.leaks import find_leaks
from exclaim.corpora.manifest import Manifest
from exclaim.corpora.registry import corpus_info, find_corpus, load_corpus
from exclaim.corpora.splits import split_by_recording

Write = Callable[..., Path]


def by_name(manifest: Manifest) -> dict[str, object]:
    return {clip.path.name: clip for clip in manifest}


def test_asvp_esd_as_released(tmp_path: Path, write_sound: Write) -> None:
    audio = tmp_path / "asvp-esd/ASVP-ESD-Update/Audio"
    write_sound(audio / "actor_101/03-02-06-02-33-101-03-01-00-16.wav")
    write_sound(audio / "actor_36/03-01-04-01-11-36-03-03-01.wav")
    manifest = load_corpus("asvp-esd", tmp_path)
    assert manifest.excluded == ()
    clips = by_name(manifest)
    scream = clips["03-02-06-02-33-101-03-01-00-16.wav"]
    assert (scream.label, scream.speaker, scream.sex) == ("fearful", "101", "female")
    assert scream.extra == {
        "part": "audio",
        "channel": "without words",
        "intensity": "high",
        "age_group": "under 20",
        "source": "website",
        "language": "00",
        "sound": "16",
    }
    speech = clips["03-01-04-01-11-36-03-03-01.wav"]
    assert (speech.label, speech.speaker, speech.sex, speech.extra["channel"]) == ("sad", "36", "male", "speech")
    assert "sound" not in speech.extra


@pytest.mark.parametrize(
    ("name", "label", "extra"),
    [
        ("03-01-04-01-08-36-03-03-01-77", "sad", {"noise": "noisy"}),
        ("03-01-04-01-08-36-03-03-01_66", "sad", {"voices": "several"}),
        ("03-02-04-01-09-36-04-01-00-14-77-05", "sad", {"noise": "noisy", "sound": "14"}),
        ("03-02-04-01-11-36-02-01-00-14-12", "sad", {"sound": "14"}),  # 12 is the piece
        ("03-02-01-01-712-36-02-02-02-11", "boredom", {"sound": "11"}),
        ("03-02-06-01-02-36", "fearful", {}),  # nothing after the actor
        ("03-02-06-01-02-36-02-01", "fearful", {}),  # one field is missing, nobody knows which
        ("03_02_06_01_02_36_02_01_01", "fearful", {"age_group": "20 to 64"}),
        ("03-02-06-01-02-36-02-01-01 (2)", "fearful", {"age_group": "20 to 64"}),
        ("03-02-06-00-02-036-09-09-09", "fearful", {"language": "09"}),  # numbers that mean nothing
    ],
)
def test_asvp_esds_irregular_names_are_read(
    tmp_path: Path, write_sound: Write, name: str, label: str, extra: dict[str, str]
) -> None:
    write_sound(tmp_path / f"ASVP-ESD-Update/Audio/actor_36/{name}.wav")
    manifest = load_corpus("asvp-esd", tmp_path)
    assert (len(manifest), manifest.excluded) == (1, ())
    (clip,) = manifest
    assert (clip.label, clip.speaker) == (label, "36")
    assert extra.items() <= clip.extra.items()
    told = {"sound", "noise", "voices", "age_group"}
    assert told & set(clip.extra) <= told & {*extra, "age_group"}
    if len(name) < len("03-02-06-01-02-36-02-01-01"):
        assert "age_group" not in clip.extra


def test_asvp_esd_in_upper_case(tmp_path: Path, write_sound: Write) -> None:
    write_sound(tmp_path / "ASVP-ESD-Update/AUDIO/ACTOR_7/03-02-03-01-01-07-02-02-02.WAV")
    (clip,) = load_corpus("asvp-esd", tmp_path)
    assert (clip.speaker, clip.sex, clip.label) == ("7", "female", "happy")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Audio/actor_36/01-02-06-01-02-36-02-01-01.wav", "not audio only"),
        ("Audio/actor_36/03-03-06-01-02-36-02-01-01.wav", "channel is not 01 or 02"),
        ("Audio/actor_36/03-02-17-01-02-36-02-01-01.wav", "emotion is not 01 to 13"),  # the release holds one such
        ("Audio/actor_36/03-02-06-01-02-37-02-01-01.wav", "folder and name disagree on the actor"),
        ("Audio/actor_36/03-02-06-01.wav", "name has not six numbers down to the actor's"),
        ("Audio/actor_36/scream.wav", "name has not six numbers down to the actor's"),
        ("Audio/actor_36/03-xx-06-01-02-36-02-01-01.wav", "name has not six numbers down to the actor's"),
        ("copy/Audio/actor_36/03-01-01-01-01-36-02-01-01.wav", "second copy of a clip in another folder or format"),
    ],
)
def test_asvp_esd_tells_what_it_leaves_out(tmp_path: Path, write_sound: Write, name: str, reason: str) -> None:
    folder = tmp_path / "asvp-esd"
    write_sound(folder / "Audio/actor_36/03-01-01-01-01-36-02-01-01.wav")
    write_sound(folder / name)
    manifest = load_corpus("asvp-esd", tmp_path)
    assert len(manifest) == 1
    assert manifest.summary_of_excluded() == {reason: 1}


def test_asvp_esds_infants_are_of_no_known_sex_and_not_copies_of_an_actor(tmp_path: Path, write_sound: Write) -> None:
    folder = tmp_path / "ASVP-ESD-Update"
    write_sound(folder / "Audio/actor_50/03-02-04-01-01-50-02-01-02-14.wav")
    write_sound(folder / "Bonus/actor_50/03-02-04-01-01-50-02-01-02-14.wav")
    manifest = load_corpus("asvp-esd", tmp_path)
    assert [(clip.extra["part"], clip.sex) for clip in manifest] == [("audio", "male"), ("bonus", None)]
    assert len({clip.recording for clip in manifest}) == 2


def test_no_split_parts_the_pieces_of_an_asvp_esd_recording(tmp_path: Path, write_sound: Write) -> None:
    actor = tmp_path / "ASVP-ESD-Update/Audio/actor_63"
    for name in ("03-02-11-01-39-63-02-02-02-11-03", "03-02-10-01-39-63-02-02-02-12-05"):  # one recording, two votes
        write_sound(actor / f"{name}.wav")
    assert len({clip.recording for clip in load_corpus("asvp-esd", tmp_path)}) == 1


def test_asvp_esd_is_not_taken_for_ravdess_nor_ravdess_for_it(tmp_path: Path, write_sound: Write) -> None:
    write_sound(tmp_path / "somewhere/Actor_01/03-01-05-02-01-02-01.wav")
    assert find_corpus("asvp-esd", tmp_path / "somewhere") is None
    write_sound(tmp_path / "asvp-esd/Audio/actor_12/03-01-06-01-02-12-02-01-01-16.wav")
    assert len(load_corpus("asvp-esd", tmp_path / "asvp-esd")) == 1
    (clip,) = load_corpus("ravdess", tmp_path)
    assert clip.path.name == "03-01-05-02-01-02-01.wav"


def test_vivae_as_released(tmp_path: Path, write_sound: Write) -> None:
    folder = tmp_path / "vivae/VIVAE"
    for name in ("S01_anger_peak_03", "S11_achievement_low_10", "S04_surprise_peak_10"):
        write_sound(folder / f"full_set/{name}.wav", rate=44_100)
    write_sound(folder / "core_set/S01_anger_peak_03.wav", rate=44_100)
    manifest = load_corpus("vivae", tmp_path)
    found = [(clip.label, clip.speaker, clip.extra["intensity"], clip.extra["part"]) for clip in manifest]
    assert found == [
        ("anger", "S01", "peak", "core"),
        ("surprise", "S04", "peak", "full set only"),
        ("achievement", "S11", "low", "full set only"),
    ]
    assert all("full_set" in clip.path.parts for clip in manifest)
    assert manifest.summary_of_excluded() == {"copy of a clip of the full set": 1}
    assert manifest.clips[0].sex is None


def test_vivae_of_one_set_and_with_a_folder_for_each_emotion(tmp_path: Path, write_sound: Write) -> None:
    write_sound(tmp_path / "VIVAE/Core_set/Fear/s02_FEAR_moderate_01.WAV")
    write_sound(tmp_path / "VIVAE/Core_set/Fear/S02_fear_huge_01.wav")
    write_sound(tmp_path / "VIVAE/Core_set/Joy/S02_joy_peak_01.wav")
    manifest = load_corpus("vivae", tmp_path)
    assert [(clip.label, clip.speaker, clip.extra["part"]) for clip in manifest] == [("fear", "S02", "core")]
    assert manifest.summary_of_excluded() == {"name is not SPEAKER_EMOTION_INTENSITY_ITEM": 2}
    write_sound(tmp_path / "other/S03_pain_peak_01.wav")
    (flat,) = load_corpus("vivae", tmp_path / "other")
    assert "part" not in flat.extra  # without the core set nobody knows


def write_environment(folder: Path, write_sound: Write, channels: range = range(1, 17), rate: int = 16_000) -> None:
    for channel in channels:
        write_sound(folder / f"ch{channel:02}.wav", seconds=0.02 + channel / 1000, rate=rate)


def test_demand_as_released_gives_channel_one_of_each_environment(tmp_path: Path, write_sound: Write) -> None:
    write_environment(tmp_path / "demand/16k/DKITCHEN", write_sound)
    write_environment(tmp_path / "demand/16k/TBUS", write_sound)
    write_environment(tmp_path / "demand/48k/SCAFE", write_sound, rate=48_000)
    manifest = load_corpus("demand", tmp_path)
    found = [(clip.label, clip.recording, clip.path.name, clip.extra["rate"]) for clip in manifest]
    assert found == [
        ("kitchen", "DKITCHEN", "ch01.wav", "16 kHz"),
        ("cafe", "SCAFE", "ch01.wav", "48 kHz"),
        ("bus", "TBUS", "ch01.wav", "16 kHz"),
    ]
    assert manifest.clips[2].extra["category"] == "transportation"
    assert manifest.notes == ("45 further channels of these environments lie there and are not read",)
    assert manifest.excluded == ()


def test_demands_channels_can_be_chosen_and_stay_together(tmp_path: Path, write_sound: Write) -> None:
    for name in ("DKITCHEN", "TBUS", "OOFFICE"):
        write_environment(tmp_path / f"demand/{name}_16k", write_sound)
    manifest = read_demand(tmp_path / "demand", channels=range(1, 17))
    assert len(manifest) == 3 * 16
    assert {clip.extra["channel"] for clip in manifest} == {f"{channel:02}" for channel in range(1, 17)}
    parts = split_by_recording(manifest, {"train": None, "validation": 1, "test": 1}, seed=3)
    assert [len(part) for part in parts.values()] == [16, 16, 16]
    assert find_leaks(parts) == ()
    assert [clip.extra["channel"] for clip in read_demand(tmp_path / "demand", channels=(5,))] == ["05"] * 3


def test_an_environment_with_one_kept_channel_gives_that(tmp_path: Path, write_sound: Write) -> None:
    write_sound(tmp_path / "DEMAND/NPARK/CH09.WAV")
    (clip,) = load_corpus("demand", tmp_path)
    assert (clip.label, clip.extra["channel"]) == ("park", "09")


def test_demand_at_both_rates_is_one_recording(tmp_path: Path, write_sound: Write) -> None:
    for rate in (16, 48):
        write_environment(tmp_path / f"demand/PCAFETER_{rate}k", write_sound, range(1, 3), 1000 * rate)
    manifest = load_corpus("demand", tmp_path)
    assert [clip.path.parent.name for clip in manifest] == ["PCAFETER_16k"]
    assert manifest.summary_of_excluded() == {"the same recording at another rate or in another folder": 2}
    write_environment(tmp_path / "apart/48k/PCAFETER", write_sound, range(1, 2), 48_000)
    write_environment(tmp_path / "apart/16k/PCAFETER", write_sound, range(1, 2), 16_000)
    assert [clip.extra["rate"] for clip in load_corpus("demand", tmp_path / "apart")] == ["16 kHz"]


def test_demand_tells_what_it_leaves_out(tmp_path: Path, write_sound: Write) -> None:
    write_sound(tmp_path / "demand/TCAR/ch01.wav")
    for name in ("TCAR/ch17.wav", "TCAR/mix.wav", "TRAIN/ch01.wav", "ch01.wav"):
        write_sound(tmp_path / "demand" / name)
    write_sound(tmp_path / "demand/TCAR/ch01.flac")
    manifest = load_corpus("demand", tmp_path)
    assert [clip.label for clip in manifest] == ["car"]
    assert manifest.summary_of_excluded() == {
        "not ch01 to ch16 in a folder named after an environment": 4,
        "second copy of a channel in another format": 1,
    }


def test_demand_has_the_five_noises_of_the_paper_under_the_names_of_the_noise_corpus() -> None:
    assert {"cafe", "kitchen", "office", "metro", "bus"} <= set(ENVIRONMENTS.values())
    assert len(set(ENVIRONMENTS.values())) == len(ENVIRONMENTS) == 18


def test_crema_d_as_released(tmp_path: Path, write_sound: Write) -> None:
    folder = tmp_path / "CREMA-D"
    write_sound(folder / "AudioWAV/1001_IEO_ANG_HI.wav")
    write_sound(folder / "AudioMP3/1001_IEO_ANG_HI.mp3", seconds=0.2)
    write_sound(folder / "AudioWAV/1040_ITH_SAD_X.wav")  # a name that the release once had
    write_sound(folder / "AudioWAV/readme.wav")
    (folder / "VideoDemographics.csv").write_text(
        '"ActorID","Age","Sex","Race","Ethnicity"\n1001,51,"Male","Caucasian","Not Hispanic"\n'
    )
    manifest = load_corpus("crema-d", tmp_path)
    found = [(clip.path.name, clip.label, clip.speaker, clip.sex, clip.age) for clip in manifest]
    assert found == [
        ("1001_IEO_ANG_HI.wav", "ANG", "1001", "male", 51),
        ("1040_ITH_SAD_X.wav", "SAD", "1040", None, None),
    ]
    assert manifest.summary_of_excluded() == {
        "name is not ACTOR_SENTENCE_EMOTION_LEVEL": 1,
        "second copy of a clip in another folder or format": 1,
    }
    assert map_label("speech-emotion", manifest.clips[0]) == "ANG"
    assert map_label("scream-detection", manifest.clips[0]) == "other"


@pytest.mark.parametrize(
    ("corpus", "names"),
    [
        ("asvp-esd", ("Audio/actor_1/03-02-06-01-01-01-02-01-00-16", "Audio/actor_2/03-02-03-01-01-02-02-01-00-13")),
        ("vivae", ("full_set/S01_pain_peak_01", "full_set/S02_pleasure_low_01")),
        ("demand", ("DKITCHEN/ch01", "TMETRO/ch01")),
        ("crema-d", ("AudioWAV/1001_IEO_ANG_HI", "AudioWAV/1002_IEO_ANG_HI")),
    ],
)
def test_the_check_finds_them_sound(tmp_path: Path, write_sound: Write, corpus: str, names: tuple[str, ...]) -> None:
    for number, name in enumerate(names):
        write_sound(tmp_path / corpus / f"{name}.wav", seconds=0.1 + number / 100)
    found = check_manifest(corpus_info(corpus), load_corpus(corpus, tmp_path))
    assert found.errors == ()
    assert found.states == {"ok": 2}
    assert found.counts[0].official_clips == corpus_info(corpus).clips
