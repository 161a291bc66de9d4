"""What training reads of a corpus before it begins."""

from pathlib import Path

import pytest

from exclaim.errors import CorpusError
from exclaim.learn.examples import load_corpora
from exclaim.learn.recipe import load_recipe

RECIPE = """
name: spoken
task: speech-emotion
bursts: [crema-d]
heads: {speech-emotion: {labels: [ANG, DIS, FEA, HAP, NEU, SAD]}}
network: {name: compact}
augment: {ambience: 0}
split: {by: speaker-folds, folds: 4, fold: 2, validation: 0.25}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four actors, of whom nothing is read but names."""
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "crema-d/AudioWAV").mkdir(parents=True)
    for actor in range(1001, 1005):
        for emotion in ("ANG", "SAD"):
            (tmp_path / f"crema-d/AudioWAV/{actor}_DFA_{emotion}_XX.wav").write_bytes(b"RIFF")
    return tmp_path


def test_a_fold_is_tested_and_nobody_of_it_is_trained_on(root: Path) -> None:
    corpora = load_corpora(load_recipe(root / "recipe.yaml"), root)
    who = {part: {example.clip.speaker for example in examples} for part, examples in corpora.bursts.items()}
    assert {part: len(speakers) for part, speakers in who.items()} == {"train": 2, "validation": 1, "test": 1}
    assert len(set.union(*who.values())) == 4


def test_training_on_pointers_is_refused_in_a_sentence(root: Path) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 9\n"
    (root / "crema-d/AudioWAV/1001_DFA_ANG_XX.wav").write_text(pointer)
    with pytest.raises(CorpusError, match=r"1 of 8 files of crema-d are Git-LFS pointers .*run `exclaim corpora get"):
        load_corpora(load_recipe(root / "recipe.yaml"), root)


def test_listeners_votes_may_stand_beside_the_label(root: Path) -> None:
    by_voice = 100_001  # the row's number: those that begin with 1 are of the voice alone
    rows = [",A,D,F,H,N,S,fileName", *(f"{by_voice},2,0,0,0,6,0,{a}_DFA_ANG_XX" for a in range(1001, 1005))]
    (root / "crema-d/tabulatedVotes.csv").write_text("\n".join(rows) + "\n")
    head = {"heads": {"speech-emotion": {"votes": 0.25}}}
    for changes, angry in ((None, [1, 0, 0, 0, 0, 0]), (head, [0.75 + 0.25 * 0.25, 0, 0, 0, 0.25 * 0.75, 0])):
        corpora = load_corpora(load_recipe(root / "recipe.yaml", changes), root)
        for example in corpora.bursts["train"]:
            expected = angry if example.clip.label == "ANG" else [0, 0, 0, 0, 0, 1]  # of SAD no votes are known
            assert example.targets["speech-emotion"].tolist() == pytest.approx(expected)
