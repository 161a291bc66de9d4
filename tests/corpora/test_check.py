from pathlib import Path

import pytest

from exclaim.corpora.check import CorpusCheck, check_manifest, split_to_check
from exclaim.corpora.leaks import find_leaks
from exclaim.corpora.manifest_files import read_csv
from exclaim.corpora.registry import corpus_info, load_corpus


def check(name: str, root: Path) -> CorpusCheck:
    return check_manifest(corpus_info(name), load_corpus(name, root))


def emogator(tmp_path: Path, write_sound, names: list[str]) -> Path:
    for name in names:
        write_sound(tmp_path / "emogator/data/mp3" / f"{name}.wav")
    return tmp_path / "emogator/data/mp3"


def test_a_sound_part_of_a_corpus_has_no_errors(tmp_path: Path, write_sound) -> None:
    emogator(tmp_path, write_sound, ["000001-03-1", "000001-30-1", "000002-03-1"])
    found = check("emogator", tmp_path)
    assert found.errors == ()
    assert found.states == {"ok": 3}
    assert found.seconds == pytest.approx(0.15, abs=0.06)
    whole = found.counts[0]
    assert (whole.clips, whole.official_clips, whole.speakers, whole.official_speakers) == (3, 32_130, 2, 357)
    assert found.root == tmp_path / "emogator/data/mp3"


def test_broken_clips_are_errors_and_more_than_a_twentieth_is_too_many(tmp_path: Path, write_sound) -> None:
    folder = emogator(tmp_path, write_sound, [f"{who:06}-03-1" for who in range(1, 31)])
    (folder / "000001-03-1.wav").write_text("not sound")
    found = check("emogator", tmp_path)
    assert found.errors == ("1 of 30 clips are broken (1 unreadable)",)
    (folder / "000002-03-1.wav").write_bytes(b"")
    found = check("emogator", tmp_path)
    assert found.errors == (
        "2 of 30 clips are broken (1 unreadable, 1 empty): more than 5 %, too many to train or measure with",
    )
    assert {problem.state for problem in found.problems} == {"unreadable", "empty"}


def test_git_lfs_pointers_say_what_to_do(tmp_path: Path, write_sound) -> None:
    folder = emogator(tmp_path, write_sound, ["000001-03-1"])
    (folder / "000001-03-2.mp3").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    assert "git lfs pull" in check("emogator", tmp_path).errors[-1]


def test_the_same_sound_of_one_speaker_is_told_and_of_two_is_a_leak(tmp_path: Path, write_sound) -> None:
    folder = emogator(tmp_path, write_sound, ["000001-03-1", "000002-03-1", "000003-03-1"])
    (folder / "000001-15-1.wav").write_bytes((folder / "000001-03-1.wav").read_bytes())
    found = check("emogator", tmp_path)
    (same,) = found.duplicates
    assert (same.same_bytes, same.speakers, same.labels) == (True, ("000001",), ("Anger", "Fear"))
    assert found.errors == ()
    (folder / "000002-15-1.wav").write_bytes((folder / "000001-03-1.wav").read_bytes())
    found = check("emogator", tmp_path)
    assert found.errors == ("1 leaks of audio between the parts of the split (each speaker apart)",)


def test_a_recording_in_two_folds_is_a_leak(tmp_path: Path, write_sound) -> None:
    for name in ("1-100-A", "2-100-B", "2-200-A"):
        write_sound(tmp_path / f"esc-10/001 - Dog bark/{name}.ogg", seconds=0.2)
    found = check("esc-10", tmp_path)
    assert (found.split, [leak.key for leak in found.leaks]) == ("folds", ["esc-10:100"])
    assert found.errors == ("1 leaks of recording between the parts of the split (folds)",)


def test_a_csvs_column_split_is_looked_at(tmp_path: Path, write_sound) -> None:
    for name in "abc":
        write_sound(tmp_path / f"{name}.wav")
    (tmp_path / "m.csv").write_text("path,label,speaker,split\na.wav,x,Ann,train\nb.wav,x,Ann,test\nc.wav,x,Bo,test\n")
    found = check_manifest(corpus_info("csv"), read_csv(tmp_path / "m.csv"))
    assert [(leak.kind, leak.key) for leak in found.leaks] == [("speaker", "csv:Ann")]
    assert found.errors == ("1 leaks of speaker between the parts of the split (column split)",)


def test_one_speakers_clips_leak_nowhere(tmp_path: Path, write_sound) -> None:
    emogator(tmp_path, write_sound, ["000001-03-1", "000001-03-2"])
    found = check("emogator", tmp_path)
    assert (found.split, found.leaks) == ("", ())


def test_the_same_sound_in_two_files_of_noise_is_a_leak(tmp_path: Path, write_sound) -> None:
    path = write_sound(tmp_path / "noise/bus/a-bus.wav")
    (tmp_path / "noise/bus/b-bus.wav").write_bytes(path.read_bytes())
    assert [leak.kind for leak in check("noise", tmp_path).leaks] == ["audio"]


def test_the_parts_of_a_release_are_counted_apart(tmp_path: Path, write_sound) -> None:
    write_sound(tmp_path / "LibriSpeech/test-clean/61/70968/61-70968-0000.flac")
    write_sound(tmp_path / "LibriSpeech/dev-clean/84/121123/84-121123-0000.flac")
    counts = check("librispeech", tmp_path).counts
    assert [(count.name, count.clips, count.official_clips) for count in counts] == [
        ("librispeech", 2, 292_367),
        ("dev-clean", 1, 2_703),
        ("test-clean", 1, 2_620),
    ]


def test_more_clips_than_were_released_are_told(tmp_path: Path, write_sound) -> None:
    for number in range(401):
        path = tmp_path / f"esc-10/002 - Rain/1-{number}-A.ogg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    assert "esc-10 has 401 clips, more than the official 400" in check("esc-10", tmp_path).notes


@pytest.mark.data
def test_deeply_is_sound(data_root: Path) -> None:
    found = check("deeply", data_root)
    assert found.errors == ()
    assert found.states == {"ok": 221}


@pytest.mark.data
def test_esc10s_folds_share_no_recording(data_root: Path) -> None:
    name, folds = split_to_check(load_corpus("esc-10", data_root))
    assert (name, sorted(folds), [len(fold) for fold in folds.values()]) == ("folds", list("12345"), [80] * 5)
    assert find_leaks(folds) == ()


@pytest.mark.data
def test_ravdess_has_the_known_duplicate(data_root: Path) -> None:
    manifest = load_corpus("ravdess", data_root).select(lambda clip: clip.speaker == "07")
    found = check_manifest(corpus_info("ravdess"), manifest)
    assert [[path.stem for path in same.paths] for same in found.duplicates] == [
        ["03-01-03-01-02-01-07", "03-01-03-01-02-02-07"]
    ]
