"""Arms are trained once for each seed and compared on the same clips."""

import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
import yaml

from exclaim.condense.recipe import load_condense_recipe
from exclaim.errors import CorpusError, RecipeError
from exclaim.evaluate.answers import ClipAnswer, answers_name, write_answers
from exclaim.evaluate.dd_ranking import augmentation_robust_score, label_robust_score
from exclaim.learn import ablation
from exclaim.learn.ablation import _changes, ablate, compare, load_ablation, untrained
from exclaim.learn.ablation_records import ablation_records
from exclaim.learn.places import Places
from exclaim.learn.recipe import load_recipe

RECIPES = Path(__file__).parents[2] / "recipes"
ABLATIONS = sorted((RECIPES / "ablation").glob("*.yaml"))
TASK = "scream-type"
RECIPE = """
name: least
task: scream-type
bursts: [emogator]
heads: {scream-type: {labels: [negative, positive]}}
network: {name: compact, options: {width: 0.125, pool: [2, 2]}}
split: {validation: 0.25, test: 0.25}
schedule: {epochs: 1, batch: 16, views: 1, views_seed: 3}
augment: {ambience: 0}
"""


def written(folder: Path, **changes: object) -> Path:
    (folder / "least.yaml").write_text(RECIPE)
    whole = {
        "name": "small",
        "recipe": "least.yaml",
        "tasks": [TASK],
        "seeds": [1, 2],
        "reference": "plain",
        "arms": {
            "plain": {"factor": "reference", "says": "as it is"},
            "smooth": {"factor": "loss", "says": "smoothed", "changes": {"schedule": {"label_smoothing": 0.1}}},
        },
    }
    path = folder / "ablation.yaml"
    path.write_text(yaml.safe_dump(whole | changes))
    return path


def answers(right: float, clips: int = 60, labels: int = 2) -> list[ClipAnswer]:
    """Answers of which the first ``right`` (a share) of every label are right, surely."""
    rows = []
    for i in range(clips):
        truth = i % labels
        said = truth if i // labels < right * clips / labels else 1 - truth
        names = ("negative", "positive")
        rows.append(
            ClipAnswer(
                sha256=f"{i:064d}",
                path=f"{i}.wav",
                task=TASK,
                speaker=f"c:{i % 12}",
                cluster=f"c:{i % 12}",
                label=names[truth],
                answer=names[said],
                abstained=False,
                confidence=0.9,
                level_db=0.0,
                probabilities={name: float(k == said) * 0.8 + 0.1 for k, name in enumerate(names)},
                logits={name: float(k == said) for k, name in enumerate(names)},
            )
        )
    return rows


ON_SETS = {
    "whole": {"recipe": "least.yaml", "seeds": [0, 7]},
    "ranking": {
        "hard": {"schedule": {"hard_labels_of_set": True}},
        "plain": {"augment": {"time_masks": 0}},
    },
}


def trained(places: Places, name: str, rows: list[ClipAnswer]) -> None:
    folder = places.runs / name
    folder.mkdir(parents=True)
    (folder / f"{name}.onnx").touch()
    write_answers(folder / answers_name(TASK), rows)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(data=tmp_path / "data", runs=tmp_path / "runs", cache=tmp_path / "cache")


@pytest.mark.parametrize("path", ABLATIONS, ids=lambda path: path.stem)
def test_every_ablation_of_the_project_holds_together(path: Path) -> None:
    ablation = load_ablation(path)
    assert ablation.name == path.stem
    assert len(ablation.seeds) >= 5


