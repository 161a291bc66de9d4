"""Losses, as pure functions of logits, targets and weights.

Every loss is a weighted mean over the clips that count: ``sum(weight * loss) / sum(weight)``. A clip does not
count when its weight is 0 or its class index is -1; when none counts, the loss is 0 (with a gradient of 0),
so that a batch without labels for one head does no harm.
"""

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["IGNORE", "cross_entropy", "distillation", "divergence", "weighted_mean"]

IGNORE = -1  # a class index that says "no label"


def weighted_mean(losses: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return ``sum(weight * loss) / sum(weight)``, or 0 where all weights are 0.

    Args:
        losses: (n,), one for each clip; what is not finite is left out where its weight is 0.
        weights: (n,), not negative; None counts every clip once.
    """
    weights = torch.ones_like(losses) if weights is None else weights.to(losses)
    counted = torch.where(weights > 0, losses * weights, torch.zeros_like(losses))
    total = weights.sum()
    return counted.sum() / torch.where(total > 0, total, torch.ones_like(total))


def cross_entropy(
    logits: Tensor, targets: Tensor, weights: Tensor | None = None, *, label_smoothing: float = 0.0
) -> Tensor:
    """Return the cross entropy between labels and softmax(logits), a weighted mean over clips.

    Args:
        logits: (n, classes).
        targets: (n,) class indices, -1 to ignore a clip; or (n, classes) probabilities (of a mixture of two
            clips, of listeners' votes), whose rows sum to 1.
        weights: (n,), not negative; None counts every clip once.
        label_smoothing: share in [0, 1] of the target that is spread evenly over all classes.

    Returns:
        A scalar in nats.
    """
    if targets.dim() == 1:
        labelled = targets != IGNORE
        weights = labelled.to(logits) if weights is None else torch.where(labelled, weights.to(logits), 0.0)
        targets = functional.one_hot(torch.where(labelled, targets, 0).long(), logits.shape[-1])
    targets = targets.to(logits)
    if label_smoothing:
        targets = targets * (1 - label_smoothing) + label_smoothing / logits.shape[-1]
    return weighted_mean(-(targets * functional.log_softmax(logits, dim=-1)).sum(dim=-1), weights)


def divergence(
    logits: Tensor, teacher_logits: Tensor, weights: Tensor | None = None, *, temperature: float = 1.0
) -> Tensor:
    """Return KL(softmax(teacher / T) || softmax(student / T)), a weighted mean over clips.

    Args:
        logits: (n, classes) of the student.
        teacher_logits: (n, classes) of the teacher, for the same views of the same clips; no gradient flows
            into them.
        weights: (n,), not negative; None counts every clip once.
        temperature: T > 0.

    Returns:
        A scalar in nats, not below 0; without the factor T^2.
    """
    teacher = functional.log_softmax(teacher_logits.detach().to(logits) / temperature, dim=-1)
    student = functional.log_softmax(logits / temperature, dim=-1)
    return weighted_mean((teacher.exp() * (teacher - student)).sum(dim=-1), weights)


def distillation(
    logits: Tensor,
    targets: Tensor,
    teacher_logits: Tensor,
    weights: Tensor | None = None,
    *,
    alpha: float,
    temperature: float,
    label_smoothing: float = 0.0,
    teacher_weights: Tensor | None = None,
) -> Tensor:
    """Return the paper's loss, ``(1 - a) CE + a T^2 KL(softmax(teacher / T) || softmax(student / T))``.

    The factor T^2 keeps the soft gradient's size when T changes: for large T the soft term tends to half the
    mean square difference of the centred logits, times 1 / classes.

    Args:
        logits: (n, classes) of the student.
        targets: (n,) class indices (-1: no label, the soft term alone counts) or (n, classes) probabilities.
        teacher_logits: (n, classes) of the teacher, for the same views of the same clips.
        weights: (n,) for the hard term, and for the soft one where ``teacher_weights`` is None.
        alpha: a in [0, 1], the share of the soft term.
        temperature: T > 0.
        label_smoothing: share in [0, 1] of the hard target that is spread evenly over all classes.
        teacher_weights: (n,) for the soft term, 0 where the teacher was not asked.

    Source: Malik et al., arXiv 2305.00725; Hinton et al., arXiv 1503.02531, section 2.
    """
    hard = cross_entropy(logits, targets, weights, label_smoothing=label_smoothing)
    soft_weights = weights if teacher_weights is None else teacher_weights
    soft = divergence(logits, teacher_logits, soft_weights, temperature=temperature)
    return (1 - alpha) * hard + alpha * temperature**2 * soft
