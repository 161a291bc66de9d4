from pathlib import Path

import pytest

from exclaim.corpora.check import check_manifest
from exclaim.corpora.large_files import is_pointer
from exclaim.corpora.pointers import require_no_pointers
from exclaim.corpora.registry import corpus_info, load_corpus
from exclaim.errors import CorpusError

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 9\n"
SENTENCE = (
    "2 of 3 files of crema-d are Git-LFS pointers in place of sound: run `exclaim corpora get crema-d`, or "
    "`git lfs pull` in the corpus's clone"
)


@pytest.fixture
def clone(tmp_path: Path, write_sound) -> Path:
    """CREMA-D out of a clone without Git LFS, with one file fetched."""
    write_sound(tmp_path / "crema-d/AudioWAV/1001_IEO_ANG_HI.wav")
    for actor in (1002, 1003):
        pointer = POINTER.replace("size 9", f"size {actor}")
        (tmp_path / f"crema-d/AudioWAV/{actor}_IEO_ANG_HI.wav").write_text(pointer)
    return tmp_path


def test_a_pointer_is_told_by_its_beginning_and_its_size(tmp_path: Path) -> None:
    for name, content, expected in (("a", POINTER, True), ("b", POINTER + "x" * 2000, False), ("c", "RIFF", False)):
        (tmp_path / name).write_text(content)
        assert is_pointer(tmp_path / name) == expected
    assert not is_pointer(tmp_path / "absent")


def test_the_check_says_how_many_are_pointers_and_what_to_do(clone: Path) -> None:
    found = check_manifest(corpus_info("crema-d"), load_corpus("crema-d", clone))
    assert found.errors[-1] == SENTENCE
    assert found.states == {"git-lfs-pointer": 2, "ok": 1}


def test_who_needs_the_sound_says_the_same_sentence(clone: Path, make_manifest) -> None:
    with pytest.raises(CorpusError) as raised:
        require_no_pointers(load_corpus("crema-d", clone))
    assert str(raised.value) == SENTENCE
    require_no_pointers(make_manifest([("a", "x")]))


def test_for_a_folder_of_ones_own_nothing_can_be_got(tmp_path: Path) -> None:
    (tmp_path / "angry").mkdir()
    (tmp_path / "angry/a.wav").write_text(POINTER)
    with pytest.raises(CorpusError, match=r"1 of 1 files of folder .* run `git lfs pull` in the corpus's clone$"):
        require_no_pointers(load_corpus("folder", tmp_path))
