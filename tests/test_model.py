"""Model files: what is loaded, what is refused and how, and what a prediction says."""

import json
import pickle
import subprocess
import sys

import msgspec
import numpy as np
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, x25519

from exclaim import model_file, onnxfile
from exclaim.card import CARD_KEY, FRONT_END, Card, Head, Thresholds, dump_card
from exclaim.errors import ModelError
from exclaim.model import load_model, pin, pin_of, predict_head, read_card, seal, shipped_models, sign

TYPE = Head(task="scream-type", output="scream-type", labels=("negative", "positive"), abstain_below=0.6)
RNG = np.random.default_rng(7)


def windows(n: int) -> np.ndarray:
    return RNG.uniform(-1, 1, (n, 128, 188)).astype(np.float32)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory, make_model):
    return make_model(tmp_path_factory.mktemp("models") / "tiny.onnx", level_floor_db=-60.0)


@pytest.fixture
def copy(tiny, tmp_path):
    """A pinned copy that a test may spoil."""
    path = tmp_path / "copy.onnx"
    path.write_bytes(tiny.read_bytes())
    pin(path)
    return path


# what it says


def test_a_prediction_per_head(tiny):
    model = load_model(tiny)
    x = windows(5)
    predictions = model.predict(x)
    assert list(predictions) == ["scream-detection", "scream-type"]
    for task, prediction in predictions.items():
        head = model.card.head(task)
        assert prediction.labels == head.labels
        assert prediction.logits.shape == prediction.probabilities.shape == (5, 2)
        assert prediction.embedding.shape == (5, 16)
        np.testing.assert_allclose(prediction.probabilities.sum(axis=1), 1)
    bands = x.mean(axis=2, dtype=np.float64)
    expected = 20 * bands.mean(axis=1) + 10
    np.testing.assert_allclose(predictions["scream-detection"].logits[:, 1], expected, atol=1e-4)


def test_an_answer_does_not_depend_on_what_is_asked_with_it(tiny):
    model = load_model(tiny)
    x = windows(9)
    whole = model.predict(x)["scream-type"].logits
    parts = np.concatenate([model.predict(x[i : i + 1])["scream-type"].logits for i in range(len(x))])
    np.testing.assert_array_equal(whole, parts)


def test_no_windows_have_no_answers(tiny):
    model, x = load_model(tiny), windows(1)
    empty = model.predict(x[:0], np.empty(0))["scream-type"]
    assert empty.logits.shape == (0, 2)
    assert empty.embedding.shape == (0, 16)
    assert empty.label == []


def test_temperature_flattens_probabilities_as_the_formula_says():
    logits = np.array([[2.0, 0.0], [0.0, 1.0]], np.float32)
    hot = msgspec.structs.replace(TYPE, temperature=2.0)
    probabilities, _, _ = predict_head(hot, logits)
    np.testing.assert_allclose(probabilities[:, 0], [1 / (1 + np.exp(-1)), 1 / (1 + np.exp(0.5))])


def test_large_logits_do_not_overflow():
    probabilities, labels, _ = predict_head(TYPE, np.array([[1e4, -1e4]], np.float32))
    assert probabilities.tolist() == [[1.0, 0.0]]
    assert labels == ["negative"]


def test_a_detection_answers_by_its_threshold():
    head = Head(task="d", output="d", labels=("other", "scream"), thresholds=Thresholds(on=0.8, off=0.5))
    logits = np.log(np.array([[0.3, 0.7], [0.19, 0.81], [0.9, 0.1]]))
    _, labels, abstained = predict_head(head, logits)
    assert labels == ["other", "scream", "other"]
    assert not abstained.any()


def test_a_type_abstains_where_it_is_unsure_and_says_nothing_below_the_floor():
    logits = np.log(np.array([[0.55, 0.45], [0.7, 0.3], [0.3, 0.7]]))
    probabilities, labels, abstained = predict_head(TYPE, logits, np.array([-10.0, -10.0, -70.0]), -60.0)
    assert labels == [None, "negative", None]
    assert abstained.tolist() == [True, False, False]
    np.testing.assert_allclose(probabilities, np.exp(logits))


def test_levels_are_compared_with_the_cards_floor(tiny):
    prediction = load_model(tiny).predict(np.ones((2, 128, 188), np.float32), np.array([-61.0, -59.0]))
    assert prediction["scream-detection"].label == [None, "scream"]


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((128, 188), np.float32), r"shape \(128, 188\)"),
        (np.zeros((1, 188, 128), np.float32), r"shape \(1, 188, 128\)"),
        (np.zeros((1, 128, 188)), "type float64"),
        (np.full((1, 128, 188), np.nan, np.float32), "NaN"),
    ],
)
def test_windows_of_another_kind_are_refused(tiny, x, message):
    with pytest.raises(ModelError, match=message):
        load_model(tiny).predict(x)


