"""What is known of the official places holds together."""

import re

import pytest

from exclaim.corpora.registry import corpora, corpus_info
from exclaim.corpora.sources import BY_HAND, SOURCES, Source, choose_archives, find_source
from exclaim.errors import CorpusError

ALL = pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)


def test_every_corpus_with_an_official_place_can_be_got() -> None:
    without = {"noise", "folder", "csv", "crema-d-logmel", *BY_HAND}
    assert set(SOURCES) == set(corpora()) - without
    with pytest.raises(CorpusError, match=r"noise cannot be got \(no single release: .*those that can are asvp-esd"):
        find_source("noise")
    with pytest.raises(CorpusError, match="corpus 'emogater' is not known"):
        find_source("emogater")


@pytest.mark.parametrize("name", BY_HAND)
def test_what_a_person_has_to_do_is_said(name: str) -> None:
    with pytest.raises(
        CorpusError, match=rf"{name} needs a person: .*https?://.*then say exclaim corpora check {name}"
    ):
        find_source(name)
    assert name in corpora()
    assert name not in SOURCES


@ALL
def test_a_source_is_archives_or_a_repository_over_https(source: Source) -> None:
    assert (source.repository is None) == bool(source.archives)
    urls = [archive.url for archive in source.archives]
    if source.repository:
        urls += [source.repository.url, *source.repository.large_files]
    assert all(url.startswith("https://") for url in urls)


@ALL
def test_checksums_and_commits_are_whole(source: Source) -> None:
    for archive in source.archives:
        assert archive.md5 is None or re.fullmatch("[0-9a-f]{32}", archive.md5)
        assert (archive.md5 is None) == (archive.size is None), "a size without a checksum is of a file nobody checked"
        assert archive.name in archive.url
        assert archive.name.endswith((".zip", ".tar.gz"))
    if source.repository and source.repository.commit:
        assert re.fullmatch("[0-9a-f]{40}", source.repository.commit)
    sums = [archive.md5 for archive in source.archives if archive.md5]
    assert len(sums) == len(set(sums))


@ALL
def test_the_terms_are_those_of_the_licence_that_the_corpus_states(source: Source) -> None:
    licence = corpus_info(source.corpus).licence
    expected = {
        "Apache-2.0": "apache.org/licenses/LICENSE-2.0",
        "ODbL-1.0": "opendatacommons.org/licenses/odbl/1-0",
        "none named; free for research that cites it": corpus_info(source.corpus).home,
    }
    if licence.startswith("CC-"):
        kind, version = re.fullmatch(r"CC-([A-Z-]+)-([\d.]+)", licence).groups()
        expected[licence] = f"creativecommons.org/licenses/{kind.lower()}/{version}/"
    assert expected[licence] in source.terms


def test_the_usual_parts_are_some_that_there_are() -> None:
    for source in SOURCES.values():
        assert set(source.usual) <= set(source.parts)
        assert choose_archives(source) if source.archives else choose_archives(source) == ()


def test_librispeechs_parts_are_the_adapters() -> None:
    source = find_source("librispeech")
    assert source.parts == tuple(part.name for part in corpus_info("librispeech").parts)
    assert [archive.name for archive in choose_archives(source)] == ["dev-clean.tar.gz"]
    two = choose_archives(source, ("test-other", "test-clean"))
    assert [archive.part for archive in two] == ["test-clean", "test-other"]


def test_demands_usual_part_has_each_environment_once_and_the_other_the_higher_rate() -> None:
    source = find_source("demand")
    usual = choose_archives(source)
    assert len(usual) == 18
    assert [archive.name for archive in usual if archive.into == "48k"] == ["SCAFE_48k.zip"]
    assert len(choose_archives(source, ("48k",))) == 17
    assert {archive.into for archive in choose_archives(source, ("48k",))} == {"48k"}


def test_a_part_that_there_is_not_is_told_with_those_that_there_are() -> None:
    with pytest.raises(CorpusError, match="ravdess has no part 'video': its parts are speech, song"):
        choose_archives(find_source("ravdess"), ("speech", "video"))
    with pytest.raises(CorpusError, match="emogator has no part 'mp3': it has no parts"):
        choose_archives(find_source("emogator"), ("mp3",))


@pytest.mark.parametrize(
    ("corpus", "wanted", "unwanted"),
    [
        ("esc-10", "audio/1-100032-A-0.wav", "audio/1-100038-A-14.wav"),
        ("esc-10", "meta/esc50.csv", "esc50.gif"),
        ("emogator", "data/mp3/000001-03-1.mp3", "code/utils/renumber.py"),
        ("deeply", "dataset/screaming/WVST_15_1_0_15_0_0_0.wav", "Deeply_Vocal_Characterizer_Dataset.ipynb"),
        ("crema-d", "AudioWAV/1001_IEO_ANG_HI.wav", "AudioMP3/1001_IEO_ANG_HI.mp3"),
        ("crema-d", "processedResults/tabulatedVotes.csv", "finishedResponses.csv"),
        ("crema-d", "VideoDemographics.csv", "VideoFlash/1001_IEO_ANG_HI.flv"),
    ],
)
def test_of_a_repository_only_the_corpus_is_wanted(corpus: str, wanted: str, unwanted: str) -> None:
    pattern = find_source(corpus).repository.wanted
    assert re.fullmatch(pattern, wanted)
    assert not re.fullmatch(pattern, unwanted)
