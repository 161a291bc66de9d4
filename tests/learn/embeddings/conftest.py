"""Stand-ins for the pretrained networks, files of the same layout with other weights; and the real ones."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from exclaim.learn.embeddings.models_root import models_root

RATE = 16_000


def write_byol_s(folder: Path) -> None:
    """Write 25 tensors of BYOL-S's names and shapes."""
    generator = torch.Generator().manual_seed(0)
    state: dict[str, torch.Tensor] = {}
    for number, channels in ((0, 1), (4, 64), (8, 64)):
        state[f"features.{number}.weight"] = 0.1 * torch.randn(64, channels, 3, 3, generator=generator)
        state[f"features.{number}.bias"] = torch.zeros(64)
        for name, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
            state[f"features.{number + 1}.{name}"] = torch.full((64,), value)
        state[f"features.{number + 1}.num_batches_tracked"] = torch.tensor(1)
    for number in (0, 3):
        state[f"fc.{number}.weight"] = 0.05 * torch.randn(512, 512, generator=generator)
        state[f"fc.{number}.bias"] = torch.zeros(512)
    torch.save(state, folder / "byol-s-512.pth")


def write_speech_embedding(folder: Path) -> None:
    """Write one network from samples to frames of 32 numbers, one from windows of 76 of them to 96 numbers."""
    onnx = pytest.importorskip("onnx", reason="needs the extra `learn` to write test models")
    helper, array = onnx.helper, onnx.numpy_helper.from_array
    rng = np.random.default_rng(0)

    def write(path: str, nodes: list, constants: dict, source: tuple, target: tuple) -> None:
        value = helper.make_tensor_value_info
        graph = helper.make_graph(
            nodes,
            "stand-in",
            [value(source[0], onnx.TensorProto.FLOAT, source[1])],
            [value(target[0], onnx.TensorProto.FLOAT, target[1])],
            [array(constant, name) for name, constant in constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        (folder / path).write_bytes(model.SerializeToString())

    write(
        "speech-embedding-mel.onnx",
        [
            helper.make_node("Unsqueeze", ["input", "one"], ["channel"]),
            helper.make_node("Conv", ["channel", "kernels"], ["bands"], kernel_shape=[512], strides=[160]),
            helper.make_node("Transpose", ["bands"], ["frames"], perm=[0, 2, 1]),
            helper.make_node("Unsqueeze", ["frames", "one"], ["output"]),
        ],
        {"one": np.array([1]), "kernels": rng.normal(size=(32, 1, 512)).astype(np.float32) / 32_768},
        ("input", ["batch", "samples"]),
        ("output", [1, 1, "frames", 32]),
    )
    write(
        "speech-embedding.onnx",
        [
            helper.make_node("ReduceMean", ["input_1"], ["mean"], axes=[1, 3], keepdims=0),
            helper.make_node("MatMul", ["mean", "weights"], ["flat"]),
            helper.make_node("Reshape", ["flat", "shape"], ["conv2d_19"]),
        ],
        {"weights": rng.normal(size=(32, 96)).astype(np.float32), "shape": np.array([-1, 1, 1, 96])},
        ("input_1", ["n", 76, 32, 1]),
        ("conv2d_19", ["n", 1, 1, 96]),
    )


@pytest.fixture
def yamnet_files(tmp_path: Path) -> Path:
    """A folder with YAMNet's files: no network, but the names of 521 classes, those that matter at their places."""
    (tmp_path / "yamnet.tflite").write_bytes(b"a stand-in")
    known = {6: "Shout", 11: "Screaming", 13: "Laughter", 19: "Crying, sobbing"}
    with (tmp_path / "yamnet_class_map.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("index", "mid", "display_name"))
        table.writerows((i, f"/m/{i}", known.get(i, f"Sound {i}")) for i in range(521))
    return tmp_path


@pytest.fixture(scope="session")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files in the layout of each network that can be written without its own tools."""
    folder = tmp_path_factory.mktemp("models")
    write_byol_s(folder)
    write_speech_embedding(folder)
    return folder


@pytest.fixture(scope="session")
def pretrained() -> Path:
    """The real networks (``EXCLAIM_MODELS``, by default ``../shared/models``); skips where they are absent."""
    root = models_root()
    if not root.is_dir():
        pytest.skip(f"no pretrained networks at {root}; set EXCLAIM_MODELS to run this test")
    return root


@pytest.fixture
def tone() -> np.ndarray:
    """Two seconds of a rising tone."""
    times = np.arange(2 * RATE) / RATE
    return (0.3 * np.sin(2 * np.pi * (300 + 200 * times) * times)).astype(np.float32)
