"""Losses, as pure functions of logits, targets and weights.

Every loss is a weighted mean over the clips that count: ``sum(weight * loss) / sum(weight)``. A clip does not
count when its weight is 0 or its class index is -1; when none counts, the loss is 0 (with a gradient of 0),
so that a batch without labels for one head does no harm. Of losses that compare clips with each other, the clips that
do not count are no part of the comparison either.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

__all__ = [
    "IGNORE",
    "binary_cross_entropy",
    "correlation",
    "cross_entropy",
    "decoupled",
    "distillation",
    "divergence",
    "similarity",
    "weighted_mean",
]

IGNORE = -1  # a class index that says "no label"
_LEAST_LENGTH = 1e-8  # of a row of a Gram matrix: a shorter one has no direction
_LEAST_SPREAD = 1e-6  # standard deviation of probabilities: what varies less is rounding, and correlates with nothing


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
    targets, weights = _distributions(logits, targets, weights)
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


def binary_cross_entropy(
    logits: Tensor,
    targets: Tensor,
    weights: Tensor | None = None,
    *,
    over: Literal["sigmoid", "softmax"] = "sigmoid",
) -> Tensor:
    """Return the binary cross entropy of every output against its share of the target, a mean over outputs and clips.

    The paper says "binary cross entropy" of networks with two outputs and not what turns these into probabilities. We
    read it as the loss of that name in its framework: a sigmoid for each output, the label one-hot, the mean over both
    outputs. The other reading, a softmax before it, is for two classes the cross entropy and nothing else.

    Args:
        logits: (n, classes).
        targets: (n,) class indices, -1 to ignore a clip; or (n, classes) probabilities.
        weights: (n,), not negative; None counts every clip once.
        over: what makes probabilities of the logits.

    Returns:
        A scalar in nats.

    Source: Malik et al., arXiv 2305.00725.
    """
    targets, weights = _distributions(logits, targets, weights)
    if over == "sigmoid":
        yes, no = functional.logsigmoid(logits), functional.logsigmoid(-logits)
    else:
        yes = functional.log_softmax(logits, dim=-1)
        no = _log_rest(logits)
    return weighted_mean(-(targets * yes + (1 - targets) * no).mean(dim=-1), weights)


def decoupled(
    logits: Tensor,
    targets: Tensor,
    teacher_logits: Tensor,
    weights: Tensor | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 8.0,
    temperature: float = 4.0,
) -> Tensor:
    """Return the decoupled divergence ``alpha TCKD + beta NCKD``, a weighted mean over clips.

    The divergence of two answers is that of "the target class or another" (TCKD) plus, times the teacher's doubt
    1 - p, that of the other classes among themselves (NCKD): a sure teacher says little about the others. Here NCKD
    has a weight of its own. Of two classes only one is "the others", so NCKD is 0 and ``alpha`` times
    :func:`divergence` remains.

    Args:
        logits: (n, classes) of the student.
        targets: (n,) class indices, -1 to ignore a clip, for without a target class nothing can be decoupled; or
            (n, classes) probabilities, where each class is the target by its share.
        teacher_logits: (n, classes) of the teacher, for the same views of the same clips; no gradient flows into them.
        weights: (n,), not negative; None counts every clip once.
        alpha: of TCKD, not negative.
        beta: of NCKD, not negative; the paper's best lie between 1 and 10, higher for a surer teacher.
        temperature: T > 0.

    Returns:
        A scalar in nats, not below 0; without the factor T^2.

    Source: Zhao et al., arXiv 2203.08679, equations 5 to 7.
    """
    targets, weights = _distributions(logits, targets, weights)
    student, teacher = logits / temperature, teacher_logits.detach().to(logits) / temperature
    target_class = _kl(functional.log_softmax(teacher, -1), functional.log_softmax(student, -1))
    target_class = target_class + _kl(_log_rest(teacher), _log_rest(student))
    others, itself = _others(student), _itself(student)
    found = functional.log_softmax(others, dim=-1)
    wanted = functional.log_softmax(_others(teacher), dim=-1)
    other_classes = (wanted.exp() * (wanted - found).masked_fill(itself, 0.0)).sum(dim=-1)
    return weighted_mean((targets * (alpha * target_class + beta * other_classes)).sum(dim=-1), weights)


def correlation(
    logits: Tensor,
    teacher_logits: Tensor,
    weights: Tensor | None = None,
    *,
    beta: float = 1.0,
    gamma: float = 1.0,
    temperature: float = 1.0,
) -> Tensor:
    """Return how far student and teacher are from agreeing in relations: ``beta inter + gamma intra``.

    ``inter`` is the mean over clips of 1 - r between the two answers to a clip, over its classes; ``intra`` the mean
    over classes of 1 - r between what the two say of a class, over the batch's clips. r is Pearson's, so each answer
    may be shifted and scaled, and a strong teacher need not be met in confidence. What does not vary (a batch of one
    clip, a uniform answer) has r = 0 and no gradient. Of two classes r of a clip is 1 or -1, whatever the confidence:
    ``inter`` counts disagreements without a gradient, and ``intra`` alone teaches.

    Args:
        logits: (n, classes) of the student.
        teacher_logits: (n, classes) of the teacher, for the same views of the same clips; no gradient flows into them.
        weights: (n,), not negative; None counts every clip once.
        beta: of ``inter``, not negative.
        gamma: of ``intra``, not negative.
        temperature: T > 0, of the softmax before both.

    Returns:
        A scalar in [0, 2 (beta + gamma)]; without the factor T^2.

    Source: Huang et al., arXiv 2205.10536, equations 6 to 10.
    """
    weights = torch.ones_like(logits[:, 0]) if weights is None else weights.to(logits)
    counted = (weights > 0)[:, None]
    student = functional.softmax(logits / temperature, dim=-1)
    teacher = functional.softmax(teacher_logits.detach().to(logits) / temperature, dim=-1)
    student, teacher = (torch.where(counted, answer, torch.zeros_like(answer)) for answer in (student, teacher))
    inter = weighted_mean(1 - _pearson(student, teacher, torch.ones_like(student)), weights)
    share = weights.expand(logits.shape[1], -1)
    intra = (1 - _pearson(student.T, teacher.T, share)).mean() * (weights > 0).any()
    return beta * inter + gamma * intra


def similarity(embedding: Tensor, teacher_embedding: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return how differently student and teacher see which clips of a batch are alike.

    Each batch of embeddings has a Gram matrix, whose rows are brought to length 1; the loss is the sum of the squared
    differences of the two matrices over the square of the batch. Neither a rotation of an embedding nor its scale
    changes it, and the two may differ in width. It falls with the size of the batch like 1 / n, so its weight in a sum
    of losses is large: the paper's is 3000.

    Args:
        embedding: (n, d) of the student.
        teacher_embedding: (n, e) of the teacher, for the same views of the same clips; no gradient flows into it.
        weights: (n,), not negative, of clips in rows and columns; None counts every clip once.

    Returns:
        A scalar in [0, 4 / n]; 0 where no clip counts.

    Source: Tung and Mori, arXiv 1907.09682, equations 2 to 4.
    """
    weights = torch.ones_like(embedding[:, 0]) if weights is None else weights.to(embedding)
    share = weights / weights.sum().clamp_min(torch.finfo(weights.dtype).tiny)
    columns = share * (weights > 0).sum()
    found, wanted = (
        _likeness(each, weights, columns) for each in (embedding, teacher_embedding.detach().to(embedding))
    )
    return (share[:, None] * share[None, :] * (found - wanted) ** 2).sum()


