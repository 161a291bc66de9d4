from pathlib import Path

import msgspec
import pytest
import soundfile

from exclaim.corpora.check import check_manifest
from exclaim.corpora.inspection import inspect_clips
from exclaim.corpora.leaks import find_leaks, require_no_leaks
from exclaim.corpora.manifest import Manifest
from exclaim.corpora.registry import corpus_info, load_corpus
from exclaim.errors import CorpusError


def test_a_speaker_in_two_parts_is_a_leak(make_manifest) -> None:
    train, test = make_manifest([("a", "x"), ("b", "x")]), make_manifest([("c", "x"), ("b", "y")])
    test = _elsewhere(test)
    (leak,) = find_leaks({"train": train, "test": test})
    assert (leak.kind, leak.key, leak.parts) == ("speaker", "csv:b", ("train", "test"))
    assert leak.paths == (train.clips[1].path, test.clips[1].path)


def test_the_same_name_in_two_corpora_is_not_the_same_speaker(make_manifest) -> None:
    train, test = make_manifest([("01", "x")]), _elsewhere(make_manifest([("01", "x")], corpus="ravdess"))
    assert find_leaks({"train": train, "test": test}) == ()


def test_the_same_clip_in_two_parts_is_a_leak_even_without_a_speaker(make_manifest) -> None:
    train = make_manifest([(None, "x")])
    assert [leak.kind for leak in find_leaks({"train": train, "test": train})] == ["audio"]


def test_takes_of_one_recording_in_two_parts_are_a_leak(make_manifest) -> None:
    parts = {}
    for name, manifest in {"train": make_manifest([(None, "x")]), "test": make_manifest([(None, "x")])}.items():
        clip = msgspec.structs.replace(manifest.clips[0], path=Path(f"/{name}.wav"), recording="7")
        parts[name] = msgspec.structs.replace(manifest, clips=(clip,))
    assert [(leak.kind, leak.key) for leak in find_leaks(parts)] == [("recording", "csv:7")]


def test_the_same_sound_under_two_names_is_a_leak(tmp_path: Path, write_sound, make_manifest) -> None:
    one = write_sound(tmp_path / "a.wav")
    two = tmp_path / "b.wav"
    two.write_bytes(one.read_bytes())
    parts = {
        part: Manifest(
            corpus="csv",
            clips=(msgspec.structs.replace(make_manifest([(part, "x")]).clips[0], path=path),),
        )
        for part, path in (("train", one), ("test", two))
    }
    assert find_leaks(parts) == ()  # the names tell nothing
    findings = inspect_clips([clip for part in parts.values() for clip in part])
    (leak,) = find_leaks(parts, findings)
    assert (leak.kind, leak.paths) == ("audio", (one, two))
    with pytest.raises(CorpusError, match=r"audio .* is in train and test \(1 leaks in all\)"):
        require_no_leaks(parts, findings)


def test_a_sentence_in_two_parts_leaks_only_where_the_protocol_says_so(make_manifest) -> None:
    parts = {}
    for name, sentence in (("train", "IEO"), ("test", "IEO"), ("validation", "DFA")):
        clip = make_manifest([(name, "x")]).clips[0]
        clip = msgspec.structs.replace(clip, path=Path(f"/{name}.wav"), extra={"sentence": sentence})
        parts[name] = Manifest(corpus="csv", clips=(clip,))
    require_no_leaks(parts)
    (leak,) = find_leaks(parts, sentences=True)
    assert (leak.kind, leak.key, leak.parts) == ("sentence", "csv:IEO", ("train", "test"))
    with pytest.raises(CorpusError, match="sentence csv:IEO is in train and test"):
        require_no_leaks(parts, sentences=True)


@pytest.mark.parametrize(
    ("corpus", "one", "two", "told"),
    [
        (
            "ravdess",
            "Actor_07/03-01-03-01-02-01-07",
            "Actor_07/03-01-03-01-02-02-07",
            "duplicate",
        ),  # as it was released
        ("ravdess", "Actor_07/03-01-03-01-02-01-07", "Actor_08/03-01-03-01-02-01-08", "leak"),
        ("crema-d", "AudioWAV/1001_DFA_ANG_XX", "AudioWAV/1001_DFA_DIS_XX", "duplicate"),
        ("crema-d", "AudioWAV/1001_DFA_ANG_XX", "AudioWAV/1002_DFA_ANG_XX", "leak"),
    ],
)
def test_the_same_sound_twice_is_told_and_of_two_speakers_leaks(
    tmp_path: Path, write_sound, corpus: str, one: str, two: str, told: str
) -> None:
    first = write_sound(tmp_path / corpus / f"{one}.wav", seconds=0.2)
    second = tmp_path / corpus / f"{two}.flac"  # the same samples in another container
    second.parent.mkdir(exist_ok=True)
    soundfile.write(second, *soundfile.read(first, dtype="int16"))
    found = check_manifest(corpus_info(corpus), load_corpus(corpus, tmp_path))
    (same,) = found.duplicates
    assert {path.stem for path in same.paths} == {Path(one).name, Path(two).name}
    assert [leak.kind for leak in found.leaks] == (["audio"] if told == "leak" else [])


def test_a_clean_split_passes(make_manifest) -> None:
    require_no_leaks({"train": make_manifest([("a", "x")]), "test": _elsewhere(make_manifest([("b", "x")]))})


def _elsewhere(manifest: Manifest) -> Manifest:
    clips = tuple(msgspec.structs.replace(clip, path=Path(f"/other{clip.path}")) for clip in manifest)
    return msgspec.structs.replace(manifest, clips=clips)