@pytest.mark.parametrize(
    "path", [path for path in ABLATIONS if path.stem.startswith("sets-")], ids=lambda path: path.stem
)
def test_every_arm_on_a_set_has_the_sets_recipe_and_sees_a_tenth_of_the_cells(path: Path) -> None:
    """Of what training on the whole corpus sees: 4,493 clips of CREMA-D or 3,960 of EmoGator of 64 x 64 cells,
    every epoch.

    Grids that ask what more training gives are named so.
    """
    ablation = load_ablation(path)
    whole = load_recipe(path.parent / ablation.whole.recipe)
    clips = 4493 if whole.task == "speech-emotion" else 3960
    for arm in ablation.arms:
        recipe = load_recipe(path.parent / ablation.recipe, _changes(ablation, arm, 1))
        name = recipe.bursts[0].removesuffix(".safetensors")
        drawn = "{seed}" in str(ablation.arms[arm].changes)
        condensed = load_condense_recipe(
            RECIPES / f"sets/{name.removesuffix('-1').removesuffix('-teacher') if drawn else name}.yaml"
        )
        assert whole.network.name == recipe.network.name
        assert condensed.initialisation == "random" or recipe.network.seed == condensed.seed
        items = len(condensed.labels) * (547 if condensed.share else condensed.items)
        share = 0.4 if "-long-" in path.stem else 0.1
        seen = recipe.schedule.epochs * recipe.schedule.passes * items * math.prod(condensed.view)
        assert seen <= share * whole.schedule.epochs * clips * 64 * 64
        assert tuple(recipe.network.options["view"]) == condensed.view
        assert whole.network.options["view"] == recipe.network.options["view"]


def test_a_set_may_be_another_for_every_seed(tmp_path: Path) -> None:
    changes = {"bursts": ["random-{seed}.safetensors"], "network": {"options": {"pool": [4, 2]}}}
    drawn = {"factor": "draw", "says": "other clips for each seed", "changes": changes}
    plain = {"factor": "reference", "says": "as it is"}
    found = load_ablation(written(tmp_path, arms={"plain": plain, "drawn": drawn}))
    for seed in (1, 2):
        laid = _changes(found, "drawn", seed)
        assert laid["bursts"] == [f"random-{seed}.safetensors"]
        assert laid["network"] == {"options": {"pool": [4, 2]}}


def test_an_arm_is_compared_with_the_reference_over_clips_and_seeds(tmp_path: Path, places: Places) -> None:
    path = written(tmp_path)
    for seed in (1, 2):
        trained(places, f"small-plain-{seed}", answers(0.6))
        trained(places, f"small-smooth-{seed}", answers(0.9))
    plain, smooth = compare(path, places)
    assert plain.difference is None
    assert plain.alone["uar"].whole == pytest.approx(0.6)
    assert smooth.seeds == (1, 2)
    found = smooth.difference["uar"]
    assert found.difference == pytest.approx(0.3)
    assert found.interval[0] > 0, "18 of 60 clips more, and none fewer, is no chance"
    records = ablation_records(load_ablation(path), [plain, smooth], command="c", tree="t", date="d")
    assert {record.id for record in records} >= {
        "ablation.small.scream-type.plain.uar",
        "ablation.small.scream-type.smooth.uar.difference",
    }
    assert len({record.id for record in records}) == len(records)


def test_an_arm_keeps_a_share_of_what_the_whole_corpus_gives(tmp_path: Path, places: Places) -> None:
    """Seed 0 is the recipe's own, whose run has no number."""
    path = written(tmp_path, **ON_SETS)
    trained(places, "least", answers(0.8))
    for seed in (1, 2):
        trained(places, f"small-plain-{seed}", answers(0.4))
        trained(places, f"small-smooth-{seed}", answers(0.5))
    plain, smooth = compare(path, places)
    assert smooth.kept.whole.whole == pytest.approx(0.8)
    assert smooth.kept.seeds == 1
    assert smooth.kept.ratio.whole == pytest.approx(0.625)
    low, high = smooth.kept.ratio.interval()
    assert low < 0.625 < high
    assert plain.kept.ratio.whole == pytest.approx(0.5)
    assert smooth.kept.label_robust is smooth.kept.augmentation_robust is None, "those runs are not there"
    trained(places, "least-7", answers(0.6))
    assert compare(path, places)[1].kept.whole.of_seeds == pytest.approx([0.8, 0.6])