def _distributions(logits: Tensor, targets: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Return targets as (n, classes) probabilities, with a weight of 0 where a class index says "no label"."""
    if targets.dim() == 1:
        labelled = targets != IGNORE
        weights = labelled.to(logits) if weights is None else torch.where(labelled, weights.to(logits), 0.0)
        targets = functional.one_hot(torch.where(labelled, targets, 0).long(), logits.shape[-1])
    return targets.to(logits), weights


def _kl(wanted: Tensor, found: Tensor) -> Tensor:
    """Return p (log p - log q) of log probabilities, element by element."""
    return wanted.exp() * (wanted - found)


def _itself(logits: Tensor) -> Tensor:
    """Return (classes, classes) bool, True on the diagonal."""
    return torch.eye(logits.shape[-1], dtype=torch.bool, device=logits.device)


def _others(logits: Tensor) -> Tensor:
    """Return for each class the logits without its own: (n, classes, classes), -inf on the diagonals."""
    return logits.unsqueeze(-2).expand(-1, logits.shape[-1], -1).masked_fill(_itself(logits), -torch.inf)


def _log_rest(logits: Tensor) -> Tensor:
    """Return log(1 - softmax(logits)), (n, classes), exact also where a probability is nearly 1."""
    return torch.logsumexp(_others(logits), dim=-1) - torch.logsumexp(logits, dim=-1, keepdim=True)


def _pearson(first: Tensor, second: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted correlation of each row of two matrices: (rows,), 0 where a row does not vary."""
    share = weights / weights.sum(dim=-1, keepdim=True).clamp_min(torch.finfo(weights.dtype).tiny)
    one, other = (each - (share * each).sum(dim=-1, keepdim=True) for each in (first, second))
    spreads = [(share * each**2).sum(dim=-1) for each in (one, other)]
    varies = torch.minimum(*spreads) > _LEAST_SPREAD**2
    product = torch.where(varies, spreads[0] * spreads[1], torch.ones_like(spreads[0]))
    return torch.where(varies, (share * one * other).sum(dim=-1) / product.sqrt(), torch.zeros_like(product))


def _likeness(embedding: Tensor, weights: Tensor, columns: Tensor) -> Tensor:
    """Return the Gram matrix of a batch, its rows of length 1 over the columns that count: (n, n)."""
    counted = torch.where((weights > 0)[:, None], embedding, torch.zeros_like(embedding))
    gram = counted @ counted.T
    lengths = (columns * gram**2).sum(dim=-1, keepdim=True)
    return gram / lengths.clamp_min(_LEAST_LENGTH**2).sqrt()
