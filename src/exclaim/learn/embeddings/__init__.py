"""Frozen pretrained networks: sound to vectors that a small head can be trained on.

A new network is one new file here. It holds ``EMBEDDINGS``, a mapping from name to a subclass of
:class:`exclaim.learn.embeddings.embedding.Embedding` that takes the folder of its files. The files are the user's own:
none is part of the project, none is fetched, and nothing else of the project needs one.

What is not here: what the vectors are used for (:mod:`exclaim.learn.soft_labels`).
"""

from exclaim.learn.embeddings.registry import load_embedding, names

__all__ = ["load_embedding", "names"]
