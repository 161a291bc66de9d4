"""From a trained network to a model file: ONNX, checked against the network itself, sealed with its card."""

import copy
import io
import logging
import os
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from exclaim.card import Card
from exclaim.errors import ModelError
from exclaim.features import N_MELS, WINDOW_FRAMES
from exclaim.model import EMBEDDING, INPUT, seal

__all__ = ["OPSET", "export", "halved_weights", "to_onnx"]

_log = logging.getLogger(__name__)

OPSET = 17  # understood by every onnxruntime that exclaim supports
_HALVED_FROM = 256  # values; a smaller tensor, such as a bias, is not worth a conversion
_TOLERANCE = 1e-4  # of the largest output, for weights in single precision
_TOLERANCE_HALVED = 2e-2  # and in half precision: 11 bits, summed over a few layers


class _Outputs(nn.Module):
    """A network's answers in a fixed order, as ONNX wants them."""

    def __init__(self, network: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.network = network
        self.names = names

    def forward(self, log_mel: Tensor) -> tuple[Tensor, ...]:
        answers = self.network(log_mel)
        return tuple(answers[name] for name in self.names)


def to_onnx(network: nn.Module, outputs: tuple[str, ...]) -> bytes:
    """Return a network as an ONNX file's bytes, in evaluation mode, batch normalisation folded into
    convolutions.

    Args:
        network: from (n, 128, 188) to a dictionary that has ``outputs``; it is not changed.
        outputs: names of the outputs, in order.

    Raises:
        ModelError: when the network has no such output.
    """
    # In memory as PyTorch has it by default, so that the file does not depend on how the network was trained.
    wrapped = _Outputs(copy.deepcopy(network), outputs).cpu().to(memory_format=torch.contiguous_format).eval()
    example = torch.zeros(2, N_MELS, WINDOW_FRAMES)
    with torch.no_grad():
        try:
            wrapped(example)
        except KeyError as error:
            raise ModelError(f"the network has no output {error}; expected {', '.join(outputs)}") from error
    file = io.BytesIO()
    with warnings.catch_warnings():
        # The exporter that traces is said to be old. It is used on purpose: it folds batch normalisation, and the new
        # one needs a further package.
        warnings.filterwarnings("ignore", "You are using the legacy TorchScript", DeprecationWarning)
        warnings.filterwarnings("ignore", "The feature will be removed", DeprecationWarning)
        # A recurrent unit checks its shapes, which do not change, and its first state is made for the windows that
        # come: `export` proves it with another number of windows than the example's.
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning, module="torch.nn.modules.rnn")
        warnings.filterwarnings("ignore", "Exporting a model to ONNX with a batch_size other than 1", UserWarning)
        torch.onnx.export(
            wrapped,
            (example,),
            file,
            input_names=[INPUT],
            output_names=list(outputs),
            dynamic_axes={name: {0: "batch"} for name in (INPUT, *outputs)},
            opset_version=OPSET,
            dynamo=False,
        )
    return file.getvalue()


def halved_weights(data: bytes) -> bytes:
    """Return an ONNX file with its larger weights kept as float16, which the runtime widens when it loads
    them.

    The arithmetic stays in float32, so speed is the same and the file about half as large.

    Args:
        data: an ONNX file's bytes, weights inside.

    Raises:
        ModelError: when a weight is beyond the range of float16.
    """
    model = onnx.load_from_string(data)
    widen = []
    for weight in model.graph.initializer:
        if weight.data_type != onnx.TensorProto.FLOAT or np.prod(weight.dims) < _HALVED_FROM:
            continue
        values = onnx.numpy_helper.to_array(weight)
        largest = np.abs(values).max()
        if not largest <= np.finfo(np.float16).max:
            raise ModelError(
                f"weight {weight.name} reaches {largest}; half precision ends at 65504, keep single precision"
            )
        name, halved = weight.name, f"{weight.name}.half"
        weight.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), halved))
        widen.append(onnx.helper.make_node("Cast", [halved], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*widen, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def export(network: nn.Module, path: Path, card: Card, *, half_weights: bool = False) -> Card:
    """Write a network as a sealed model file; whole or not at all.

    The file has one output for each head of the card (a network may have more heads, which stay behind) and
    ``embedding``. It is run beside the network before it is written.

    Args:
        network: from (n, 128, 188) to a dictionary of logits by head and ``embedding``; it is not changed.
        path: of the ``.onnx`` file to write; an older one is replaced.
        card: what :func:`exclaim.model.seal` writes into the file.
        half_weights: keep the larger weights in half precision: half the bytes, the same speed.

    Returns:
        The card as sealed.

    Raises:
        ModelError: when the network has no such head, the file would not answer as the network does, the card
        does not
            hold together, or the file cannot be written.
    """
    path = Path(path)
    outputs = (*(head.output for head in card.heads), EMBEDDING)
    data = to_onnx(network, outputs)
    if half_weights:
        data = halved_weights(data)
    tolerance = _TOLERANCE_HALVED if half_weights else _TOLERANCE
    for name, deviation in _deviations(network, data, outputs).items():
        _log.info("%s: output %s deviates by %.1e of its largest value", path, name, deviation)
        if not deviation <= tolerance:
            raise ModelError(
                f"{path}: output {name!r} deviates from the network's by {deviation:.1e} of its largest value; expected"
                f" {tolerance:.0e} at most" + (", try single precision" if half_weights else "")
            )
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".export-") as folder:
            candidate = Path(folder) / path.name
            candidate.write_bytes(data)
            sealed = seal(candidate, card)
            os.replace(candidate, path)
    except OSError as error:
        raise ModelError(f"{path}: cannot be written: {error.strerror}") from error
    return sealed


def _deviations(network: nn.Module, data: bytes, outputs: tuple[str, ...]) -> dict[str, float]:
    """Return by how much a file's outputs differ from the network's, each as a share of its largest value."""
    windows = np.random.default_rng(0).uniform(-1, 1, (5, N_MELS, WINDOW_FRAMES)).astype(np.float32)
    windows[0] = -1  # silence
    windows[1] = np.linspace(-1, 1, N_MELS, dtype=np.float32)[:, None]  # steady noise
    copied = copy.deepcopy(network).cpu().eval()
    with torch.no_grad():
        expected = copied(torch.from_numpy(windows))
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    found = dict(zip(outputs, session.run(list(outputs), {INPUT: windows}), strict=True))
    return {
        name: float(np.abs(found[name] - expected[name].numpy()).max() / max(1.0, expected[name].abs().max().item()))
        for name in outputs
    }
