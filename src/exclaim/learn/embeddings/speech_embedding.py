"""Google's speech embedding: 96 numbers for every 80 ms, learned to find key words; two ONNX files.

Source: Lin et al., arXiv 2002.01322.
"""

from pathlib import Path

import numpy as np
import onnxruntime

from exclaim.errors import ModelError
from exclaim.learn.embeddings.embedding import Embedding

__all__ = ["EMBEDDINGS", "SpeechEmbedding"]

_FULL_SCALE = 32_768.0  # the first file wants samples as 16-bit numbers
_WINDOW, _STEP = 76, 8  # frames of 10 ms
_BANDS = 32
_LEAST_SAMPLES = 12_640  # the first file makes 76 frames of them


class SpeechEmbedding(Embedding):
    """From samples to mel frames by the first file, from windows of 76 of them to vectors by the second."""

    name = "speech-embedding"
    files = ("speech-embedding-mel.onnx", "speech-embedding.onnx")
    width = 96
    least_samples = _LEAST_SAMPLES

    def __init__(self, folder: Path) -> None:
        """Load both files.

        Raises:
            ModelError: when one is absent or cannot be read.
        """
        super().__init__(folder)
        self._mel, self._network = (_session(path) for path in self.paths)

    def _frames(self, waveform: np.ndarray) -> np.ndarray:
        mel = _run(self._mel, waveform[None] * np.float32(_FULL_SCALE)).reshape(-1, _BANDS) / 10 + 2
        windows = np.lib.stride_tricks.sliding_window_view(mel, _WINDOW, axis=0)[::_STEP].transpose(0, 2, 1)
        return _run(self._network, np.ascontiguousarray(windows[..., None], np.float32)).reshape(-1, self.width)


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own kinds, which it does not export
        raise ModelError(f"{path} is no network that onnxruntime can read ({error}); get it again") from error


def _run(session: onnxruntime.InferenceSession, values: np.ndarray) -> np.ndarray:
    return session.run(None, {session.get_inputs()[0].name: values})[0]


EMBEDDINGS = {SpeechEmbedding.name: SpeechEmbedding}
