"""What every pretrained network is to the rest of the project: sound in, one vector out."""

import hashlib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import numpy as np

from exclaim.errors import AudioError, ModelError
from exclaim.learn.embeddings.models_root import ENVIRONMENT_VARIABLE

__all__ = ["Embedding"]


class Embedding(ABC):
    """A frozen network. A subclass names its files, its width and the least it can hear."""

    name: ClassVar[str]
    files: ClassVar[tuple[str, ...]]  # in the folder of pretrained networks
    width: ClassVar[int]  # of a frame's vector
    least_samples: ClassVar[int]  # shorter sound is followed by silence up to here
    version: ClassVar[int] = 1  # of what is done around the network; a new one makes earlier vectors stale

    def __init__(self, folder: Path) -> None:
        """Read the files.

        Raises:
            ModelError: when one is absent or not what the network needs.
        """
        self.paths = tuple(Path(folder) / file for file in self.files)
        if missing := [path.name for path in self.paths if not path.is_file()]:
            raise ModelError(
                f"the pretrained network {self.name} needs {' and '.join(missing)}, not found in {folder}; it is "
                f"optional and yours to get: put it there, or name its folder in {ENVIRONMENT_VARIABLE}"
            )
        digest = hashlib.sha256(f"{self.name}:{self.version}".encode())
        for path in self.paths:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        self.sha256 = digest.hexdigest()  # of the files and of how they are used

    @abstractmethod
    def _frames(self, waveform: np.ndarray) -> np.ndarray:
        """Return (frames, width) float32 for (samples,) float32, samples not below ``least_samples``."""

    def frames(self, waveform: np.ndarray) -> np.ndarray:
        """Return a vector for every stretch of a sound.

        Args:
            waveform: (samples,) at 16 kHz, nominally in [-1, 1].

        Returns:
            (frames, width) float32, at least one frame.

        Raises:
            AudioError: when the sound is empty, not one channel, or not finite.
        """
        waveform = np.asarray(waveform, np.float32)
        if waveform.ndim != 1 or not waveform.size or not np.isfinite(waveform).all():
            raise AudioError(
                f"{self.name} got samples of shape {waveform.shape}; expected one channel of finite samples"
            )
        return self._frames(np.pad(waveform, (0, max(0, self.least_samples - waveform.size))))

    def __call__(self, waveform: np.ndarray) -> np.ndarray:
        """Return the mean and the maximum of a sound's frames: (2, width) float32."""
        frames = self.frames(waveform)
        return np.stack([frames.mean(axis=0), frames.max(axis=0)])
