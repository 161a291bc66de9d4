"""The attacker's encoder: it learns to tell the speakers of the training part, without knowing who is in which half.

It has other clips of all of them, and even these: a strong attacker. Whoever has less finds less. A network lies in the
cache, named by all that shapes it, so that runs on the same clips share it.
"""

import hashlib
import logging
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
import torch
from lightning_fabric import Fabric
from safetensors import safe_open

from exclaim.card import front_end_hash
from exclaim.condense.real import Real
from exclaim.condense.recipe import CondenseRecipe, learner
from exclaim.errors import CorpusError, StoreError
from exclaim.learn.checkpoint import load_weights, save_weights
from exclaim.learn.condensed import SetViews
from exclaim.learn.loop import Report, answer, train_network
from exclaim.learn.network import network_of
from exclaim.learn.recipe import HeadOptions, Recipe, canonical
from exclaim.learn.views import dequantise
from exclaim.privacy.linear_encoder import LinearEncoder
from exclaim.privacy.recipe import EncoderOptions
from exclaim.privacy.report import Encoder

__all__ = ["NetworkEncoder", "SpeakerEncoder", "kept_back", "train_encoder"]

_LOG = logging.getLogger(__name__)
_HEAD = "speaker"
_BATCH = 128


class SpeakerEncoder(Protocol):
    """Windows to directions in which speakers lie apart."""

    def directions(self, windows: np.ndarray) -> np.ndarray:
        """Return unit vectors (n, d) for windows kept as bytes (n, bands, frames)."""

    def accuracy(self, windows: np.ndarray, speakers: np.ndarray) -> float:
        """Return how often the right speaker, a number, is recognised."""


class NetworkEncoder:
    """The penultimate activations of a network that tells speakers."""

    def __init__(self, network: torch.nn.Module, clips: np.ndarray, device: torch.device) -> None:
        """Take a trained network, and clips (n, bands, frames) uint8 whose mean embedding is where directions start."""
        self._network, self._device = network.eval(), device
        self._centre = 0.0
        self._centre = self._asked(clips, "embedding").mean(axis=0)

    def directions(self, windows: np.ndarray) -> np.ndarray:
        """Return unit vectors (n, d) float32 for windows kept as bytes (n, bands, frames)."""
        found = self._asked(windows, "embedding") - self._centre
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)

    def accuracy(self, windows: np.ndarray, speakers: np.ndarray) -> float:
        """Return how often the right speaker, a number, is recognised."""
        return float((self._asked(windows, _HEAD).argmax(axis=1) == speakers).mean())

    def _asked(self, windows: np.ndarray, name: str) -> np.ndarray:
        batches = (windows[at : at + _BATCH] for at in range(0, len(windows), _BATCH))
        return np.concatenate([answer(self._network, dequantise(part), self._device)[name] for part in batches])


def kept_back(owner: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Draw the clips that the encoder is judged on: a share of each speaker's, one at least of two; (n,) bool."""
    rng = np.random.default_rng([seed, 17])
    kept = np.zeros(len(owner), bool)
    for speaker in range(int(owner.max()) + 1):
        own = rng.permutation(np.flatnonzero(owner == speaker))
        kept[own[: max(1, round(share * len(own)))] if len(own) > 1 else own[:0]] = True
    return kept


def train_encoder(
    options: EncoderOptions, condensed: CondenseRecipe, real: Real, cache: Path, fabric: Fabric, report: Report
) -> tuple[SpeakerEncoder, Encoder]:
    """Train the encoder, or read it from the cache; return it, and how well it tells speakers.

    Args:
        options: of its network and training.
        condensed: the recipe of the sets, for their view.
        real: the training part.
        cache: folder that holds it.
        fabric: device and precision.
        report: told of progress.

    Raises:
        CorpusError: when fewer than two speakers are known.
        StoreError: when the file that is there is damaged.
    """
    names, owner = np.unique(np.asarray(real.speakers), return_inverse=True)
    if len(names) < 2 or len(names) == len(owner):
        raise CorpusError(f"{', '.join(condensed.sources)}: the clips tell no speakers apart; attack without speakers")
    kept = kept_back(owner, options.kept_back, options.seed)
    encoder: SpeakerEncoder
    if options.kind == "linear":
        encoder = LinearEncoder(real.windows, owner, ~kept)
    else:
        own = _recipe(options, condensed, tuple(map(str, names)))
        encoder = _network(own, options, condensed, real, owner, kept, cache, fabric, report)
    accuracy = encoder.accuracy(real.windows[kept], owner[kept])
    _LOG.info("speaker encoder: %.3f right of %d clips kept back, %d speakers", accuracy, kept.sum(), len(names))
    return encoder, Encoder(kind=options.kind, speakers=len(names), accuracy=accuracy, clips=int(kept.sum()))


def _network(
    own: Recipe,
    options: EncoderOptions,
    condensed: CondenseRecipe,
    real: Real,
    owner: np.ndarray,
    kept: np.ndarray,
    cache: Path,
    fabric: Fabric,
    report: Report,
) -> NetworkEncoder:
    """Train a network that tells speakers, or read it from the cache."""
    parts = [own.network, own.schedule, own.augment, own.seed, options.kept_back, real.data, condensed.view]
    key = hashlib.sha256(canonical([*parts, front_end_hash()])).hexdigest()
    path = cache / f"speakers-{key[:16]}.safetensors"
    network = network_of(own).to(fabric.device)
    if path.is_file():
        _read(path, network)
    else:
        work = path.with_suffix("")
        work.mkdir(parents=True, exist_ok=True)
        targets = np.eye(int(owner.max()) + 1, dtype=np.float32)[owner[~kept]]
        views = SetViews(_HEAD, real.windows[~kept], targets, own.augment, own.seed)
        train_network(own, network, views, None, lambda trained: {"score": 0.0}, work, fabric, report)
        save_weights(network, path)
    return NetworkEncoder(network, real.windows, fabric.device)


def _recipe(options: EncoderOptions, condensed: CondenseRecipe, speakers: tuple[str, ...]) -> Recipe:
    own = learner(msgspec.structs.replace(condensed, network=options.network), options.seed)
    schedule = msgspec.structs.replace(options.schedule, keep="last")
    heads = {_HEAD: HeadOptions(labels=speakers)}
    return msgspec.structs.replace(own, task=_HEAD, heads=heads, schedule=schedule, augment=options.augment)


def _read(path: Path, network: torch.nn.Module) -> None:
    try:
        with safe_open(path, "pt"):
            load_weights(network, path)
    except Exception as error:  # safetensors and torch raise their own
        raise StoreError(f"{path} is no speaker encoder ({error}); remove it, and it is trained again") from error
