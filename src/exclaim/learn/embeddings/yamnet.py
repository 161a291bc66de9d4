"""YAMNet: a MobileNet that names 521 kinds of sound, trained on AudioSet. Needs the extra ``yamnet``.

Source: Plakal and Ellis, YAMNet, https://github.com/tensorflow/models/tree/master/research/audioset/yamnet;
its classes are AudioSet's.
"""

import csv
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from exclaim.errors import ModelError
from exclaim.learn.embeddings.embedding import Embedding

__all__ = ["CLASSES", "EMBEDDINGS", "EMBEDDING_WIDTH", "WINDOW_SAMPLES", "Yamnet"]

WINDOW_SAMPLES = 15_600  # 0.975 s
_HOP = WINDOW_SAMPLES // 2
EMBEDDING_WIDTH = 1024
CLASSES = 521
_EMBEDDING = "yamnet_frames/global_average_pooling2d/Mean"


class Yamnet(Embedding):
    """Every window's embedding (1024), then its 521 scores in [0, 1]."""

    name = "yamnet"
    files = ("yamnet.tflite", "yamnet_class_map.csv")
    width = EMBEDDING_WIDTH + CLASSES
    least_samples = WINDOW_SAMPLES

    def __init__(self, folder: Path) -> None:
        """Load the network and the names of its classes.

        Raises:
            ModelError: when a file or the package that runs it is absent, or the file is another network.
        """
        super().__init__(folder)
        self._interpreter = _interpreter(self.paths[0])
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._outputs = (self._tensor(_EMBEDDING, EMBEDDING_WIDTH), self._scores())
        self.classes = _class_names(self.paths[1])

    def _tensor(self, name: str, width: int) -> int:
        for tensor in self._interpreter.get_tensor_details():
            if tensor["name"] == name and tensor["shape"].tolist() == [1, width]:
                return tensor["index"]
        raise ModelError(f"{self.paths[0]} has no tensor {name} of {width} numbers: it is not YAMNet; get it again")

    def _scores(self) -> int:
        for tensor in self._interpreter.get_output_details():
            if tensor["shape"].tolist() == [1, CLASSES]:
                return tensor["index"]
        raise ModelError(f"{self.paths[0]} has no output of {CLASSES} scores: it is not YAMNet; get it again")

    def columns(self, *classes: str) -> list[int]:
        """Return where the scores of these classes stand in a vector.

        Raises:
            ModelError: when YAMNet has no class of a name.
        """
        if unknown := sorted(set(classes) - set(self.classes)):
            raise ModelError(f"YAMNet has no class {', '.join(unknown)}; see {self.paths[1]} for its {CLASSES} classes")
        return [EMBEDDING_WIDTH + self.classes.index(name) for name in classes]

    def _frames(self, waveform: np.ndarray) -> np.ndarray:
        rows = []
        # the last window ends where the sound does, so that nothing is left out and nothing is padded
        last = waveform.size - WINDOW_SAMPLES
        for begin in sorted({*range(0, last + 1, _HOP), last}):
            self._interpreter.set_tensor(self._input, waveform[None, begin : begin + WINDOW_SAMPLES])
            self._interpreter.invoke()
            rows.append(np.concatenate([self._interpreter.get_tensor(index)[0] for index in self._outputs]))
        return np.stack(rows)


def _interpreter(path: Path) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise ModelError(
            "YAMNet runs in ai-edge-litert, which is not installed; run `pip install exclaim[yamnet]`"
        ) from (error)
    with warnings.catch_warnings():
        # it warns of what every kept tensor costs, which is 20 MB here; the embedding is none of the outputs
        warnings.simplefilter("ignore", UserWarning)
        try:
            interpreter = Interpreter(str(path), num_threads=1, experimental_preserve_all_tensors=True)
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"{path} is no network that ai-edge-litert can read ({error}); get it again") from error
    interpreter.allocate_tensors()
    return interpreter


def _class_names(path: Path) -> tuple[str, ...]:
    with path.open(encoding="utf-8", newline="") as file:
        names = tuple(row.get("display_name") or "" for row in csv.DictReader(file))
    if len(set(names)) != CLASSES:
        raise ModelError(f"{path} names {len(set(names))} classes in display_name; expected {CLASSES}: get it again")
    return names


EMBEDDINGS = {Yamnet.name: Yamnet}
