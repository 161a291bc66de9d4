"""exclaim ablate: what is trained, what the table says, what is recorded."""

from pathlib import Path

import pytest
import yaml

from exclaim.evaluate.answers import ClipAnswer, answers_name, write_answers
from exclaim.evaluate.results import read_records
from exclaim.learn import ablation

TASK = "scream-type"
RECIPE = {
    "name": "least",
    "task": TASK,
    "bursts": ["emogator"],
    "heads": {TASK: {"labels": ["negative", "positive"]}},
    "network": {"name": "compact"},
    "augment": {"ambience": 0},
}
GRID = {
    "name": "small",
    "recipe": "least.yaml",
    "tasks": [TASK],
    "seeds": [1, 2, 3],
    "reference": "plain",
    "arms": {
        "plain": {"factor": "reference", "says": "as it is"},
        "smooth": {"factor": "loss", "says": "smoothed", "changes": {"schedule": {"label_smoothing": 0.1}}},
    },
}


def answers(right: int) -> list[ClipAnswer]:
    """Answers to 60 clips of 12 speakers, of which the first ``right`` are right."""
    names = ("negative", "positive")
    return [
        ClipAnswer(
            sha256=f"{i:064d}",
            path=f"{i}.wav",
            task=TASK,
            speaker=f"c:{i % 12}",
            cluster=f"c:{i % 12}",
            label=names[i % 2],
            answer=names[said],
            abstained=False,
            confidence=0.9,
            level_db=0.0,
            probabilities={name: 0.9 if k == said else 0.1 for k, name in enumerate(names)},
            logits={name: float(k == said) for k, name in enumerate(names)},
        )
        for i in range(60)
        for said in [i % 2 if i < right else 1 - i % 2]
    ]


@pytest.fixture
def grid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, list[str]]:
    """An ablation in a folder, and the names of the runs that are trained from now on."""
    (tmp_path / "least.yaml").write_text(yaml.safe_dump(RECIPE))
    (tmp_path / "grid.yaml").write_text(yaml.safe_dump(GRID))
    asked: list[str] = []

    def train(recipe: Path, places: object, accelerator: str, report: object, changes: dict) -> None:
        asked.append(changes["name"])
        folder = places.runs / changes["name"]
        folder.mkdir(parents=True)
        (folder / f"{changes['name']}.onnx").touch()
        write_answers(folder / answers_name(TASK), answers(48 if "smooth" in changes["name"] else 42))

    monkeypatch.setattr(ablation, "train", train)
    return tmp_path / "grid.yaml", asked


def test_arms_and_seeds_that_are_named_are_trained_and_all_that_are_there_compared(exclaim, grid, tmp_path):
    path, asked = grid
    places = ("--data", tmp_path, "--runs", tmp_path / "runs", "--cache", tmp_path / "cache")
    done = exclaim("ablate", path, *places, "--seed", "2")
    assert done.status == 0, done.err
    assert asked == ["small-plain-2", "small-smooth-2"]
    done = exclaim("ablate", path, *places, "--arm", "plain", "--seed", "1", "--record", tmp_path / "results.json")
    assert done.status == 0, done.err
    assert asked[2:] == ["small-plain-1"]
    assert "not trained yet: arm plain, seed 3\nnot trained yet: arm smooth, seeds 1, 3\n" in done.out
    lines = {line.split()[1]: line for line in done.out.splitlines() if line.strip().startswith(TASK)}
    assert "0.700" in lines["plain"]
    assert "0.800" in lines["smooth"]
    assert "+0.100 [" in lines["smooth"]
    records = {record.id: record for record in read_records(tmp_path / "results.json")}
    uar = records["ablation.small.scream-type.smooth.uar.difference"]
    assert uar.value == pytest.approx(0.1)
    assert uar.command == "exclaim ablate grid.yaml"


def test_figures_that_could_not_be_kept_are_not_measured(exclaim, grid, tmp_path):
    path, asked = grid
    done = exclaim("ablate", path, "--data", tmp_path, "--record", tmp_path / "gone/results.json")
    assert done.status != 0
    assert "results.json cannot be written" in done.err
    assert asked == []


def test_comparing_trains_nothing(exclaim, grid, tmp_path):
    path, asked = grid
    places = ("--data", tmp_path, "--runs", tmp_path / "runs", "--cache", tmp_path / "cache")
    done = exclaim("ablate", path, *places, "--compare")
    assert done.status != 0
    assert "reference 'plain' is not trained yet" in done.err
    assert asked == []


@pytest.mark.parametrize(
    ("options", "said"),
    [(["--seed", "7"], "no seed 7; its seeds are 1, 2, 3"), (["--arm", "rough"], "no arm rough; its arms are plain")],
)
def test_what_the_ablation_has_not_is_refused(exclaim, grid, tmp_path, options, said):
    done = exclaim("ablate", grid[0], "--data", tmp_path, "--runs", tmp_path / "runs", *options)
    assert done.status != 0
    assert said in done.err
    assert grid[1] == []
