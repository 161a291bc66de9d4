"""The attacker's other encoder: how loud each band is and how it scatters, in directions in which speakers lie apart.

It takes seconds and, where a speaker has tens of clips of one microphone, tells more than a small network that learns
for minutes: a voice and its microphone are heard in the mean spectrum.
"""

import numpy as np

from exclaim.learn.views import dequantise

__all__ = ["LinearEncoder", "band_statistics"]

_QUANTILES = (0.5, 0.9)
_SHRINKAGE = 0.05  # of the covariance towards a multiple of the identity, so that bands that never differ do no harm


def band_statistics(windows: np.ndarray) -> np.ndarray:
    """Return mean, deviation, median and upper decile of each band over time: (n, 4 * bands) for (n, bands, frames)."""
    numbers = dequantise(windows)
    quantiles = np.quantile(numbers, _QUANTILES, axis=2)
    return np.concatenate([numbers.mean(axis=2), numbers.std(axis=2), *quantiles], axis=1)


class LinearEncoder:
    """Linear discriminants of band statistics (Fisher, "The use of multiple measurements", 1936)."""

    def __init__(self, windows: np.ndarray, owner: np.ndarray, used: np.ndarray) -> None:
        """Fit it.

        Args:
            windows: (n, bands, frames) uint8.
            owner: (n,) int, each clip's speaker.
            used: (n,) bool, which are learnt from.
        """
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        statistics = band_statistics(windows)
        self._fitted = LinearDiscriminantAnalysis(solver="eigen", shrinkage=_SHRINKAGE)
        self._fitted.fit(statistics[used], owner[used])
        self._centre = self._fitted.transform(statistics).mean(axis=0)

    def directions(self, windows: np.ndarray) -> np.ndarray:
        """Return unit vectors (n, d) for windows kept as bytes (n, bands, frames)."""
        found = self._fitted.transform(band_statistics(windows)) - self._centre
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)

    def accuracy(self, windows: np.ndarray, speakers: np.ndarray) -> float:
        """Return how often the right speaker, a number, is recognised."""
        return float(self._fitted.score(band_statistics(windows), speakers))
