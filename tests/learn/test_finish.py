"""What a run writes of the clips that it was trained and tested on."""

import csv
from pathlib import Path

import pytest

from exclaim.corpora.clip import Clip
from exclaim.learn.examples import Corpora, Example, target
from exclaim.learn.finish import write_part_manifests
from exclaim.learn.recipe import HeadOptions, NetworkOptions, Recipe, ScoreBounds


def recipe(**scores: float) -> Recipe:
    return Recipe(
        name="r",
        task="scream-detection",
        bursts=("emogator",),
        heads={"scream-detection": HeadOptions(labels=("other", "scream"))},
        network=NetworkOptions(name="compact"),
        scores=ScoreBounds(**scores),
    )


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ({}, {0.01: "other", 0.5: "scream"}),  # what is between them is soft or unknown: nothing to be tested on
        ({"sure": 0.1, "plausible": 0.1}, {0.01: "other", 0.15: "scream", 0.5: "scream"}),
    ],
)
def test_test_clips_are_labelled_by_the_recipes_own_bounds(scores, expected, tmp_path: Path) -> None:
    asked, examples = recipe(**scores), []
    for score in (0.01, 0.06, 0.15, 0.5):
        clip = Clip(path=Path(f"{score}.wav"), corpus="emogator", label="Fear", extra={"tagger_screaming": score})
        told = target(asked, "scream-detection", clip)
        if told is not None:
            examples.append(Example(clip, {"scream-detection": told}, {"scream-detection": 1.0}, bool(told[1] >= 0.5)))
    parts = {"train": [], "validation": [], "test": examples}
    silence = {part: [] for part in parts}
    write_part_manifests(asked, Corpora(parts, silence, (), tmp_path), tmp_path)
    with (tmp_path / "test.csv").open() as file:
        found = {float(Path(row["path"]).stem): row["label"] for row in csv.DictReader(file)}
    assert found == expected
