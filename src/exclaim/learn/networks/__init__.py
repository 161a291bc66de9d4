"""The networks: one small file for each family, and a registry that finds them.

A new network is one new file here. It holds ``NETWORKS``, a mapping from name to constructor, and every
constructor takes ``heads`` (head name to number of classes) first and its own options by keyword. Every
network maps a batch of normalised log-mel windows, (n, 128, 188) or (n, 1, 128, 188) float32 in [-1, 1], to a
dictionary: the logits of each head, (n, classes) by the head's name, and ``embedding``, the penultimate
activations, (n, d).

What is not here: losses, training, and the way to a model file (:mod:`exclaim.learn.export`).
"""

from exclaim.learn.networks.registry import build, names

__all__ = ["build", "names"]
