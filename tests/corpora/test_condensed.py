"""Condensed sets: what is written is read, and what is damaged or foreign is refused in a sentence."""

import pickle
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from safetensors.numpy import save_file

from exclaim.corpora.condensed import CARD_KEY, items_within, read_set, write_set
from exclaim.corpora.condensed_card import SetCard, dump_set_card, parse_set_card
from exclaim.errors import CorpusError
from exclaim.pins import pin

HARD = np.eye(2, dtype=np.float32)[[0, 0, 1, 1]]


@pytest.fixture
def card(set_card: Callable[..., SetCard]) -> SetCard:
    return set_card()


def items(kind: str = "uint8") -> np.ndarray:
    drawn = np.random.default_rng(0).integers(0, 256, (4, 16, 24)).astype(np.uint8)
    return drawn if kind == "uint8" else (drawn.astype(np.float32) / 127.5 - 1).astype(np.float16)


def soft(card: SetCard) -> tuple[np.ndarray, SetCard]:
    rows = np.array([[0.75, 0.25], [1, 0], [0.125, 0.875], [0.5, 0.5]], np.float32)
    return rows, msgspec.structs.replace(card, soft_labels="teacher")


@pytest.mark.parametrize("stored", ["uint8", "float16"])
def test_what_is_written_is_read(stored: str, tmp_path: Path, card: SetCard) -> None:
    written = write_set(tmp_path / "a.safetensors", items(stored), HARD, msgspec.structs.replace(card, stored=stored))
    found = read_set(tmp_path / "a.safetensors")
    assert found.card == written
    assert found.items.dtype == stored
    np.testing.assert_array_equal(found.items, items(stored))
    np.testing.assert_array_equal(found.targets, HARD)


def test_soft_labels_are_kept_as_distributions(tmp_path: Path, card: SetCard) -> None:
    rows, told = soft(card)
    write_set(tmp_path / "a.safetensors", items(), rows, told)
    np.testing.assert_array_equal(read_set(tmp_path / "a.safetensors").targets, rows)


def test_a_byte_a_cell_and_little_more(tmp_path: Path, card: SetCard) -> None:
    path = tmp_path / "a.safetensors"
    write_set(path, items(), HARD, card)
    assert items().nbytes < path.stat().st_size < items().nbytes + 2500


@pytest.mark.parametrize("kind", ["uint8", "float16"])
def test_as_many_items_as_a_share_of_bytes_holds(kind: str, tmp_path: Path, card: SetCard) -> None:
    """The file is no larger; the 8,192 bytes that are left for its card are the only slack."""
    rows, told = soft(card)
    each = items_within(100_000, (16, 24), kind, 2, True)
    many = msgspec.structs.replace(told, items=2 * each, stored=kind)
    write_set(
        tmp_path / "a.safetensors", np.repeat(items(kind)[:1], 2 * each, axis=0), np.repeat(rows[:1], 2 * each, 0), many
    )
    size = (tmp_path / "a.safetensors").stat().st_size
    assert 100_000 - 8192 - 2 * (items(kind)[0].nbytes + 4) < size <= 100_000
    assert items_within(8192, (16, 24), kind, 2, True) == 0
    assert items_within(int(0.15 * 89_972_864), (64, 64), "uint8", 6, True) == 547, "as recipes/sets/*-15-percent say"


def test_cells_that_look_like_the_hash_do_no_harm(tmp_path: Path, card: SetCard) -> None:
    """Byte 48 is the digit 0: a plain background of it spells the zeroed hash."""
    write_set(tmp_path / "a.safetensors", np.full((4, 16, 24), 48, np.uint8), HARD, card)
    assert read_set(tmp_path / "a.safetensors").items.max() == 48


@pytest.mark.parametrize("at", [-1, -700, 400])
def test_damage_is_told(at: int, tmp_path: Path, card: SetCard) -> None:
    path = tmp_path / "a.safetensors"
    write_set(path, items(), HARD, card)
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorpusError, match=r"a\.safetensors"):
        read_set(path)


def test_a_pin_beside_the_file_is_honoured(tmp_path: Path, card: SetCard) -> None:
    path = tmp_path / "a.safetensors"
    write_set(path, items(), HARD, card)
    pin(path)
    assert read_set(path).sha256
    write_set(path, items(), HARD, msgspec.structs.replace(card, seed=1))
    with pytest.raises(CorpusError, match=r"not the file that models\.json"):
        read_set(path)


def test_a_header_of_any_length_is_read(tmp_path: Path, card: SetCard) -> None:
    """A length that ends in 0x80 makes a file begin as a pickle does."""
    path, first = tmp_path / "a.safetensors", set()
    for extra in range(0, 256, 8):
        card = write_set(path, items(), HARD, msgspec.structs.replace(card, device="x" * extra))
        first.add(path.read_bytes()[0])
        assert read_set(path).card == card
    assert 0x80 in first


def foreign(path: Path, kind: str, card: SetCard) -> None:
    if kind == "pickle":
        path.write_bytes(pickle.dumps([1]))
    elif kind == "text":
        path.write_text("hello, this is no set")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "weights":
        save_file({"weight": np.zeros(3, np.float32)}, path)
    elif kind == "cut":
        write_set(path, items(), HARD, card)
        path.write_bytes(path.read_bytes()[:-10])
    elif kind == "folder":
        path.mkdir()


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("pickle", "is a pickle"),
        ("text", "no safetensors file"),
        ("empty", "no safetensors file"),
        ("weights", "without a set's card"),
        ("cut", "cut short"),
        ("folder", "is a folder"),
        ("absent", "no such file"),
    ],
)
def test_what_is_no_set_is_refused_in_a_sentence(kind: str, said: str, tmp_path: Path, card: SetCard) -> None:
    path = tmp_path / "a.safetensors"
    foreign(path, kind, card)
    with pytest.raises(CorpusError, match=said) as told:
        read_set(path)
    assert str(path) in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"view": (16, 25)}, "has items of shape"),
        ({"stored": "float16"}, "has items of shape"),
        ({"items": 5}, "has items of shape"),
        ({"labels": ("a", "a")}, "each once"),
        ({"front_end_hash": "0" * 64}, "another front-end"),
        ({"schema": 2}, "schema"),
    ],
)
def test_a_card_that_does_not_fit_its_file_is_not_written(
    change: dict, said: str, tmp_path: Path, card: SetCard
) -> None:
    with pytest.raises(CorpusError, match=said):
        write_set(tmp_path / "a.safetensors", items(), HARD, msgspec.structs.replace(card, **change))
    assert not list(tmp_path.iterdir())


def test_tensors_that_do_not_fit_their_card_are_not_read(tmp_path: Path, card: SetCard) -> None:
    path = tmp_path / "a.safetensors"
    metadata = {CARD_KEY: dump_set_card(card)}
    save_file({"items": items(), "labels": np.array([0, 1, 2, 1], np.uint8)}, path, metadata)
    with pytest.raises(CorpusError, match="damaged"):
        read_set(path)
    rows, told = soft(card)
    with pytest.raises(CorpusError, match="out of range"):
        write_set(path, items(), rows * 3, told)
    with pytest.raises(CorpusError, match="out of range"):
        write_set(path, items("float16") * 2, HARD, msgspec.structs.replace(card, stored="float16"))


def test_unknown_fields_of_a_card_are_refused(card: SetCard) -> None:
    text = dump_set_card(card).replace('"name"', '"colour":1,"name"')
    with pytest.raises(CorpusError, match="colour"):
        parse_set_card(text)
