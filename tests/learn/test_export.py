"""A model file answers as its network does, travels whole, and is written whole or not at all."""

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from exclaim.card import Card, Head
from exclaim.errors import ModelError
from exclaim.learn.export import export, halved_weights, to_onnx
from exclaim.learn.networks import build
from exclaim.model import load_model, pin_of

HEADS = {"scream-type": 2, "vocal-burst": 3}
CARD = Card(
    name="test",
    version="1",
    heads=(
        Head(task="scream-type", output="scream-type", labels=("negative", "positive")),
        Head(task="vocal-burst", output="vocal-burst", labels=("cry", "laugh", "groan")),
    ),
)
WINDOWS = np.random.default_rng(3).uniform(-1, 1, (5, 128, 188)).astype(np.float32)


def lived_in(name: str, **options: object) -> nn.Module:
    """A network whose batch normalisation has seen something, so that folding it wrongly would show."""
    torch.manual_seed(0)
    network = build(name, HEADS, **options).train()
    with torch.no_grad():
        for _ in range(3):
            network(torch.rand(6, 128, 188) * 1.5 - 1)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.2, 0.2)
    return network.eval()


def eager(network: nn.Module, windows: np.ndarray) -> dict[str, np.ndarray]:
    with torch.no_grad():
        return {name: values.numpy() for name, values in network(torch.from_numpy(windows)).items()}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("compact", {}),
        ("compact", {"width": 0.25}),
        ("compact", {"width": 0.25, "pool": (2, 2)}),
        ("paper-student", {}),
        ("mobilenet-v3-small", {}),
        ("mobilenet-v3-large", {"width": 0.4}),
        ("recurrent", {}),
        ("resnet18", {"pool": (2, 2)}),
    ],
)
def test_the_file_answers_as_the_network(tmp_path, name, options):
    network = lived_in(name, **options)
    path = tmp_path / "model.onnx"
    card = export(network, path, CARD)
    model = load_model(path, pin=pin_of(path))
    assert model.card == card
    for count in (1, 5):
        expected = eager(network, WINDOWS[:count])
        found = model.logits(WINDOWS[:count])
        assert set(found) == {"scream-type", "vocal-burst", "embedding"}
        for output, values in found.items():
            np.testing.assert_allclose(values, expected[output], rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "options", "half_weights", "kilobytes"),
    [
        ("compact", {"width": 1}, False, 1000),
        ("compact", {"width": 0.5}, False, 300),
        ("compact", {"width": 0.25}, False, 100),
        ("compact", {"width": 0.25}, True, 65),
        ("paper-student", {}, False, 3900),
        ("paper-student", {}, True, 2000),
    ],
)
def test_files_are_small(tmp_path, name, options, half_weights, kilobytes):
    path = tmp_path / "model.onnx"
    export(lived_in(name, **options), path, CARD, half_weights=half_weights)
    assert path.stat().st_size <= kilobytes * 1000


@pytest.mark.parametrize(("name", "options"), [("compact", {"width": 0.5}), ("paper-student", {})])
def test_half_weights_change_answers_by_little(tmp_path, name, options):
    network = lived_in(name, **options)
    path = tmp_path / "model.onnx"
    export(network, path, CARD, half_weights=True)
    expected = eager(network, WINDOWS)
    for output, values in load_model(path, pin=pin_of(path)).logits(WINDOWS).items():
        assert values.dtype == np.float32
        np.testing.assert_allclose(values, expected[output], rtol=0, atol=2e-3)
        assert not np.array_equal(values, expected[output])


def test_batch_normalisation_is_folded_and_the_batch_is_free():
    graph = onnx.load_from_string(to_onnx(lived_in("compact", width=0.25), ("scream-type", "embedding"))).graph
    assert "Conv" in {node.op_type for node in graph.node}
    assert "BatchNormalization" not in {node.op_type for node in graph.node}
    shape = graph.input[0].type.tensor_type.shape.dim
    assert [shape[0].dim_param, shape[1].dim_value, shape[2].dim_value] == ["batch", 128, 188]
    assert [output.name for output in graph.output] == ["scream-type", "embedding"]


def test_the_file_holds_the_heads_of_the_card_only(tmp_path):
    card = Card(name="test", version="1", heads=CARD.heads[:1])
    path = tmp_path / "model.onnx"
    export(lived_in("compact", width=0.25), path, card)
    assert set(load_model(path, pin=pin_of(path)).logits(WINDOWS)) == {"scream-type", "embedding"}


def test_the_same_network_gives_the_same_bytes(tmp_path):
    for name in ("a.onnx", "b.onnx"):
        export(lived_in("compact", width=0.25), tmp_path / name, CARD)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_the_network_is_left_as_it_was(tmp_path):
    network = lived_in("compact", width=0.25).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    export(network, tmp_path / "model.onnx", CARD)
    assert network.training
    assert network.stem[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


def test_a_head_that_the_network_lacks_is_named(tmp_path):
    network = build("compact", {"scream-type": 2}, width=0.25)
    with pytest.raises(ModelError, match="no output 'vocal-burst'"):
        export(network, tmp_path / "model.onnx", CARD)
    assert list(tmp_path.iterdir()) == []


def test_a_card_that_does_not_hold_together_leaves_the_older_file(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"older")
    twice = Card(name="test", version="1", heads=(CARD.heads[0], CARD.heads[0]))
    with pytest.raises(ModelError, match="each once"):
        export(lived_in("compact", width=0.25), path, twice)
    assert path.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"absent.*cannot be written: No such file"):
        export(lived_in("compact", width=0.25), tmp_path / "absent" / "model.onnx", CARD)


class _Differences(nn.Module):
    """Sums neighbouring bands with weights that cancel but for what half precision cannot hold."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.dense = nn.Linear(128, 2, bias=False)
        with torch.no_grad():
            self.dense.weight.copy_(torch.tensor([weight, -2048.0]).repeat(64).expand(2, 128))

    def forward(self, log_mel: torch.Tensor) -> dict[str, torch.Tensor]:
        bands = log_mel.mean(dim=2)
        return {"scream-type": self.dense(bands), "embedding": bands}


ONE = Card(name="test", version="1", heads=CARD.heads[:1])


def test_half_weights_that_would_change_the_answer_are_refused(tmp_path):
    network = _Differences(2048.9)  # half precision has steps of 2 there
    export(network, tmp_path / "single.onnx", ONE)
    with pytest.raises(ModelError, match="try single precision"):
        export(network, tmp_path / "half.onnx", ONE, half_weights=True)
    assert not (tmp_path / "half.onnx").exists()


def test_a_weight_beyond_half_precision_is_refused():
    with pytest.raises(ModelError, match="half precision ends at 65504"):
        halved_weights(to_onnx(_Differences(70_000.0), ("scream-type", "embedding")))


def test_a_network_that_gives_nan_is_refused(tmp_path):
    with pytest.raises(ModelError, match="deviates from the network's by nan"):
        export(_Differences(float("nan")), tmp_path / "model.onnx", ONE)
    assert list(tmp_path.iterdir()) == []
