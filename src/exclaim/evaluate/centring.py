"""What a head would answer if it knew how each speaker sounds on the whole: speaker-normalised answers; pure.

A voice, its room and its microphone move every answer alike, towards anger for one speaker and sadness for another.
Taking each speaker's mean log-probability away takes that with it. It asks for many clips of each speaker with every
emotion about equally often among them, which corpora of acted speech have and a ward has not: so it is a second figure
beside the first, and no model is shipped with it.

Source: speaker normalisation, Busso et al., "Iterative feature normalization scheme for automatic emotion detection
from speech", IEEE Transactions on Affective Computing 2013, here of answers in place of features.
"""

from collections import Counter

import numpy as np

from exclaim.evaluate import metrics
from exclaim.evaluate.bootstrap import Interval, intervals
from exclaim.evaluate.figures import Judged, share_interval

__all__ = ["LEAST_CLIPS", "centred", "centred_uar"]

LEAST_CLIPS = 20  # of every speaker, to know how they sound on the whole


def centred(probabilities: np.ndarray, speakers: np.ndarray) -> np.ndarray:
    """Return log-probabilities less each speaker's mean: (n, labels).

    Args:
        probabilities: (n, labels).
        speakers: (n,) who is heard in each clip.
    """
    logs = np.log(np.maximum(probabilities, 1e-9))
    for speaker in np.unique(speakers):
        own = speakers == speaker
        logs[own] -= logs[own].mean(axis=0)
    return logs


def centred_uar(found: Judged, seed: int, draws: int) -> tuple[float, Interval | None] | None:
    """Return the UAR of centred answers with its 95 % interval over speakers; None where it would mean nothing.

    It means something with more than two labels and at least 20 clips of every speaker.

    Args:
        found: clips, whose clusters are their speakers.
        seed: of the interval's draws.
        draws: how many.
    """
    classes = len(found.labels)
    if classes < 3 or min(Counter(found.clusters).values()) < LEAST_CLIPS:
        return None
    answers = centred(found.probabilities, np.array(found.clusters)).argmax(axis=1)

    def figure(chosen: np.ndarray) -> dict[str, float]:
        return {"uar": metrics.uar(found.truth[chosen], answers[chosen], classes)}

    spread = intervals(figure, found.clusters, seed, draws)
    return metrics.uar(found.truth, answers, classes), share_interval(spread["uar"])
