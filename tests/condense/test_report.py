"""From clips to a set, to a page of it, to a model trained on it, to a page of that."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from exclaim.cli import main
from exclaim.condense.condense import condense
from exclaim.learn.places import Places
from exclaim.learn.train import train


def report(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["report", *map(str, arguments)])
    return ended.value.code or 0


def write_recipe(folder: Path, **changes: object) -> Path:
    recipe = {
        "name": "on-tiny",
        "task": "speech-emotion",
        "bursts": ["tiny.safetensors"],
        "heads": {"speech-emotion": {"labels": ["ANG", "HAP", "SAD"]}},
        "split": {"validation": 0.2, "test": 0.3, "seed": 6},
        "network": {"name": "resnet9", "options": {"width": 0.125, "view": [16, 24]}},
        "augment": {"ambience": 0, "time_masks": 0, "band_masks": 0},
        "schedule": {"epochs": 2, "batch": 6, "passes": 20, "learning_rate": 0.003, "keep": "last"},
    } | changes
    path = folder / f"{recipe['name']}.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return path


def test_a_set_and_what_is_trained_on_it_are_reported(
    make_recipe: Callable[..., Path], places: Places, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    method = {"name": "distribution-matching", "iterations": 100, "batch": 4}
    made = condense(make_recipe(method), places, "cpu").set
    assert report(made, "--out", tmp_path / "set", "--items", 1) == 0
    page = (tmp_path / "set/report.html").read_text("utf-8")
    assert 'id="learning"' in page, "the run left its losses beside the set"
    assert "crema-d-logmel (ODbL-1.0)" in page
    assert page.count("<audio") == 3
    assert page.count('class="window"') == 3 + 3 + 3, "of each label an item, the mean, and what sets it apart"

    train(write_recipe(tmp_path), places, "cpu")
    alone = {"name": "alone", "split": {"validation": 0, "test": 0}}
    train(write_recipe(tmp_path, **alone), places, "cpu")
    capsys.readouterr()
    options = ("--data", places.data, "--noise", "none", "--repeats", 0, "--draws", 20)
    assert report(places.runs, "--out", tmp_path / "runs-page", *options) == 0
    told = capsys.readouterr()
    assert "Report of runs: 1 run of 1 recipes: speech-emotion" in told.out
    assert "tiny: is a condensed set" in told.err
    assert "alone: " in told.err
    assert "holds nobody out" in told.err
    numbers = json.loads((tmp_path / "runs-page/numbers.json").read_text())["numbers"]
    data = {number["data"] for number in numbers if number["section"] == "table-1" and number["data"]}
    assert data == {"crema-d-logmel, test part of the recipe's split (by speaker, seed 6)"}
    page = (tmp_path / "runs-page/report.html").read_text("utf-8")
    assert "learnt from the condensed set tiny (ODbL-1.0), made of crema-d-logmel" in page
    assert "tiny.safetensors" not in page.replace("exclaim report", "").split('id="runs"')[0]
