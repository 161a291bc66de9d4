"""Eight bits: how far answers and weights may move, and whose child the file is."""

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from exclaim.card import Card, Head, Metric, Parent
from exclaim.errors import ModelError
from exclaim.learn.export import export, halved_weights, to_onnx
from exclaim.learn.networks import build
from exclaim.learn.quantise import compressed_card, int8, seal_beside, weights8, widened
from exclaim.model import EMBEDDING, Model, load_model, pin

HEADS = {"scream-type": 2, "vocal-burst": 3}
CARD = Card(
    name="test",
    version="1",
    heads=(
        Head(task="scream-type", output="scream-type", labels=("negative", "positive"), temperature=1.5),
        Head(task="vocal-burst", output="vocal-burst", labels=("cry", "laugh", "groan"), abstain_below=0.4),
    ),
    metrics=(Metric(task="scream-type", name="uar", value=0.7, data="some", protocol="so"),),
    parents=(Parent(name="teacher", sha256="0" * 64),),
)
OUTPUTS = (*HEADS, EMBEDDING)
WINDOWS = np.random.default_rng(3).uniform(-1, 1, (6, 128, 188)).astype(np.float32)


def lived_in(name: str, **options: object) -> nn.Module:
    torch.manual_seed(0)
    network = build(name, HEADS, **options).train()
    with torch.no_grad():
        for _ in range(3):
            network(torch.rand(6, 128, 188) * 2 - 1)
    return network.eval()


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Model:
    path = tmp_path_factory.mktemp("run") / "test.onnx"
    export(lived_in("compact", width=1), path, CARD)
    pin(path)
    return load_model(path)


def weights(data: bytes) -> dict[str, np.ndarray]:
    return {weight.name: numpy_helper.to_array(weight) for weight in onnx.load_from_string(data).graph.initializer}


def test_int8_answers_by_little_otherwise_in_half_the_bytes(original, tmp_path):
    path = tmp_path / "small.onnx"
    seal_beside(original, int8(original.path.read_bytes(), WINDOWS), path, "int8")
    assert path.stat().st_size < 0.5 * original.path.stat().st_size
    expected, found = original.logits(WINDOWS), load_model(path).logits(WINDOWS)
    for name in HEADS:
        assert np.abs(found[name] - expected[name]).max() < 0.1 * np.abs(expected[name]).max() + 0.02
        assert not np.array_equal(found[name], expected[name])


def test_int8_weights_are_scaled_by_channel(original):
    graph = onnx.load_from_string(int8(original.path.read_bytes(), WINDOWS)).graph
    bytes_held = {weight.name: weight for weight in graph.initializer if weight.data_type == onnx.TensorProto.INT8}
    scales = {weight.name: list(weight.dims) for weight in graph.initializer}
    convolutions = [node.input[1] for node in graph.node if node.op_type == "Conv"]
    made = {node.output[0]: node for node in graph.node if node.op_type == "DequantizeLinear"}
    assert convolutions
    for name in convolutions:
        held, scale = made[name].input[:2]
        assert scales[scale] == [bytes_held[held].dims[0]]


def test_weights8_are_within_half_a_step_of_their_channels_largest(original):
    data = original.path.read_bytes()
    before, after = weights(data), weights(weights8(data))
    held = [name.removesuffix(".8") for name in after if name.endswith(".8")]
    assert sum(before[name].size for name in held) > 0.95 * sum(w.size for w in before.values())
    for name in held:
        scale = after[f"{name}.s"]
        largest = np.abs(before[name]).max(axis=tuple(range(1, before[name].ndim)), keepdims=True)
        np.testing.assert_allclose(scale, largest / 127, rtol=1e-6)
        assert after[f"{name}.8"].dtype == np.int8
        assert (np.abs(after[f"{name}.8"] * scale - before[name]) <= 0.5001 * scale).all()


@pytest.mark.parametrize(("name", "options"), [("compact", {"width": 0.25}), ("recurrent", {}), ("paper-student", {})])
def test_weights8_answer_by_little_otherwise(tmp_path, name, options):
    path = tmp_path / "test.onnx"
    export(lived_in(name, **options), path, CARD)
    pin(path)
    whole = load_model(path)
    smaller = tmp_path / "small.onnx"
    seal_beside(whole, weights8(path.read_bytes()), smaller, "weights8")
    assert smaller.stat().st_size < 0.55 * path.stat().st_size
    expected, found = whole.logits(WINDOWS), load_model(smaller).logits(WINDOWS)
    for output in HEADS:
        np.testing.assert_allclose(found[output], expected[output], rtol=0, atol=0.05)


def test_a_channel_of_nothing_stays_nothing():
    network = lived_in("compact", width=0.25)
    with torch.no_grad():
        network.collapse[2].weight[3] = 0
    after = weights(weights8(to_onnx(network, OUTPUTS)))
    held = {name: values for name, values in after.items() if name.endswith(".8") and len(values) > 3}
    silent = [name for name, values in held.items() if not values[3].any()]
    assert len(silent) == 1
    assert after[f"{silent[0].removesuffix('.8')}.s"].ravel()[3] == 1


def test_half_weights_are_widened_first():
    whole = to_onnx(lived_in("compact", width=0.25), OUTPUTS)
    halved = halved_weights(whole)
    before, after = weights(whole), weights(widened(halved))
    assert set(before) == set(after)
    for name, values in before.items():
        assert after[name].dtype == values.dtype
        np.testing.assert_allclose(after[name], values, rtol=1e-3, atol=1e-6)
    assert weights8(halved)
    assert int8(halved, WINDOWS[:1])


def test_the_card_stays_but_for_figures_and_parents(original, tmp_path):
    path = tmp_path / "small.onnx"
    card = seal_beside(original, weights8(original.path.read_bytes()), path, "weights8")
    assert card.heads == original.card.heads
    assert card.version == "1-weights8"
    assert card.parents == (Parent(name="test", sha256=original.sha256),)
    assert card.metrics == ()
    assert load_model(path).card == card
    assert compressed_card(original, "weights8").sha256 == original.card.sha256  # of the file it is sealed into


@pytest.mark.parametrize("shape", [(0, 128, 188), (2, 64, 188), (128, 188)])
def test_windows_to_calibrate_on_are_asked_for(original, shape):
    with pytest.raises(ModelError, match="calibration windows have shape"):
        int8(original.path.read_bytes(), np.zeros(shape, np.float32))


def test_weights_that_are_not_finite_are_refused():
    network = lived_in("compact", width=0.25)
    with torch.no_grad():
        network.collapse[2].weight[3, 0] = float("inf")
    with pytest.raises(ModelError, match="not finite"):
        weights8(to_onnx(network, OUTPUTS))
