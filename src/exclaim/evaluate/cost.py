"""What a model file costs wherever it runs: bytes, parameters, multiply-accumulates."""

import json
import math
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from exclaim.errors import ModelError
from exclaim.features import N_MELS, WINDOW_FRAMES
from exclaim.model import INPUT, Model
from exclaim.onnxfile import weights

__all__ = ["Cost", "model_cost", "multiply_accumulates", "parameters"]

_FLOATING = {1, 10, 11, 16}  # TensorProto.DataType: float32, float16, double, bfloat16
_UNCOUNTED = {"LSTM", "GRU", "RNN", "Einsum", "Attention", "MultiHeadAttention", "ConvTranspose", "If", "Loop", "Scan"}


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """Independent of the machine."""

    bytes: int
    parameters: int  # batch normalisation folded
    macs: int | None  # multiply-accumulates of convolutions and matrix products for one window; None: not countable


def model_cost(model: Model) -> Cost:
    """Return the cost of a loaded model."""
    data = model.path.read_bytes()
    return Cost(bytes=len(data), parameters=parameters(data), macs=multiply_accumulates(data))


def parameters(data: bytes) -> int:
    """Return how many floating-point values an ONNX file's weights hold; constants of the graph's shape are not
    counted.
    """
    return sum(math.prod(w.shape) for w in weights(data) if w.data_type in _FLOATING and math.prod(w.shape) > 1)


def multiply_accumulates(data: bytes) -> int | None:
    """Count the multiply-accumulates of convolutions and matrix products for one window.

    The runtime itself tells each operation's shapes, in a profile of one run without optimisation, so that no other
    package is needed to infer them.

    Returns:
        The count; None where the graph has operations that are not counted so (recurrent ones, attention).

    Raises:
        ModelError: when the runtime gives no profile.
    """
    total = 0
    for operation in _profile(data):
        kind = operation["op_name"]
        if kind in _UNCOUNTED:
            return None
        inputs, outputs = _shapes(operation["input_type_shape"]), _shapes(operation["output_type_shape"])
        if kind == "Conv":
            total += math.prod(outputs[0]) * math.prod(inputs[1][1:])
        elif kind == "Gemm":
            total += math.prod(outputs[0]) * (math.prod(inputs[0]) // outputs[0][0])
        elif kind == "MatMul":
            total += math.prod(outputs[0]) * inputs[0][-1]
    return total


def _shapes(described: list[dict[str, list[int]]]) -> list[list[int]]:
    return [shape for tensor in described for shape in tensor.values()]


def _profile(data: bytes) -> list[dict[str, Any]]:
    """Run one window without optimisation and return what the runtime says of each operation."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.disable_prepacking", "1")  # packed weights have no shape
    options.intra_op_num_threads = 1
    options.enable_profiling = True
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        session.run(None, {INPUT: np.zeros((1, N_MELS, WINDOW_FRAMES), np.float32)})
        events = json.loads(Path(session.end_profiling()).read_bytes())
    operations = [
        event["args"] for event in events if event.get("cat") == "Node" and "op_name" in event.get("args", {})
    ]
    if not operations or any("output_type_shape" not in operation for operation in operations):
        raise ModelError(f"onnxruntime {onnxruntime.__version__} gives no shapes in its profile; use 1.20 or newer")
    return operations
