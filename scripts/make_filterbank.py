"""Make the frozen mel filterbank again: ``python scripts/make_filterbank.py`` (needs the dev extra)."""

from pathlib import Path

import librosa
import numpy as np

from exclaim.features import N_FFT, N_MELS, SAMPLE_RATE

ASSET = Path(__file__).parents[1] / "src/exclaim/assets/mel_filterbank.npy"


def filterbank() -> np.ndarray:
    """Return the Slaney mel filterbank: (128, 513) float32, area-normalised, 0 to 8 kHz."""
    return librosa.filters.mel(sr=SAMPLE_RATE, n_fft=N_FFT, n_mels=N_MELS, fmin=0, fmax=SAMPLE_RATE / 2).astype(
        np.float32
    )


if __name__ == "__main__":
    np.save(ASSET, filterbank(), allow_pickle=False)
    print(f"wrote {ASSET.name}")