@pytest.mark.parametrize("levels", [np.zeros(1), np.array([0.0, np.nan]), np.zeros((2, 1))])
def test_levels_of_another_kind_are_refused(tiny, levels):
    with pytest.raises(ModelError, match="one finite level"):
        load_model(tiny).predict(windows(2), levels)


# what is refused


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("empty.onnx", b"", "is empty"),
        ("notes.onnx", b"This is a text file.\n" * 9, "is a text file; expected an .onnx file"),
        ("old.pt", pickle.dumps({"weights": [1, 2]}), "is a pickle or an archive"),
        ("new.pt", b"PK\x03\x04" + bytes(100), "is a pickle or an archive"),
        ("noise.onnx", bytes(range(255, 0, -1)), "is damaged, or no ONNX file"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path, name, data, message):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ModelError, match=message) as error:
        load_model(tmp_path / name)
    assert str(tmp_path / name) in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"gone\.onnx: no such file; expected a model file"):
        load_model(tmp_path / "gone.onnx")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(ModelError, match="is a folder"):
        load_model(tmp_path)


def test_an_unknown_shipped_name_lists_the_shipped_ones():
    with pytest.raises(ModelError, match="no-such-model: no such file, and no shipped models have that name"):
        load_model("no-such-model")


def test_a_file_too_large_is_refused_unread(copy, monkeypatch):
    monkeypatch.setattr(model_file, "MAX_BYTES", 100)
    with pytest.raises(ModelError, match="more than the 100 that a model file may have"):
        load_model(copy)


def test_an_onnx_file_without_a_card_is_refused(tmp_path, make_network):
    path = make_network(tmp_path / "bare.onnx", {"a": np.ones((2, 128))})
    with pytest.raises(ModelError, match="without a card"):
        load_model(path)


def test_every_damaged_byte_is_detected(copy):
    data = copy.read_bytes()
    for at in np.linspace(0, len(data) - 1, 60).astype(int):
        copy.write_bytes(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])
        pin(copy)  # even where whoever pinned it did not notice
        with pytest.raises(ModelError):
            load_model(copy)


def test_damage_is_called_damage(copy):
    data = bytearray(copy.read_bytes())
    at = data.find(b"embedding.weight") + 40
    data[at] ^= 1
    copy.write_bytes(data)
    with pytest.raises(ModelError, match=r"its SHA-256 is .*the pin in .*damaged or was replaced"):
        load_model(copy)
    with pytest.raises(ModelError, match="is damaged: its SHA-256 without that field is"):
        load_model(copy, pin=pin_of(copy))
    with pytest.raises(ModelError, match="is damaged"):
        read_card(copy)


def test_a_file_cut_short_is_refused(copy):
    copy.write_bytes(copy.read_bytes()[:-200])
    with pytest.raises(ModelError, match="damaged, or no ONNX file"):
        load_model(copy)


def forge(path, **fields) -> None:
    """Write a card as another program might, with its hash right, and pin it."""
    import hashlib

    raw = {**json.loads(dump_card(read_card(path))), **fields}
    raw.pop("sha256")

    def text(digest: str) -> str:
        return json.dumps({**raw, "sha256": digest}, separators=(",", ":"))

    data = path.read_bytes()
    digest = hashlib.sha256(onnxfile.with_metadata(data, CARD_KEY, text("0" * 64))).hexdigest()
    path.write_bytes(onnxfile.with_metadata(data, CARD_KEY, text(digest)))
    pin(path)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"schema": 9}, "schema 9, expected 1"),
        (
            {"front_end": {**msgspec.to_builtins(FRONT_END), "hop_length": 160}},
            "hop_length is 160, expected 256",
        ),
        ({"front_end_hash": "ab" * 32}, "another front-end: hash"),
        (
            {"heads": [{"task": "t", "output": "nowhere", "labels": ["a", "b"]}]},
            "'nowhere' of head t is not there",
        ),
        (
            {"heads": [{"task": "t", "output": "scream-type", "labels": ["a", "b", "c"]}]},
            r"expected \(batch, 3\) float32 for labels a, b, c",
        ),
    ],
)
def test_a_model_that_we_do_not_understand_is_refused(copy, fields, message):
    forge(copy, **fields)
    with pytest.raises(ModelError, match=message) as error:
        load_model(copy)
    assert str(error.value).startswith(f"{copy}: ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_shape": (64, 188)}, r"inputs are .*\[64, 188\].*expected one, 'log_mel'"),
        ({"input_name": "audio"}, "inputs are .*'audio'"),
    ],
)
def test_a_graph_that_takes_something_else_is_refused(tmp_path, make_network, options, message):
    bands = options.get("input_shape", (128, 188))[0]
    path = make_network(tmp_path / "other.onnx", {"scream-type": np.ones((2, bands))}, **options)
    seal(path, Card(name="other", version="1", heads=(TYPE,)))
    with pytest.raises(ModelError, match=message):
        load_model(path, pin=pin_of(path))


