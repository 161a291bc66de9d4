"""Compact networks with whole channels taken out: smaller, dense, and so really faster.

All of it works on weights by name (a state dict), since that is what a run keeps. A compact network has six groups of
channels: the stem's, each stage's, whose blocks add to one another and so share theirs, and those before the embedding.
A channel is as strong as the weights of those who read it: what the next layers, batch normalisation folded in, make
of it. The scales of its own batch normalisation tell little here: within a stage of a trained student they differ by a
few hundredths.

Sources: channels by the L1 norm of weights, and groups that shortcuts tie together, Li et al. arXiv 1608.08710.
"""

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from exclaim.errors import RecipeError
from exclaim.learn.networks.compact import block_groups

__all__ = ["channel_numbers", "channel_strengths", "channels_left", "fitted", "is_compact", "pruned", "recalibrated"]

_MULTIPLE = 4  # channels stay a multiple of this, as widths make them
_LEAST_SHARE = 0.25  # of a group's channels that stay, however weak they are
_EMBEDDING = 5  # number of the last group
_BATCH = 64  # windows

Weights = Mapping[str, Tensor]


def is_compact(weights: Weights) -> bool:
    """Tell whether these are a compact network's weights."""
    blocks = {name.split(".")[1] for name in weights if name.startswith("blocks.")}
    return len(blocks) == len(block_groups()) and {"stem.0.weight", "collapse.2.weight"} <= set(weights)


def channel_numbers(weights: Weights) -> tuple[int, ...]:
    """Return the channels of the stem, the four stages and before the embedding: the network's option ``channels``.

    Raises:
        RecipeError: when these are no compact network's weights.
    """
    return tuple(len(strengths) for strengths in channel_strengths(weights))


def channel_strengths(weights: Weights) -> tuple[Tensor, ...]:
    """Return how strong each channel of the six groups is: (channels,) float32 each, at least 0.

    Raises:
        RecipeError: when these are no compact network's weights.
    """
    if not is_compact(weights):
        raise RecipeError("only a network of the name compact can be pruned; these weights are of another")
    # A depthwise convolution's batch normalisation, the pointwise convolution behind it, and its own.
    readers = [
        (before, *(f"blocks.{block}.convolutions.{place}" for place in (1, 3, 4)))
        for block, (before, _) in enumerate(block_groups())
    ]
    readers.append((_EMBEDDING - 1, "collapse.1", "collapse.2", "collapse.3"))
    strengths: list[list[Tensor]] = [[] for _ in range(_EMBEDDING)]
    for group, depthwise, pointwise, normalisation in readers:
        columns = weights[f"{pointwise}.weight"].abs().flatten(1) * _gain(weights, normalisation)[:, None]
        strengths[group].append(weights[f"{depthwise}.weight"].abs() * columns.sum(dim=0))
    heads = torch.cat([w.abs() for name, w in weights.items() if name.startswith("heads.") and w.dim() == 2])
    means, maxima = heads.sum(dim=0).chunk(2)
    return (*(torch.stack(parts).sum(dim=0) for parts in strengths), means + maxima)


def _gain(weights: Weights, normalisation: str) -> Tensor:
    """Return what a batch normalisation multiplies each channel by: (channels,), at least 0."""
    deviation = (weights[f"{normalisation}.running_var"] + nn.BatchNorm2d(1).eps).sqrt()
    return weights[f"{normalisation}.weight"].abs() / deviation


