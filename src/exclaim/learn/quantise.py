"""Model files in eight bits: weights and arithmetic, or weights alone.

``int8`` computes in whole numbers: activations on a scale that calibration windows give, weights on one for each output
channel. Whether that is faster is for a processor to tell; it is not where it lacks the instructions, or where a
network's layers are small. ``weights8`` keeps weights as whole numbers and widens them when the file is loaded: a
quarter of the bytes, the same arithmetic and the same speed as before.

Sources: Jacob et al. arXiv 1712.05877 (affine scales); Krishnamoorthi, arXiv 1806.08342 (weights by channel).
"""

import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from exclaim.card import Card, Parent
from exclaim.errors import ModelError
from exclaim.features import N_MELS, WINDOW_FRAMES
from exclaim.model import INPUT, Model, pin, seal
from exclaim.pins import write_atomically

__all__ = ["compressed_card", "int8", "seal_beside", "weights8", "widened"]

_KEPT_BELOW = 256  # values; a smaller tensor, such as a bias, is not worth two more operations
_LARGEST = 127  # of a signed byte, on both sides of zero
_RECURRENT = 3  # dimensions of a recurrent unit's weights: direction, gate and unit, input


def int8(data: bytes, windows: np.ndarray) -> bytes:
    """Return a model file's network with weights and arithmetic in eight bits (static, quantise-dequantise pairs).

    Args:
        data: an ONNX file's bytes; weights in half precision are widened first.
        windows: (n, 128, 188) float32 in [-1, 1] from which the scales of activations are taken: their least and their
            largest value. Of training speakers, for the model has to be judged on others.

    Raises:
        ModelError: when the windows are none, or the network cannot be quantised.
    """
    windows = np.asarray(windows)
    if windows.ndim != 3 or windows.shape[1:] != (N_MELS, WINDOW_FRAMES) or not len(windows):
        raise ModelError(
            f"calibration windows have shape {windows.shape}; expected (n, {N_MELS}, {WINDOW_FRAMES}), one at least"
        )
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder:
        whole, ready, done = (Path(folder) / name for name in ("whole.onnx", "ready.onnx", "done.onnx"))
        whole.write_bytes(widened(data))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the tool warns of its own parts
                quant_pre_process(whole, ready, skip_symbolic_shape=True)
                quantize_static(
                    ready,
                    done,
                    _Windows(windows),
                    quant_format=QuantFormat.QDQ,
                    per_channel=True,
                    activation_type=QuantType.QUInt8,  # with signed ones onnxruntime takes more than twice the time
                    weight_type=QuantType.QInt8,
                    calibrate_method=CalibrationMethod.MinMax,
                )
        except Exception as error:  # the tool has no exception family of its own
            raise ModelError(f"the network cannot be quantised: {error}") from error
        return done.read_bytes()


class _Windows:
    """Calibration windows, one at a time, as onnxruntime's tool reads them."""

    def __init__(self, windows: np.ndarray) -> None:
        self._windows: Iterator[np.ndarray] = iter(windows)

    def get_next(self) -> dict[str, np.ndarray] | None:
        window = next(self._windows, None)
        return None if window is None else {INPUT: np.ascontiguousarray(window[np.newaxis], np.float32)}


def weights8(data: bytes) -> bytes:
    """Return a model file's network with its larger weights as signed bytes and a scale for each output channel.

    Args:
        data: an ONNX file's bytes; weights in half precision are widened first.

    Raises:
        ModelError: when a weight is not finite.
    """
    model = onnx.load_from_string(widened(data))
    opening = []
    scales = []
    for weight in model.graph.initializer:
        if weight.data_type != TensorProto.FLOAT or np.prod(weight.dims) < _KEPT_BELOW or len(weight.dims) < 2:
            continue
        values = numpy_helper.to_array(weight)
        if not np.isfinite(values).all():
            raise ModelError(f"weight {weight.name} is not finite; eight bits cannot hold it")
        whole, scale = _in_steps(values)
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(whole, f"{name}.8"))
        scales.append(numpy_helper.from_array(scale, f"{name}.s"))
        # No DequantizeLinear: the runtime keeps that for eight-bit operations, and computes it for every window.
        opening.append(helper.make_node("Cast", [f"{name}.8"], [f"{name}.w"], to=TensorProto.FLOAT))
        opening.append(helper.make_node("Mul", [f"{name}.w", f"{name}.s"], [name]))
    model.graph.initializer.extend(scales)
    _put_first(model, opening)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _in_steps(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return weights as whole numbers from -127 to 127 and the scale of each output channel, to be multiplied."""
    axes = tuple(range(2 if values.ndim == _RECURRENT else 1, values.ndim))
    largest = np.abs(values).max(axis=axes, keepdims=True)
    scale = np.where(largest > 0, largest / _LARGEST, 1).astype(np.float32)
    return np.rint(values / scale).astype(np.int8), scale


def widened(data: bytes) -> bytes:
    """Return a model file's network with weights in half precision widened to single precision, and without a card."""
    model = onnx.load_from_string(data)
    del model.metadata_props[:]
    halved = {weight.name: weight for weight in model.graph.initializer if weight.data_type == TensorProto.FLOAT16}
    kept = []
    for node in model.graph.node:
        if node.op_type == "Cast" and node.input[0] in halved:
            weight = halved[node.input[0]]
            weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float32), node.output[0]))
        else:
            kept.append(node)
    del model.graph.node[:]
    model.graph.node.extend(kept)
    return model.SerializeToString()


def _put_first(model: onnx.ModelProto, opening: list[onnx.NodeProto]) -> None:
    nodes = [*opening, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def compressed_card(original: Model, method: str) -> Card:
    """Return the card of a compressed model: the original's, thresholds and all, with the original as its parent.

    The original's figures stay behind, for they were measured on another file.

    Args:
        original: that the compressed model is made from.
        method: how it was made; stands in the card's version.
    """
    return msgspec.structs.replace(
        original.card,
        version=f"{original.card.version}-{method}",
        parents=(Parent(name=original.card.name, sha256=original.sha256),),
        metrics=(),
    )


def seal_beside(original: Model, data: bytes, path: Path, method: str) -> Card:
    """Write a compressed network as a sealed and pinned model file with the card of :func:`compressed_card`.

    Args:
        original: that ``data`` was made from.
        data: an ONNX file's bytes.
        path: of the file to write; an older one is replaced.
        method: how it was made.

    Raises:
        ModelError: when the file cannot be written.
    """
    write_atomically(path, data)
    sealed = seal(path, compressed_card(original, method))
    pin(path)
    return sealed
