"""The published split of CREMA-D: drawn as TensorFlow Datasets draws it, and only over the whole corpus."""

import csv
from pathlib import Path

import pytest

from exclaim.corpora.clip import Clip
from exclaim.corpora.crema_d_split import split_as_published
from exclaim.corpora.leaks import find_leaks
from exclaim.corpora.manifest import Manifest
from exclaim.errors import CorpusError

VALIDATION = "1015 1020 1021 1030 1050 1070 1079 1089 1090"
TEST = "1010 1013 1022 1026 1037 1038 1040 1045 1047 1048 1059 1065 1066 1068 1071 1073 1084 1086 1088"


def corpus(names: list[str]) -> Manifest:
    clips = tuple(Clip(path=Path(f"/AudioWAV/{name}.wav"), corpus="crema-d", speaker=name[:4]) for name in names)
    return Manifest(corpus="crema-d", clips=clips)


@pytest.fixture(scope="module")
def whole() -> Manifest:
    """Every actor with every sentence and emotion: a few clips more than the release has."""
    sentences = ["IEO", "TIE", "IOM", "IWW", "TAI", "MTI", "IWL", "ITH", "DFA", "ITS", "TSI", "WSI"]
    takes = [f"{said}_{felt}_XX" for said in sentences for felt in ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")]
    takes += [f"IEO_{felt}_{level}" for felt in ("ANG", "DIS", "FEA", "HAP", "SAD") for level in ("LO", "HI")]
    return corpus([f"{actor}_{take}" for actor in range(1001, 1092) for take in takes])


def test_the_actors_are_the_published_ones(whole: Manifest) -> None:
    split = split_as_published(whole)
    speakers = {name: [key.removeprefix("crema-d:") for key in part.speakers] for name, part in split.items()}
    assert list(split) == ["train", "validation", "test"]
    assert {name: len(found) for name, found in speakers.items()} == {"train": 63, "validation": 9, "test": 19}
    assert speakers["validation"] == VALIDATION.split()
    assert speakers["test"] == TEST.split()
    assert find_leaks(split) == ()


def test_what_the_published_split_leaves_out_is_left_out_and_told(whole: Manifest) -> None:
    split = split_as_published(whole)
    assert split["test"].summary_of_excluded() == {"left out of the published split": 4}
    assert sum(map(len, split.values())) == len(whole) - 4


@pytest.mark.parametrize("missing", ["1091", "1001_IEO"])
def test_a_part_of_the_corpus_never_bears_its_name(whole: Manifest, missing: str) -> None:
    part = whole.select(lambda clip: not clip.path.stem.startswith(missing))
    if missing == "1001_IEO":
        part = part.select(lambda clip: "_HI" not in clip.path.stem)
    with pytest.raises(CorpusError, match=r"91 actors and 7,438 clips; here are 9[01] actors .*by: speaker, val"):
        split_as_published(part)


@pytest.mark.data
def test_the_clips_are_as_many_as_published(data_root: Path) -> None:
    with (data_root / "crema-d/summaryTable.csv").open(newline="") as file:
        names = [row["FileName"] for row in csv.DictReader(file)]
    sizes = {name: len(part) for name, part in split_as_published(corpus(names)).items()}
    assert sizes == {"train": 5_144, "validation": 738, "test": 1_556}