def channels_left(strengths: Sequence[Tensor], share: float) -> tuple[int, ...]:
    """Return how many channels of each group to keep so that about ``share`` of all are gone.

    The weakest go, whichever group they are in, each measured by its group's mean strength; a quarter of each group
    stays, and numbers are rounded up to a multiple of 4.

    Args:
        strengths: of :func:`channel_strengths`.
        share: of all channels, above 0 and below 1.

    Raises:
        RecipeError: for another share.
    """
    if not 0 < share < 1:
        raise RecipeError(f"share of channels to prune is {share}; expected a number above 0 and below 1")
    relative = [group / group.mean().clamp(min=torch.finfo(group.dtype).tiny) for group in strengths]
    # In the order of their strength, so that as many go as were asked for also where many are equally strong.
    order = torch.cat(relative).argsort(stable=True)
    gone = torch.zeros(len(order), dtype=torch.bool)
    gone[order[: round(share * len(order))]] = True
    numbers = []
    for group in gone.split([len(group) for group in relative]):
        kept = max(int((~group).sum()), _LEAST_SHARE * len(group))
        numbers.append(min(len(group), int(-(-kept // _MULTIPLE)) * _MULTIPLE))
    return tuple(numbers)


def pruned(weights: Weights, channels: Sequence[int]) -> dict[str, Tensor]:
    """Return the weights of the network that has only the strongest channels, batch normalisation and heads included.

    Args:
        weights: of a compact network.
        channels: to keep, of the stem, the four stages and before the embedding; none more than there are.

    Raises:
        RecipeError: when these are no compact network's weights, or it has fewer channels.
    """
    strengths = channel_strengths(weights)
    numbers = tuple(map(len, strengths))
    if len(channels) != len(numbers) or any(not 1 <= n <= whole for n, whole in zip(channels, numbers, strict=True)):
        raise RecipeError(f"channels to keep are {tuple(channels)}; expected from 1 to {numbers} of each group")
    kept = [
        strength.argsort(descending=True, stable=True)[:count].sort().values
        for strength, count in zip(strengths, channels, strict=True)
    ]
    return {name: _selected(name, tensor, kept) for name, tensor in weights.items()}


def recalibrated(network: nn.Module, windows: Tensor) -> nn.Module:
    """Return a copy whose batch normalisations have the means and variances of these windows, in evaluation mode.

    Without its weak channels a network sees other sums than its batch normalisations were made for; this takes back
    much of the loss, before any fine-tuning.

    Args:
        network: is not changed.
        windows: (n, 128, 188), of training speakers.
    """
    copied = copy.deepcopy(network).eval()
    for module in copied.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # the mean over all that comes
            module.train()
    with torch.no_grad():
        for part in windows.split(_BATCH):
            copied(part)
    return copied.eval()


def fitted(weights: Weights, wanted: Weights) -> Weights:
    """Return a compact network's weights pruned to the channels of a narrower one; any others as they are.

    Args:
        weights: of the network that was trained.
        wanted: of the one that is to begin with them.
    """
    if not (is_compact(weights) and is_compact(wanted)):
        return weights
    numbers, fewer = channel_numbers(weights), channel_numbers(wanted)
    if numbers == fewer or any(few > number for few, number in zip(fewer, numbers, strict=True)):
        return weights
    return pruned(weights, fewer)


def _selected(name: str, tensor: Tensor, kept: Sequence[Tensor]) -> Tensor:
    """Return the part of a tensor that belongs to the kept channels."""
    if tensor.dim() == 0:  # how many batches a normalisation has seen
        return tensor
    layer, *rest = name.split(".")
    if layer == "heads":
        half = tensor.shape[-1] // 2
        both = torch.cat([kept[_EMBEDDING], kept[_EMBEDDING] + half])  # means, then maxima
        return tensor[:, both] if rest[-1] == "weight" else tensor
    written, read = _groups(layer, rest)
    part = tensor[kept[written]]
    return part if read is None else part[:, kept[read]]


def _groups(layer: str, rest: Sequence[str]) -> tuple[int, int | None]:
    """Return which group a tensor's first dimension counts, and which its second, if that counts channels."""
    if layer == "stem":
        return 0, None
    if layer == "blocks":
        before, after = block_groups()[int(rest[0])]
        place = int(rest[2])
    else:
        before, after = _EMBEDDING - 1, _EMBEDDING
        place = int(rest[0]) + (int(rest[0]) >= 2)  # as in a block, which has an activation at 2
    if place <= 1:  # depthwise, and its batch normalisation
        return before, None
    return after, before if place == 3 else None
