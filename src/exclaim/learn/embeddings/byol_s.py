"""BYOL-S: a convolutional network that learned from the speech half of AudioSet without labels, 0.60 M parameters.

Source: Elbanna et al., arXiv 2206.12038; the network is BYOL-A's (Niizumi et al., arXiv 2103.06695, section III).
"""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from exclaim.errors import ModelError
from exclaim.features import SAMPLE_RATE
from exclaim.learn.embeddings.embedding import Embedding

__all__ = ["EMBEDDINGS", "ByolS", "log_mel"]

N_FFT = 1024  # samples; also the length of the Hann window
HOP_LENGTH = 160  # samples
N_MELS = 64
LOWEST_HZ, HIGHEST_HZ = 60.0, 7800.0
_SMALLEST = np.float32(np.finfo(np.float32).eps)  # added to power, so that silence has a logarithm
_LEAST_DEVIATION = 1e-3  # of a log-mel: what varies less is silence or a click, and is not blown up


@cache
def _filterbank() -> np.ndarray:
    """Return (64, 513) triangles of height 1, evenly spaced on the mel scale 2595 log10(1 + f / 700)."""
    ends = 2595 * np.log10(1 + np.array([LOWEST_HZ, HIGHEST_HZ]) / 700)
    corners = 700 * (10 ** (np.linspace(*ends, N_MELS + 2) / 2595) - 1)
    bins = np.linspace(0, SAMPLE_RATE / 2, N_FFT // 2 + 1)
    rising = (bins - corners[:-2, None]) / np.diff(corners)[:-1, None]
    falling = (corners[2:, None] - bins) / np.diff(corners)[1:, None]
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


def log_mel(waveform: np.ndarray) -> np.ndarray:
    """Return the logarithm of mel power, brought to mean 0 and deviation 1, so that neither level nor gain is heard.

    The network was trained on log-mels brought to the mean and deviation of its corpus; those of the sound itself serve
    a linear head a little better here, and corpora that were recorded at other levels alike.

    Args:
        waveform: (samples,) float32 at 16 kHz, more than 512 samples.

    Returns:
        (64, 1 + samples // 160) float32.
    """
    padded = np.pad(waveform, N_FFT // 2, mode="reflect")
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP_LENGTH] * hann.astype(np.float32)
    power = np.abs(np.fft.rfft(frames)) ** 2
    logarithms = np.log(power.astype(np.float32) @ _filterbank().T + _SMALLEST).T
    deviation = max(float(logarithms.std()), _LEAST_DEVIATION)
    return ((logarithms - logarithms.mean()) / deviation).astype(np.float32)


class _Network(nn.Module):
    """Three convolutions that halve bands and frames each, and two layers on every frame that is left."""

    def __init__(self) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for channels in (1, 64, 64):
            blocks += [nn.Conv2d(channels, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2)]
        self.features = nn.Sequential(*blocks)
        self.fc = nn.Sequential(
            nn.Linear(64 * N_MELS // 8, 512), nn.ReLU(), nn.Dropout(0.3), nn.Linear(512, 512), nn.ReLU()
        )

    def forward(self, windows: Tensor) -> Tensor:
        """Map (n, 1, 64, frames) to (n, frames // 8, 512)."""
        maps = self.features(windows)
        return self.fc(maps.permute(0, 3, 2, 1).flatten(2))  # within a frame: bands, and within a band channels


class ByolS(Embedding):
    """BYOL-S as it was published: mean and maximum over time, here side by side, there added."""

    name = "byol-s"
    files = ("byol-s-512.pth",)
    width = 512
    least_samples = 8 * HOP_LENGTH  # three halvings leave one frame

    def __init__(self, folder: Path) -> None:
        """Read the weights, and nothing but weights.

        Raises:
            ModelError: when the file is absent, or holds other tensors than the network's.
        """
        super().__init__(folder)
        self._network = _Network()
        try:
            self._network.load_state_dict(torch.load(self.paths[0], map_location="cpu", weights_only=True))
        except Exception as error:  # torch raises many kinds for a damaged or foreign file
            raise ModelError(
                f"{self.paths[0]} does not hold BYOL-S's 25 tensors ({str(error).splitlines()[0]}); get it again"
            ) from error
        self._network.eval().requires_grad_(False)

    def _frames(self, waveform: np.ndarray) -> np.ndarray:
        return self._network(torch.from_numpy(log_mel(waveform))[None, None])[0].numpy()


EMBEDDINGS = {ByolS.name: ByolS}
