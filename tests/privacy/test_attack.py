"""The whole way on a tiny corpus: shadows, figures, files; what was stopped goes on; what is wrong is refused."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from exclaim.condense.real import load_real
from exclaim.errors import RecipeError, StoreError
from exclaim.learn.places import Places
from exclaim.privacy import attack as attack_module
from exclaim.privacy import shadow
from exclaim.privacy.attack import attack, halves_of
from exclaim.privacy.recipe import condensed_by, load_privacy_recipe
from exclaim.privacy.report import read_report
from exclaim.privacy.shadow import attack_key, half_of, read_answers, shifted

LOOKS = ("the set's means", "the set's means, fitted", "nearest item", "nearest item, calibrated")
TARGETS = ("full", "subset", "noise", "real")


def answers(path: Path, places: Places, number: int, target: str) -> shadow.Answers | None:
    recipe = load_privacy_recipe(path)
    condensed = condensed_by(path, recipe)
    real = load_real(condensed, places.data, places.cache)
    folder = places.runs / recipe.name
    return read_answers(folder, number, target, attack_key(recipe, condensed, real), len(real.labels))


def test_every_target_is_attacked(make_recipe: Callable[..., Path], places: Places) -> None:
    path = make_recipe()
    run = attack(path, places, "cpu")
    assert run.missing == ()
    found = run.report
    ways = {target: [each.attack for each in found.attacks if each.target == target] for target in TARGETS}
    half, own = "membership of the half", "membership of the set"
    networks = [half, f"{half} by raised confidence"]
    looks = [f"{half} by {way}" for way in LOOKS]
    near = [f"{own} by {way}" for way in LOOKS[2:]]
    assert ways["full"] == networks
    assert sorted(ways["noise"]) == sorted([*networks, *looks])
    assert sorted(ways["subset"]) == sorted(ways["real"]) == sorted([*networks, own, *looks, *near])
    for each in found.attacks:
        if each.attack == "membership of the half":
            assert each.members == each.others == 3 * found.clips
        if each.attack == "membership of the set":
            assert each.members == 6 * 4, "two items of two labels in six shadows"
    assert {each.target for each in found.quality} == {"full", "subset", "noise", "real"}
    assert read_report(run.folder / "privacy.json") == found
    rows = list(csv.DictReader((run.folder / "roc.csv").read_text().splitlines()))
    assert {(row["target"], row["attack"]) for row in rows} == {(each.target, each.attack) for each in found.attacks}
    assert "<svg" in (run.folder / "roc.svg").read_text()


def test_sets_are_made_of_their_half_alone(make_recipe: Callable[..., Path], places: Places) -> None:
    path = make_recipe(halves="speakers", networks=False, targets=["subset", "noise", "real"])
    attack(path, places, "cpu", only=[0, 1])
    recipe = load_privacy_recipe(path)
    real = load_real(condensed_by(path, recipe), places.data, places.cache)
    halves = halves_of(recipe, real)
    for number in (0, 1):
        subset, noise, begun = (answers(path, places, number, target) for target in ("subset", "noise", "real"))
        assert halves[number][subset.own].all()
        assert halves[number][begun.own].all()
        assert len(noise.own) == 0
        assert (real.windows[subset.own] == subset.items).all()
        assert (real.labels[begun.own] == begun.labels).all()
        near = np.abs(begun.items.astype(int) - real.windows[begun.own].astype(int)).mean()
        assert near < 10, "two steps leave the clips nearly as they were"
        assert np.abs(noise.items.astype(int) - real.windows[subset.own].astype(int)).mean() > 20


def test_the_labels_of_a_set_are_of_a_network_that_heard_its_half(
    make_recipe: Callable[..., Path], places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_recipe({"soft_labels": "teacher", "teacher": "elsewhere.yaml"}, targets=["noise"])
    seen = {}
    trained = shadow._trained

    def watching(own, windows, targets, work, *rest):
        seen[work.name] = (len(windows), targets)
        return trained(own, windows, targets, work, *rest)

    monkeypatch.setattr(shadow, "_trained", watching)
    run = attack(path, places, "cpu", only=[0])
    recipe = load_privacy_recipe(path)
    real = load_real(condensed_by(path, recipe), places.data, places.cache)
    assert seen["full"][0] == halves_of(recipe, real)[0].sum()
    assert seen["noise"][0] == 4
    soft = seen["noise"][1]
    np.testing.assert_allclose(soft.sum(axis=1), 1, atol=1e-5)
    assert (soft.max(axis=1) < 1).all()
    assert run.missing == (1, 2, 3, 4, 5)


@pytest.mark.parametrize("say", [{"agreement": 1}, {"groups": 2}], ids=["agreement", "groups"])
def test_a_teacher_with_a_say_in_the_items_heard_their_half_alone(
    say: dict, make_recipe: Callable[..., Path], places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where no network is trained on a set: what the teacher knows of other clips must not get into the items."""
    method = {"name": "distribution-matching", "iterations": 2, "batch": 4} | say
    path = make_recipe(
        {"method": method, "teacher": "elsewhere.yaml"}, halves="speakers", networks=False, targets=["noise"]
    )
    heard, asked = [], []
    trained, teacher = shadow._trained, shadow.Teacher

    def watching(own, windows, *rest):
        heard.append(len(windows))
        return trained(own, windows, *rest)

    def called(own, weights, *rest):
        asked.append(weights)
        return teacher(own, weights, *rest)

    monkeypatch.setattr(shadow, "_trained", watching)
    monkeypatch.setattr(shadow, "Teacher", called)
    run = attack(path, places, "cpu", only=[0])
    recipe = load_privacy_recipe(path)
    real = load_real(condensed_by(path, recipe), places.data, places.cache)
    assert heard == [halves_of(recipe, real)[0].sum()]
    assert [weights.parent.name for weights in asked] == ["shadow-00"]
    assert (run.folder / "shadow-00/noise.safetensors").is_file()


