"""Who CREMA-D's actors are and what listeners heard, out of tables in the form of its release."""

from pathlib import Path

import pytest

from exclaim.corpora.crema_d_tables import Actor, read_actors, read_votes
from exclaim.corpora.registry import load_corpus
from exclaim.corpora.votes import vote_shares
from exclaim.errors import CorpusError

SIX = ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")
DEMOGRAPHICS = """"ActorID","Age","Sex","Race","Ethnicity"
1001,51,"Male","Caucasian","Not Hispanic"
1002,21,"Female","Unknown","Hispanic"
"""
TABULATED = """"","A","D","F","H","N","S","fileName","numResponses","agreement","emoVote"
"100001",0,0,0,1,10,0,"1001_IEO_NEU_XX",11,0.9,"N"
"100002",2,0,0,6,2,0,"1001_IEO_HAP_HI",10,0.6,"H"
"200002",0,0,0,9,0,0,"1001_IEO_HAP_HI",9,1,"H"
"300001",9,0,0,0,0,0,"1001_IEO_NEU_XX",9,1,"A"
"""
RESPONSES = """"","localid","queryType","clipName","respEmo"
"1","a",1,"1001_IEO_HAP_HI","H"
"2","b",1,"1001_IEO_HAP_HI","A"
"3","c",3,"1001_IEO_HAP_HI","S"
"4","d",1,"1001_IEO_HAP_HI","H"
"""
SUMMARY = """"","FileName","VoiceVote","VoiceLevel","FaceVote","FaceLevel","MultiModalVote","MultiModalLevel"
"1","1001_IEO_NEU_XX","N","69.1","H","92.2","N","64.8"
"2","1001_IEO_SAD_HI","N:S","71:60","S","57","S","57.4"
"""
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 9\n"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_actors_have_sex_age_race_and_ethnicity(tmp_path: Path) -> None:
    write(tmp_path / "VideoDemographics.csv", DEMOGRAPHICS)
    assert read_actors(tmp_path / "nowhere", tmp_path) == {
        "1001": Actor("male", 51, "Caucasian", "Not Hispanic"),
        "1002": Actor("female", 21, None, "Hispanic"),
    }
    assert read_actors(tmp_path / "nowhere") == {}


def test_a_table_without_its_columns_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "VideoDemographics.csv", "ActorID,Years\n1001,51\n")
    with pytest.raises(CorpusError, match=r"VideoDemographics\.csv: expected columns ActorID, Age, Sex"):
        read_actors(tmp_path)
    write(tmp_path / "processedResults/tabulatedVotes.csv", ",A,D\n100001,1,2\n")
    with pytest.raises(CorpusError, match=r"tabulatedVotes\.csv: expected columns fileName, A, D, F, H, N, S"):
        read_votes(tmp_path)


def test_only_votes_by_the_voice_alone_count(tmp_path: Path) -> None:
    write(tmp_path / "processedResults/tabulatedVotes.csv", TABULATED)
    votes = read_votes(tmp_path)
    assert set(votes.of) == {"1001_IEO_NEU_XX", "1001_IEO_HAP_HI"}
    assert votes.of["1001_IEO_HAP_HI"] == {"ANG": 2, "DIS": 0, "FEA": 0, "HAP": 6, "NEU": 2, "SAD": 0}
    assert "counted" in votes.note


def test_single_responses_are_counted(tmp_path: Path) -> None:
    write(tmp_path / "finishedResponses.csv", RESPONSES)
    assert read_votes(tmp_path).of == {"1001_IEO_HAP_HI": {"HAP": 2, "ANG": 1}}


def test_of_the_summary_no_more_is_known_than_what_had_most_votes(tmp_path: Path) -> None:
    write(tmp_path / "summaryTable.csv", SUMMARY)
    votes = read_votes(tmp_path)
    assert votes.of == {"1001_IEO_NEU_XX": {"NEU": 1}, "1001_IEO_SAD_HI": {"NEU": 0.5, "SAD": 0.5}}
    assert "which emotion had most" in votes.note
    write(tmp_path / "processedResults/tabulatedVotes.csv", TABULATED)
    assert "counted" in read_votes(tmp_path).note  # the better table is taken


def test_without_votes_that_is_said(tmp_path: Path) -> None:
    assert read_votes(tmp_path) == ({}, "no votes of listeners: there is no tabulatedVotes.csv")
    write(tmp_path / "processedResults/tabulatedVotes.csv", POINTER)
    assert read_votes(tmp_path) == ({}, "no votes of listeners: tabulatedVotes.csv is a Git-LFS pointer")


def test_a_clip_of_the_release_carries_them(tmp_path: Path, write_sound) -> None:
    folder = tmp_path / "CREMA-D"
    for name in ("1001_IEO_HAP_HI", "1002_IEO_HAP_HI"):
        write_sound(folder / f"AudioWAV/{name}.wav")
    write(folder / "VideoDemographics.csv", DEMOGRAPHICS)
    write(folder / "processedResults/tabulatedVotes.csv", TABULATED)
    first, second = load_corpus("crema-d", tmp_path)
    assert (first.sex, first.age) == ("male", 51)
    assert (first.extra["race"], first.extra["ethnicity"]) == ("Caucasian", "Not Hispanic")
    assert vote_shares(first, SIX) == pytest.approx((0.2, 0, 0, 0.6, 0.2, 0))
    assert "race" not in second.extra
    assert (second.extra["ethnicity"], vote_shares(second, SIX)) == ("Hispanic", None)
    (inner,) = [clip for clip in load_corpus("crema-d", folder / "AudioWAV") if clip.speaker == "1001"]
    assert inner.extra == first.extra  # the tables lie beside the folder of the sound


@pytest.mark.data
def test_the_actors_of_the_release(data_root: Path) -> None:
    actors = read_actors(data_root / "crema-d")
    assert len(actors) == 91
    assert sum(actor.sex == "male" for actor in actors.values()) == 48
    assert sum(actor.ethnicity == "Hispanic" for actor in actors.values()) == 10
    assert {actor.race for actor in actors.values()} == {"African American", "Asian", "Caucasian", None}
    assert len(read_votes(data_root / "crema-d").of) == 7_442