def test_the_scores_of_dd_ranking_are_of_four_trainings_each(tmp_path: Path, places: Places) -> None:
    path = written(tmp_path, **ON_SETS)
    runs = {"plain": 0.4, "plain-plain": 0.3, "smooth": 0.6, "smooth-hard": 0.5, "smooth-plain": 0.6}
    trained(places, "least", answers(0.8))
    for arm, right in runs.items():
        trained(places, f"small-{arm}-1", answers(right))
    found = compare(path, places)
    kept = found[1].kept
    assert kept.label_robust.whole == pytest.approx(label_robust_score(0.8, 0.5, 0.6, 0.4))
    assert kept.augmentation_robust.whole == pytest.approx(augmentation_robust_score(0.6, 0.4, 0.6, 0.3))
    assert found[0].kept.label_robust is None, "the reference has no run with hard labels"
    assert [each.arm for each in found] == ["plain", "smooth"], "they are compared with nothing else"
    records = {r.id: r for r in ablation_records(load_ablation(path), found, command="c", tree="t", date="d")}
    prefix = "ablation.small.scream-type"
    assert records[f"{prefix}.whole.uar"].value == pytest.approx(0.8)
    assert records[f"{prefix}.smooth.kept"].value == pytest.approx(0.75)
    assert records[f"{prefix}.smooth.label-robust"].unit == "%"
    assert f"{prefix}.smooth.augmentation-robust" in records
    assert f"{prefix}.plain.label-robust" not in records


def test_the_whole_corpus_answers_the_same_clips(tmp_path: Path, places: Places) -> None:
    path = written(tmp_path, **ON_SETS)
    trained(places, "small-plain-1", answers(0.6))
    assert compare(path, places)[0].kept is None, "it is not trained yet"
    trained(places, "least", answers(0.6, clips=58))
    with pytest.raises(CorpusError, match="other clips"):
        compare(path, places)


def test_an_arm_that_is_not_trained_is_left_out_and_a_missing_reference_is_named(
    tmp_path: Path, places: Places
) -> None:
    path = written(tmp_path)
    trained(places, "small-smooth-1", answers(0.9))
    with pytest.raises(RecipeError, match="'plain' is not trained"):
        compare(path, places)
    trained(places, "small-plain-2", answers(0.6))
    assert [found.seeds for found in compare(path, places)] == [(2,), (1,)]


