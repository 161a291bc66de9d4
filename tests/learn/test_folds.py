"""Every clip is answered once, by a model that never heard its speaker."""

from pathlib import Path

import pytest

from exclaim.errors import CorpusError, RecipeError
from exclaim.evaluate.answers import ClipAnswer, read_answers
from exclaim.learn.folds import cross_validate, pooled
from exclaim.learn.places import Places
from exclaim.learn.recipe import load_recipe

RECIPES = Path(__file__).parents[2] / "recipes"
RECIPE = """
name: least
task: scream-type
bursts: [emogator]
heads: {scream-type: {labels: [negative, positive]}}
network: {name: compact, options: {width: 0.125, pool: [2, 2]}}
split: {by: SPLIT, folds: 2, validation: 0.2}
schedule: {epochs: 1, batch: 16}
augment: {ambience: 0}
"""


def written(folder: Path, split: str = "speaker-folds") -> Path:
    path = folder / "least.yaml"
    path.write_text(RECIPE.replace("SPLIT", split))
    return path


def row(number: int, speaker: int, right: bool) -> ClipAnswer:
    said = "negative" if right == bool(number % 2) else "positive"
    return ClipAnswer(
        sha256=f"{number:064d}",
        path=f"{number}.wav",
        task="scream-type",
        speaker=f"c:{speaker}",
        cluster=f"c:{speaker}",
        label="negative" if number % 2 else "positive",
        answer=said,
        abstained=False,
        confidence=0.8,
        level_db=0.0,
        probabilities={"negative": 0.8 if said == "negative" else 0.2, "positive": 0.2 if said == "negative" else 0.8},
        logits={"negative": 0.0, "positive": 0.0},
    )


def test_all_speakers_are_judged_once(small_corpora: Path, tmp_path: Path) -> None:
    places = Places(data=small_corpora, runs=tmp_path / "runs", cache=tmp_path / "cache")
    recipe, (found,) = cross_validate(written(tmp_path), places)
    assert recipe.name == "least"
    assert (found.folds, found.speakers) == (2, 24)
    folds = [read_answers(tmp_path / f"runs/least-fold-{n}/test-answers.scream-type.csv") for n in (1, 2)]
    assert found.clips == sum(map(len, folds))
    assert 0 <= found.figures["uar"] <= 1
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*.onnx")}
    assert cross_validate(written(tmp_path), places)[1] == [found]
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*.onnx")}


def test_figures_are_over_the_folds_together() -> None:
    first = [row(n, n % 3, right=True) for n in range(12)]
    second = [row(n, 3 + n % 3, right=False) for n in range(12, 24)]
    found = pooled([first, second], draws=50)
    assert found.figures["uar"] == pytest.approx(0.5)
    assert (found.clips, found.speakers) == (24, 6)


def test_a_clip_or_a_speaker_of_two_folds_is_refused() -> None:
    with pytest.raises(CorpusError, match="same clip"):
        pooled([[row(0, 0, True)], [row(0, 1, True)]])
    with pytest.raises(CorpusError, match="speaker is tested in two"):
        pooled([[row(0, 0, True)], [row(1, 0, True)]])


def test_another_split_is_refused(tmp_path: Path) -> None:
    places = Places(data=tmp_path, runs=tmp_path, cache=tmp_path)
    with pytest.raises(RecipeError, match="speaker-folds"):
        cross_validate(written(tmp_path, "speaker"), places)


@pytest.mark.parametrize("name", ["ravdess-folds", "crema-d-folds"])
def test_the_projects_recipes_have_five_folds(name: str) -> None:
    split = load_recipe(RECIPES / "speech" / f"{name}.yaml").split
    assert (split.by, split.folds) == ("speaker-folds", 5)