class _Stopped(Exception):
    pass


@pytest.mark.parametrize(("call", "kept"), [(1, []), (2, ["full"])])
def test_what_was_stopped_goes_on(
    call: int, kept: list[str], make_recipe: Callable[..., Path], places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped while the first or second target's network was asked, a shadow ends as one that never stopped."""
    path = make_recipe({"soft_labels": "teacher", "teacher": "elsewhere.yaml"}, targets=["full", "noise"])
    attack(path, places, "cpu", only=[3])
    other = Places(data=places.data, runs=places.runs / "again", cache=places.cache)
    folder = other.runs / "tiny-privacy/shadow-03"
    calls, asked = [], shadow._asked

    def stopping(*args):
        calls.append(1)
        if len(calls) == call:
            raise _Stopped
        return asked(*args)

    with monkeypatch.context() as patch:
        patch.setattr(shadow, "_asked", stopping)
        with pytest.raises(_Stopped):
            attack(path, other, "cpu", only=[3])
    made = {target: (folder / f"{target}.safetensors").stat().st_mtime_ns for target in kept}
    run = attack(path, other, "cpu", only=[3])
    assert {target: (folder / f"{target}.safetensors").stat().st_mtime_ns for target in kept} == made
    for target in ("full", "noise"):
        whole, again = answers(path, places, 3, target), answers(path, other, 3, target)
        np.testing.assert_array_equal(again.confidence, whole.confidence)
    np.testing.assert_array_equal(again.items, whole.items)
    assert run.report is None
    assert run.missing == (0, 1, 2, 4, 5)


def test_shadows_made_apart_are_attacked_when_all_are_there(
    make_recipe: Callable[..., Path], places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_recipe(targets=["subset"])
    assert attack(path, places, "cpu", only=[0, 2, 4]).missing == (1, 3, 5)
    assert attack(path, places, "cpu", compare=True).report is None
    whole = attack(path, places, "cpu", only=[5, 3, 1]).report
    assert whole is not None
    monkeypatch.setattr(attack_module, "make_shadow", lambda *args: pytest.fail("nothing is left to make"))
    assert attack(path, places, "cpu", compare=True).report.attacks == whole.attacks


def test_views_are_averaged(make_recipe: Callable[..., Path], places: Places) -> None:
    one = answers_of_views(make_recipe, places, [0])
    other = answers_of_views(make_recipe, places, [16])
    both = answers_of_views(make_recipe, places, [0, 16])
    assert np.abs(one - other).max() > 1e-4
    np.testing.assert_allclose(both, (one + other) / 2, atol=1e-5)


def answers_of_views(make_recipe: Callable[..., Path], places: Places, views: list[int]) -> np.ndarray:
    name = f"views-{'-'.join(map(str, views))}"
    path = make_recipe(name=name, targets=["subset"], views=views)
    attack(path, places, "cpu", only=[0])
    return answers(path, places, 0, "subset").confidence


def test_a_shift_moves_whole_cells_and_lets_floor_in() -> None:
    windows = np.random.default_rng(0).uniform(-1, 1, (3, 16, 47)).astype(np.float32)
    later = shifted(windows, 8)
    np.testing.assert_array_equal(later[:, :, 2:], windows[:, :, :-2])
    assert (later[:, :, :2] == -1).all()
    np.testing.assert_array_equal(shifted(windows, 1), windows)


def test_a_half_is_a_corpus_of_its_own(make_recipe: Callable[..., Path], places: Places) -> None:
    path = make_recipe()
    real = load_real(condensed_by(path, load_privacy_recipe(path)), places.data, places.cache)
    inside = np.arange(len(real.labels)) % 2 == 0
    one, other = half_of(real, inside), half_of(real, ~inside)
    assert len(one.labels) + len(other.labels) == len(real.labels)
    assert len({one.data, other.data, real.data}) == 3, "experts of one half are not taken for the other's"
    assert one.speakers == real.speakers[::2]


def test_files_of_other_clips_or_none_are_refused(make_recipe: Callable[..., Path], places: Places) -> None:
    path = make_recipe(targets=["subset"], halves="speakers", networks=False)
    attack(path, places, "cpu", only=[0])
    file = places.runs / "tiny-privacy/shadow-00/subset.safetensors"
    make_recipe({"items": 3}, targets=["subset"], halves="speakers", networks=False)
    with pytest.raises(StoreError, match="another recipe"):
        attack(path, places, "cpu", only=[0])
    make_recipe(targets=["subset"], halves="speakers", networks=False)
    file.write_bytes(b"hello")
    with pytest.raises(StoreError, match="remove it"):
        attack(path, places, "cpu", only=[0])


def test_a_shadow_that_the_recipe_has_not_is_refused(make_recipe: Callable[..., Path], places: Places) -> None:
    with pytest.raises(RecipeError, match="0 to 5"):
        attack(make_recipe(), places, "cpu", only=[6])


def test_another_recipe_of_the_same_name_is_refused(make_recipe: Callable[..., Path], places: Places) -> None:
    attack(make_recipe(targets=["subset"], halves="speakers", networks=False), places, "cpu", only=[0])
    with pytest.raises(RecipeError, match="another recipe"):
        attack(make_recipe(targets=["subset"], halves="speakers", networks=False, seed=1), places, "cpu", only=[0])
