from pathlib import Path

import pytest

from exclaim.corpora.audio_files import audio_suffixes
from exclaim.corpora.data_root import data_root as default_data_root
from exclaim.corpora.info import SHIPPABLE_LICENCES
from exclaim.corpora.registry import corpora, corpus_info, find_corpus, load_corpus
from exclaim.errors import CorpusError


def test_the_corpora_of_issue_two_are_known() -> None:
    expected = {"emogator", "deeply", "esc-10", "librispeech", "ravdess", "noise", "folder", "csv"}
    assert expected <= set(corpora())


def test_every_adapter_file_is_a_corpus_of_its_own_name() -> None:
    assert all(name == adapter.info.name for name, adapter in corpora().items())
    folder = Path(__file__).parents[2] / "src/exclaim/corpora/adapters"
    assert len(corpora()) == len([path for path in folder.glob("*.py") if path.stem != "__init__"])


def test_weights_may_ship_only_from_free_licences() -> None:
    mixed = {"noise"}  # each source has its own terms; all are free to use
    doubtful = {"asvp-esd"}  # its page says CC BY, of sounds that others own
    for name, adapter in corpora().items():
        if name in doubtful:
            assert not adapter.info.may_ship
        elif name not in mixed:
            assert adapter.info.may_ship == (adapter.info.licence in SHIPPABLE_LICENCES), name


def test_the_official_counts() -> None:
    assert (corpus_info("emogator").clips, corpus_info("emogator").speakers) == (357 * 30 * 3, 357)
    assert corpus_info("esc-10").clips == 10 * 40
    assert [(p.name, p.clips, p.speakers) for p in corpus_info("ravdess").parts] == [
        ("speech", 24 * 60, 24),
        ("song", 23 * 44, 23),
    ]
    assert (corpus_info("librispeech").clips, corpus_info("librispeech").speakers) == (292_367, 2_484)
    assert [(p.name, p.clips) for p in corpus_info("vivae").parts] == [("core", 6 * 4 * 10 * 2), ("full set only", 605)]
    assert (corpus_info("vivae").clips, corpus_info("vivae").speakers) == (1_085, 11)
    assert (corpus_info("asvp-esd").clips, corpus_info("demand").clips) == (13_964, 18)


def test_an_unknown_corpus_is_told_with_the_known_ones() -> None:
    with pytest.raises(CorpusError, match=r"'emogater' is not known; known are .*emogator"):
        load_corpus("emogater", Path("."))


def test_an_absent_corpus_says_where_it_was_looked_for_and_where_it_comes_from(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=rf"emogator .* was not found at {tmp_path}; .*github.com/fredbuhl"):
        load_corpus("emogator", tmp_path)
    with pytest.raises(CorpusError, match="was not found"):
        load_corpus("emogator", tmp_path / "nowhere")


def test_an_empty_corpus_folder_is_not_a_corpus(tmp_path: Path) -> None:
    (tmp_path / "emogator/data/mp3").mkdir(parents=True)
    with pytest.raises(CorpusError, match="was not found"):
        load_corpus("emogator", tmp_path)


def test_the_root_may_be_the_corpus_itself(tmp_path: Path, write_sound) -> None:
    write_sound(tmp_path / "anything/data/mp3/000001-03-1.wav")
    assert len(load_corpus("emogator", tmp_path / "anything")) == 1


def test_any_folder_of_sounds_is_not_noise(tmp_path: Path, write_sound) -> None:
    write_sound(tmp_path / "birds/blackbird.wav")
    assert find_corpus("noise", tmp_path) is None
    write_sound(tmp_path / "noise/bus/a-b.wav")
    assert len(load_corpus("noise", tmp_path / "noise")) == 1


def test_every_suffix_in_use_is_decoded() -> None:
    assert {".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".w64"} <= audio_suffixes()
    assert ".txt" not in audio_suffixes()


def test_the_data_root_is_what_was_given_else_the_environments_else_beside_the_project() -> None:
    assert default_data_root(Path("/x"), {"EXCLAIM_DATA": "/y"}) == Path("/x")
    assert default_data_root(None, {"EXCLAIM_DATA": "/y"}) == Path("/y")
    project = Path(__file__).parents[2]
    assert default_data_root(None, {"EXCLAIM_DATA": ""}) == (project / "../shared/data").resolve()


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "clips", "speakers"),
    [
        ("emogator", 9_114, 286),
        ("deeply", 221, 138),
        ("esc-10", 400, 0),
        ("librispeech", 180, 144),
        ("ravdess", 1_200, 20),
        ("noise", 31, 0),
    ],
)
def test_the_development_corpora_are_read_whole(data_root: Path, name: str, clips: int, speakers: int) -> None:
    manifest = load_corpus(name, data_root)
    assert (len(manifest), len(manifest.speakers)) == (clips, speakers)
    assert manifest.excluded == ()
    assert all(clip.path.is_file() for clip in manifest.clips[:5])
