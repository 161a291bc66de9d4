"""Parameters and multiply-accumulates agree with a count by hand, and with PyTorch's own where a network is known."""

import numpy as np
import pytest

from exclaim.card import Card, Head
from exclaim.evaluate.cost import model_cost, multiply_accumulates, parameters
from exclaim.model import load_model, pin

TYPE = Head(task="scream-type", output="scream-type", labels=("negative", "positive"))


def test_a_linear_network_by_hand(tmp_path, make_network):
    data = make_network(tmp_path / "a.onnx", {"a": np.ones((5, 128))}).read_bytes()
    assert parameters(data) == 128 * (16 + 5) + 16 + 5
    assert multiply_accumulates(data) == 128 * (16 + 5)


def test_the_papers_student_has_its_published_parameters_and_the_count_of_its_layers(tmp_path):
    torch = pytest.importorskip("torch")
    from exclaim.learn.export import export
    from exclaim.learn.networks import build

    network = build("paper-student", {"scream-type": 2}).eval()
    path = tmp_path / "student.onnx"
    export(network, path, Card(name="student", version="0", heads=(TYPE,)))
    pin(path)
    cost = model_cost(load_model(path))
    assert cost.bytes == path.stat().st_size
    assert cost.parameters == sum(p.numel() for p in network.parameters())
    counted = 0

    def count(layer, inputs, output):
        nonlocal counted
        rows = inputs[0].shape[-1] if isinstance(layer, torch.nn.Linear) else layer.weight[0].numel()
        counted += output.numel() * rows

    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            layer.register_forward_hook(count)
    with torch.no_grad():
        network(torch.zeros(1, 128, 188))
    assert cost.macs == counted > 1_000_000


def test_what_cannot_be_counted_is_not_guessed(tmp_path):
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    value, kind = helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    node = helper.make_node("Einsum", ["log_mel"], ["out"], equation="bij->b")
    graph = helper.make_graph([node], "g", [value("log_mel", kind, ["b", 128, 188])], [value("out", kind, ["b"])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    assert multiply_accumulates(model.SerializeToString()) is None