def test_arms_that_answer_other_clips_are_refused(tmp_path: Path, places: Places) -> None:
    path = written(tmp_path)
    trained(places, "small-plain-1", answers(0.6))
    trained(places, "small-smooth-1", answers(0.6, clips=58))
    with pytest.raises(CorpusError, match="other clips"):
        compare(path, places)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reference": "nobody"}, "nobody"),
        ({"seeds": [1, 1]}, "all different"),
        ({"arms": {f"arm{i}": {"factor": "x", "says": "x"} for i in range(13)}, "reference": "arm0"}, "at most 12"),
        ({"arms": {"plain": {"factor": "x", "says": "x", "changes": {"schedule": {"epochs": 0}}}}}, "epochs"),
        ({"ranking": ON_SETS["ranking"]}, "asks for `whole`"),
        (ON_SETS | {"whole": {"recipe": "gone.yaml"}}, "gone"),
        ({"tasks": [TASK, "mood"]}, "no task mood in recipe least.yaml, which has scream-type"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_an_ablation_that_does_not_hold_together_is_refused(tmp_path: Path, change: dict, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        load_ablation(written(tmp_path, **change))


def test_the_whole_corpus_goes_first_and_a_ranking_trains_every_arm_three_times(
    tmp_path: Path, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, **ON_SETS, seeds=[1])
    asked = {}

    def train(recipe: Path, places: Places, accelerator: str, report: object, changes: dict) -> None:
        asked[changes["name"]] = load_recipe(recipe, changes)
        trained(places, changes["name"], answers(0.6))

    monkeypatch.setattr(ablation, "check_recipe", lambda *asked: None)  # no sets are there
    monkeypatch.setattr(ablation, "train", train)
    ablate(path, places, only=["smooth", "plain"])
    ways = [f"small-{arm}{way}-1" for arm in ("smooth", "plain") for way in ("", "-hard", "-plain")]
    assert list(asked) == ["least", "least-7", *ways]
    assert [asked[name].seed for name in ("least", "least-7", ways[0])] == [0, 7, 1]
    hard = asked["small-smooth-hard-1"].schedule
    assert (hard.hard_labels_of_set, hard.label_smoothing) == (True, 0.1), "over the arm's own changes"
    assert asked["small-plain-plain-1"].augment.time_masks == 0


def test_some_seeds_may_be_trained_now_and_the_others_later(
    tmp_path: Path, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, asked = written(tmp_path, seeds=[1, 2, 3]), []

    def train(recipe: Path, places: Places, accelerator: str, report: object, changes: dict) -> None:
        asked.append(changes["name"])
        trained(places, changes["name"], answers(0.6))

    monkeypatch.setattr(ablation, "train", train)
    found = ablate(path, places, seeds=[3, 1])
    assert asked == ["small-plain-3", "small-smooth-3", "small-plain-1", "small-smooth-1"]
    assert [each.seeds for each in found] == [(1, 3), (1, 3)]
    with pytest.raises(RecipeError, match="no seed 4; its seeds are 1, 2, 3"):
        ablate(path, places, seeds=[4])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"network": {"name": "abacus"}}, "network 'abacus' is not known"),
        ({"network": {"options": {"colour": "red"}}}, "does not know colour"),
        ({"bursts": ["gone-{seed}.safetensors"], "split": {}}, "gone-1"),
    ],
)
def test_an_arm_that_cannot_be_trained_is_told_before_the_first_is(
    changes: dict, said: str, tmp_path: Path, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    arms = {
        "plain": {"factor": "reference", "says": "as it is"},
        "other": {"factor": "x", "says": "x", "changes": changes},
    }
    path = written(tmp_path, arms=arms)
    monkeypatch.setattr(ablation, "train", lambda *all_of_it: pytest.fail("something was trained"))
    with pytest.raises((RecipeError, CorpusError), match=said):
        ablate(path, places)


def test_what_is_not_trained_yet_is_told(tmp_path: Path, places: Places) -> None:
    path = written(tmp_path, **ON_SETS)
    for name in ("small-plain-1", "small-plain-hard-1", "small-plain-plain-1", "small-plain-2", "small-smooth-2"):
        trained(places, name, answers(0.6))
    assert untrained(path, places) == {"plain": (2,), "smooth": (1, 2)}
    for way in ("-hard", "-plain"):
        trained(places, f"small-plain{way}-2", answers(0.6))
    assert untrained(path, places) == {"smooth": (1, 2)}


@pytest.mark.slow
def test_every_arm_is_trained_with_every_seed_once(small_corpora: Path, tmp_path: Path, places: Places) -> None:
    places = msgspec.structs.replace(places, data=small_corpora)
    path = written(tmp_path, seeds=[1])
    found = ablate(path, places, "cpu")
    assert [(each.arm, each.seeds) for each in found] == [("plain", (1,)), ("smooth", (1,))]
    models = {model: model.stat().st_mtime_ns for model in places.runs.glob("*/*.onnx")}
    assert {model.stem for model in models} == {"small-plain-1", "small-smooth-1"}
    again = ablate(path, places, "cpu")
    assert all(model.stat().st_mtime_ns == time for model, time in models.items()), "nothing is trained twice"
    np.testing.assert_array_equal(again[1].alone["uar"].of_seeds, found[1].alone["uar"].of_seeds)
