"""The card: what it holds, what it refuses."""

import hashlib
import json
from importlib.resources import files

import msgspec
import numpy as np
import pytest

from exclaim import features
from exclaim.card import FRONT_END, Card, Head, Thresholds, dump_card, front_end_hash, parse_card
from exclaim.errors import ModelError

DETECTION = Head(
    task="scream-detection", output="d", labels=("other", "scream"), thresholds=Thresholds(on=0.7, off=0.4)
)
TYPE = Head(task="scream-type", output="t", labels=("negative", "positive"), temperature=1.7, abstain_below=0.6)


def card(**fields) -> Card:
    return Card(**{"name": "m", "version": "1", "heads": (DETECTION, TYPE), **fields})


def changed(**fields) -> str:
    """The text of a card with some fields changed, as another program might have written it."""
    raw = {**json.loads(dump_card(card())), **fields}
    raw["sha256"] = raw.pop("sha256")
    return json.dumps(raw, separators=(",", ":"))


def test_a_card_survives_the_trip_through_json():
    assert parse_card(dump_card(card())) == card()


def test_the_front_end_is_what_the_features_are_made_with():
    for name, value in msgspec.to_builtins(FRONT_END).items():
        if hasattr(features, name.upper()):
            assert value == getattr(features, name.upper())


def test_the_front_end_hash_covers_parameters_and_filterbank():
    bands = np.load(files("exclaim").joinpath("assets/mel_filterbank.npy"), allow_pickle=False).astype("<f4")
    assert bands.shape == (128, 513)
    expected = hashlib.sha256(msgspec.json.encode(FRONT_END) + np.ascontiguousarray(bands).tobytes()).hexdigest()
    assert front_end_hash() == expected


def test_head_finds_a_task_and_says_which_there_are():
    assert card().head("scream-type") is card().heads[1]
    with pytest.raises(ModelError, match="no head 'x'; it has scream-detection, scream-type"):
        card().head("x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "schema 'list', expected 1"),
        (changed(schema=2), "schema 2, expected 1; use the release"),
        (changed(front_end={**msgspec.to_builtins(FRONT_END), "n_mels": 64}), "n_mels is 64, expected 128"),
        (changed(front_end={**msgspec.to_builtins(FRONT_END), "dither": 1}), "dither is 1, expected None"),
        (changed(front_end=None), "says nothing of its front-end"),
        (changed(front_end_hash="0" * 64), "another front-end: hash '0000"),
        (changed(surprise=1), "not understood: Object contains unknown field `surprise`"),
        (changed(heads=[]), "expected at least one"),
        (changed(level_floor_db="loud"), "not understood"),
        (dump_card(card()) + " ", "does not end with the field sha256"),
    ],
)
def test_what_is_not_known_is_refused(text, message):
    with pytest.raises(ModelError, match=message):
        parse_card(text)


@pytest.mark.parametrize(
    ("heads", "message"),
    [
        ((TYPE, TYPE), r"tasks \['scream-type', 'scream-type'\]"),
        ((msgspec.structs.replace(TYPE, labels=("a",)),), "at least two, each once"),
        ((msgspec.structs.replace(TYPE, labels=("a", "a")),), "at least two, each once"),
        ((msgspec.structs.replace(DETECTION, labels=("a", "b", "c")),), "expected for a detection"),
        ((msgspec.structs.replace(DETECTION, abstain_below=0.5),), "no abstention"),
        ((msgspec.structs.replace(DETECTION, thresholds=Thresholds(on=0.2, off=0.5)),), "expected off <= on"),
    ],
)
def test_heads_that_do_not_hold_together_are_refused(heads, message):
    with pytest.raises(ModelError, match=message):
        parse_card(dump_card(card(heads=heads)))
