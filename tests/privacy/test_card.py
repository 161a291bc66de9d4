"""What attacks reached stands in the set's card: sealed and pinned anew, items and labels bit by bit as before."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from safetensors.numpy import load_file

from exclaim.card import CorpusUse, Parent
from exclaim.condense.condense import condense
from exclaim.condense.recipe import condense_hash, load_condense_recipe
from exclaim.corpora.condensed import read_set
from exclaim.corpora.condensed_card import SetCard
from exclaim.errors import CorpusError, RecipeError
from exclaim.learn.places import Places
from exclaim.pins import pin_of, read_pins
from exclaim.privacy.attack import attack
from exclaim.privacy.card import check_kind


@pytest.fixture
def made(make_recipe: Callable[..., Path], places: Places, tmp_path: Path) -> Path:
    make_recipe()
    return condense(tmp_path / "tiny.yaml", places, "cpu").set


def test_both_kinds_of_halves_end_up_in_the_card(made: Path, make_recipe: Callable[..., Path], places: Places) -> None:
    tensors, before = load_file(made), read_set(made).card
    attack(make_recipe(targets=["noise"]), places, "cpu", into=[made])
    card = read_set(made).card
    assert card.privacy["clips"]["membership of the half"]["true_positives_at_1"]["chance"] == 0.01
    assert card.privacy["clips"]["nearest clip, log-mel"]["unit"] == "dB"
    assert set(card.privacy["this set"]) == {"nearest clip, log-mel", "nearest clip, embedding"}
    assert card.privacy["passes"] is False
    assert "Membership of speakers was not attacked" in card.privacy["says"]
    path = make_recipe(name="by-speaker", halves="speakers", targets=["noise"], networks=False)
    attack(path, places, "cpu", into=[made])
    found = read_set(made)
    assert found.card.privacy["clips"] == card.privacy["clips"], "what the first run found stays"
    told = found.card.privacy["speakers"]
    assert sum(name.startswith("speakers by") for name in told) == 8
    assert "not attacked" not in found.card.privacy["says"]
    assert "AUC" in found.card.privacy["says"]
    assert read_pins(made.parent)[made.name] == pin_of(made)
    after = load_file(made)
    assert all((after[name] == tensors[name]).all() for name in tensors)
    untouched = {"privacy", "sha256"}
    for field in before.__struct_fields__:
        assert (getattr(found.card, field) == getattr(before, field)) == (field not in untouched)
    assert made.stat().st_size < 8192 + sum(tensor.nbytes for tensor in tensors.values())


def test_soft_labels_keep_every_bit(
    make_recipe: Callable[..., Path], places: Places, tmp_path: Path, soft_teacher: str
) -> None:
    soft = {"soft_labels": "teacher", "teacher": soft_teacher, "temperature": 2}
    path = make_recipe(soft, targets=["noise"], halves="speakers", networks=False)
    made = condense(tmp_path / "tiny.yaml", places, "cpu").set
    before = load_file(made)["distributions"].tobytes()
    attack(path, places, "cpu", into=[made])
    assert read_set(made).card.privacy
    assert load_file(made)["distributions"].tobytes() == before


def test_a_set_of_another_kind_is_refused(
    made: Path, make_recipe: Callable[..., Path], places: Places, tmp_path: Path
) -> None:
    whole = made.read_bytes()
    with pytest.raises(RecipeError, match="did not attack the target 'noise'"):
        attack(make_recipe(targets=["subset", "real"]), places, "cpu", into=[made])
    longer = {"name": "distribution-matching", "iterations": 3, "batch": 4}
    for change in ({"items": 3}, {"method": longer}):
        path = make_recipe(change, name="other", targets=["noise"], halves="speakers", networks=False)
        with pytest.raises(RecipeError, match="not made as recipe"):
            attack(path, places, "cpu", into=[made])
    assert not (places.runs / "other").exists(), "refused before the work"
    assert made.read_bytes() == whole


def test_a_set_of_another_draw_is_of_the_same_kind(
    make_recipe: Callable[..., Path], tmp_path: Path, soft_teacher: str
) -> None:
    make_recipe({"teacher": soft_teacher, "soft_labels": "teacher"})
    path = tmp_path / "tiny.yaml"
    condensed = load_condense_recipe(path)
    for changes in ({"seed": 7}, {"teacher_seed": 5}, {"seed": 7, "teacher_seed": 5}):
        drawn = load_condense_recipe(path, changes | {"name": "drawn"})
        name = f"ear-{drawn.teacher_seed}" if drawn.teacher_seed else "ear"
        card = SetCard(
            name="drawn",
            task=drawn.task,
            labels=drawn.labels,
            items=6,
            view=drawn.view,
            stored="uint8",
            method="distribution-matching",
            networks=("cnn6",),
            recipe=condense_hash(drawn),
            seed=drawn.seed,
            teacher=Parent(name=name, sha256="0" * 64),
            sources=(CorpusUse(name="crema-d-logmel", licence="ODbL-1.0"),),
            licence="ODbL-1.0",
            source_items=40,
            source_bytes=962_560,
            split={},
            start="noise",
        )
        check_kind(card, condensed)
        with pytest.raises(RecipeError, match="not made as recipe"):
            check_kind(card, msgspec.structs.replace(condensed, items=condensed.items + 1))


def test_what_cannot_be_told_yet_is_refused(
    made: Path, make_recipe: Callable[..., Path], places: Places, tmp_path: Path
) -> None:
    path = make_recipe(targets=["noise"], halves="speakers", networks=False)
    with pytest.raises(RecipeError, match="1, 2, 3, 4, 5 are missing"):
        attack(path, places, "cpu", only=[0], into=[made])
    with pytest.raises(CorpusError, match="no such file"):
        attack(path, places, "cpu", only=[0], into=[tmp_path / "missing.safetensors"])
