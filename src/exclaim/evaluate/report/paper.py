"""What the paper prints, for standing beside what is measured here; nothing that was not checked is among it.

Malik et al. 2023, "Emotions Beyond Words: Non-Speech Audio Emotion Recognition With Edge Computing", arXiv 2305.00725.
Its corpora are its own and its split is random, so a figure of its and one of ours are not of the same clips.
"""

from typing import NamedTuple

__all__ = ["ACCURACIES", "MEAN_LOSS_UNDER_NOISE", "PAPER", "SIZES", "STUDENT_NOTE", "PaperAccuracy", "PaperSize"]

PAPER = "Malik et al. 2023 (arXiv 2305.00725)"


class PaperAccuracy(NamedTuple):
    """A figure of Table I."""

    task: str
    model: str
    accuracy: float


class PaperSize(NamedTuple):
    """A line of Table IV."""

    model: str
    network: str  # of ours that is the same
    parameters: int
    megabytes: float | None  # as printed, where it was checked


ACCURACIES = (
    PaperAccuracy("scream-detection", "student", 0.806),
    PaperAccuracy("scream-type", "teacher", 0.738),
    PaperAccuracy("scream-type", "student", 0.672),
)
MEAN_LOSS_UNDER_NOISE = 0.02  # of accuracy, Table II against Table I
SIZES = (
    PaperSize("ResNet-18, the teacher", "resnet18", 11_177_616, None),
    PaperSize("MobileNetV3-small", "mobilenet-v3-small", 1_519_906, None),
    PaperSize("student", "paper-student", 712_778, 2.72),
)
STUDENT_NOTE = (
    "The paper prints 712,778 parameters for its student. Its description has that many only with three input channels "
    "and 142 to 149 frames; for the 3 s that it states (188 frames) the same network has 958,538, or 957,950 with one "
    "channel. The student here is the one that the stated 3 s give."
)
