"""What a recipe asks a network to make small: labels and teachers, head by head."""

import numpy as np
import torch
from torch import Tensor

from exclaim.learn.losses import (
    binary_cross_entropy,
    correlation,
    cross_entropy,
    decoupled,
    divergence,
    similarity,
)
from exclaim.learn.recipe import Distillation, Recipe
from exclaim.learn.views import Batch

__all__ = ["objective"]


def objective(recipe: Recipe, outputs: dict[str, Tensor], batch: Batch, taught: dict[str, np.ndarray]) -> Tensor:
    """Return the weighted sum of the heads' losses, and of the features' likeness where the recipe wants it.

    Args:
        recipe: says which losses, with which weights.
        outputs: of the network: logits (n, labels) by head, ``embedding`` (n, d).
        batch: what the labels say.
        taught: the teacher's outputs for the same windows, by name; empty where there is none. It is heard on windows
            without a label too, unless the recipe says otherwise.

    Returns:
        A scalar in nats.
    """
    whole = torch.zeros((), device=outputs["embedding"].device)
    for name, head in recipe.heads.items():
        output = outputs[name].float()
        targets = torch.from_numpy(batch.targets[name]).to(output.device)
        weights = torch.from_numpy(batch.weights[name]).to(output.device)
        loss = _hard(recipe, output, targets, weights)
        if recipe.distil and name in taught:
            logits = torch.from_numpy(taught[name]).to(output)
            soft = _soft(recipe.distil, output, targets, weights, logits)
            loss = (1 - recipe.distil.alpha) * loss + recipe.distil.alpha * soft
        whole = whole + head.weight * loss
    if recipe.distil and recipe.distil.similarity and "embedding" in taught:
        features = torch.from_numpy(taught["embedding"]).to(outputs["embedding"])
        whole = whole + recipe.distil.similarity * similarity(outputs["embedding"].float(), features)
    return whole


def _hard(recipe: Recipe, output: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    if recipe.schedule.hard_loss == "binary-cross-entropy":
        return binary_cross_entropy(output, targets, weights)
    return cross_entropy(output, targets, weights, label_smoothing=recipe.schedule.label_smoothing)


def _soft(options: Distillation, output: Tensor, targets: Tensor, weights: Tensor, logits: Tensor) -> Tensor:
    """Return the soft term, with the factor T^2 that keeps its gradient's size when T changes."""
    warmth = options.temperature
    if not options.unlabelled:
        known = weights > 0
        if not known.any():
            return output.sum() * 0
        output, targets, weights, logits = output[known], targets[known], weights[known], logits[known]
    if options.loss == "dist":
        soft = correlation(output, logits, temperature=warmth)
    elif options.loss == "dkd":
        known = torch.where((weights > 0)[:, None], targets, torch.softmax(logits, dim=1))
        soft = decoupled(output, known, logits, beta=options.other_labels, temperature=warmth)
    else:
        soft = divergence(output, logits, temperature=warmth)
    return warmth**2 * soft