def test_weights_in_another_file_are_refused(copy):
    onnx = pytest.importorskip("onnx")
    card = read_card(copy)
    model = onnx.load(copy)
    model.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    copy.write_bytes(model.SerializeToString())
    seal(copy, card)
    with pytest.raises(ModelError, match="keeps weights in another file"):
        load_model(copy, pin=pin_of(copy))


def test_a_graph_that_the_runtime_does_not_know_is_refused(copy):
    onnx = pytest.importorskip("onnx")
    card = read_card(copy)
    model = onnx.load(copy)
    model.graph.node[0].op_type = "Unheard"
    copy.write_bytes(model.SerializeToString())
    seal(copy, card)
    with pytest.raises(ModelError, match="its graph is not understood by onnxruntime"):
        load_model(copy, pin=pin_of(copy))


# who vouches for it


@pytest.fixture
def unpinned(copy):
    (copy.parent / "models.json").unlink()
    return copy


def key_pem(key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def test_nothing_unvouched_is_loaded(unpinned):
    with pytest.raises(ModelError, match=r"nothing vouches for it.*exclaim model pin"):
        load_model(unpinned)


def test_a_pin_vouches(unpinned):
    assert load_model(unpinned, pin=pin_of(unpinned).upper()).card.name == "tiny"
    with pytest.raises(ModelError, match="the pin given is 0000"):
        load_model(unpinned, pin="0" * 64)
    pin(unpinned)
    assert load_model(unpinned).sha256 == pin_of(unpinned)


def test_a_signature_vouches(unpinned):
    signature, public = sign(unpinned, key_pem(ed25519.Ed25519PrivateKey.generate()))
    stranger = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw().hex()
    assert signature.name == "copy.onnx.sig"
    assert load_model(unpinned, trusted_keys=(stranger, public)).card.name == "tiny"
    with pytest.raises(ModelError, match="no trusted key was given"):
        load_model(unpinned)
    with pytest.raises(ModelError, match="not a signature of this file by one of the 1 trusted keys"):
        load_model(unpinned, trusted_keys=(stranger,))
    with pytest.raises(ModelError, match="expected 64 hexadecimal digits"):
        load_model(unpinned, trusted_keys=("my key",))
    signature.write_bytes(b"short")
    with pytest.raises(ModelError, match="not a signature"):
        load_model(unpinned, trusted_keys=(public,))


@pytest.mark.parametrize(
    ("pem", "message"), [(b"nonsense", "expected an unencrypted Ed25519 key"), (None, "expected Ed25519")]
)
def test_a_key_of_another_kind_signs_nothing(unpinned, pem, message):
    with pytest.raises(ModelError, match=message):
        sign(unpinned, pem or key_pem(x25519.X25519PrivateKey.generate()))
    assert not unpinned.with_suffix(".onnx.sig").exists()


def test_pins_that_cannot_be_read_are_named(copy):
    (copy.parent / "models.json").write_text("[1]")
    with pytest.raises(ModelError, match=r"models\.json: .*expected JSON of the form"):
        load_model(copy)


def test_shipped_names_resolve_by_name_and_by_task(copy, monkeypatch):
    shipped = {"scream-type-student": copy, "scream-detection-student": copy.parent / "other.onnx"}
    monkeypatch.setattr(model_file, "shipped_models", lambda: shipped)
    monkeypatch.chdir(copy.parent)
    (copy.parent / "scream-type").mkdir()  # a run folder of that name is not meant
    assert load_model("scream-type").path == copy
    assert load_model("scream-type-student").path == copy
    with pytest.raises(ModelError, match="scream: no such file, and 2 shipped models"):
        load_model("scream")


def test_every_shipped_file_is_pinned_and_loads():
    for name, path in shipped_models().items():
        assert load_model(path).card.heads, name


# sealing


def test_seal_replaces_an_older_card_and_keeps_the_graph(copy):
    onnx = pytest.importorskip("onnx")
    before = onnx.load(copy).graph
    sealed = seal(copy, msgspec.structs.replace(read_card(copy), version="2"))
    pin(copy)
    assert load_model(copy).card == sealed
    assert sealed.version == "2"
    assert onnx.load(copy).graph == before


def test_seal_refuses_what_load_would(copy):
    before = copy.read_bytes()
    with pytest.raises(ModelError, match="expected at least one"):
        seal(copy, Card(name="m", version="1", heads=()))
    assert copy.read_bytes() == before


def test_importing_the_model_imports_neither_runtime_nor_torch():
    heavy = "{'onnxruntime', 'torch', 'onnx', 'cryptography'}"
    code = f"import sys, exclaim.model; print({heavy} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
