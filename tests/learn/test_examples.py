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
