"""The verb: a table of the sets that were made, and what is wrong in a sentence."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from exclaim.cli import main
from exclaim.corpora.condensed import read_set
from exclaim.learn.places import Places
from exclaim.model import pin_of


def call(path: Path, places: Places, *more: str) -> int:
    folders = ["--data", str(places.data), "--runs", str(places.runs), "--cache", str(places.cache)]
    with pytest.raises(SystemExit) as ended:
        main(["condense", str(path), *folders, "--accelerator", "cpu", *more])
    return ended.value.code or 0


def test_seeds_make_runs_of_their_own_and_a_subset_is_warned_of(
    make_recipe: Callable[..., Path], places: Places, capsys: pytest.CaptureFixture
) -> None:
    assert call(make_recipe({"name": "random"}), places, "--seed", "1", "--seed", "2") == 0
    told = capsys.readouterr()
    sets = [places.runs / f"tiny-{seed}/tiny-{seed}.safetensors" for seed in (1, 2)]
    assert all(path.is_file() for path in sets)
    assert sets[0].read_bytes() != sets[1].read_bytes()
    assert "random" in told.out
    assert "%" in told.out
    assert "clips of real people" in " ".join(told.err.split())


def test_a_teacher_of_another_seed_labels_the_same_items_otherwise(
    make_recipe: Callable[..., Path], teacher: str, places: Places
) -> None:
    recipe = make_recipe({"name": "random"}, teacher=teacher, soft_labels="teacher")
    assert call(recipe, places, "--teacher-seed", "3", "--teacher-seed", "4", "--seed", "2") == 0
    one, other = (read_set(places.runs / f"tiny-teacher-{n}-2/tiny-teacher-{n}-2.safetensors") for n in (3, 4))
    np.testing.assert_array_equal(one.items, other.items)
    assert not np.array_equal(one.targets, other.targets)
    for number, found in ((3, one), (4, other)):
        assert found.card.teacher is not None
        assert found.card.teacher.name == f"teacher-{number}"
        assert found.card.teacher.sha256 == pin_of(places.runs / f"teacher-{number}/teacher-{number}.onnx")
    assert not (places.runs / "teacher").exists()


def test_what_is_wrong_is_a_sentence(
    make_recipe: Callable[..., Path], places: Places, capsys: pytest.CaptureFixture
) -> None:
    assert call(make_recipe({"name": "alchemy"}), places) == 1
    assert "alchemy" in capsys.readouterr().err
