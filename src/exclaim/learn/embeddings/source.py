"""From pretrained networks and a recipe's corpora to soft labels, by a head that is trained on the way."""

import hashlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exclaim.corpora.clip import Clip
from exclaim.errors import RecipeError
from exclaim.evaluate.metrics import ece_debiased, macro_auroc, uar
from exclaim.learn.calibrate import softmax
from exclaim.learn.embeddings.embedding import Embedding
from exclaim.learn.embeddings.head import Labelled, LinearHead, fit_head, head_logits, out_of_fold
from exclaim.learn.embeddings.registry import load_embedding, names
from exclaim.learn.embeddings.table import EmbeddingTable, build_table
from exclaim.learn.embeddings.yamnet import Yamnet
from exclaim.learn.examples import PARTS, Corpora, Example
from exclaim.learn.soft_labels import SoftLabels, load_soft_labels, save_soft_labels

__all__ = ["SCORES", "SCORE_CLASSES", "Progress", "soft_labels_from"]

_LOG = logging.getLogger(__name__)
_VERSION = 2  # of how vectors become answers; a new one makes earlier tables stale

Progress = Callable[[str, int, int], None]  # what is being done, done, all

SCORES = "yamnet-scores"  # the source that hears nothing of YAMNet but its own scores of the classes below
SCORE_CLASSES = ("Screaming", "Shout", "Crying, sobbing", "Laughter")
_LEAST_SCORE = 1e-3  # so that a score of 0 has log-odds


class _Heard(NamedTuple):
    """What a source hears: its networks, and for each the tables of the corpora."""

    source: str
    networks: tuple[Embedding, ...]
    tables: tuple[tuple[EmbeddingTable, ...], ...]

    def __contains__(self, clip: Clip) -> bool:
        """Tell whether every network could read the clip."""
        return all(any(clip in table for table in tables) for tables in self.tables)

    def vectors(self, clips: Sequence[Clip]) -> np.ndarray:
        """Return (n, d) float32: each network's mean and maximum; of the scores, log-odds of the maximum."""
        if not clips:
            return np.zeros((0, 1), np.float32)
        whole = [_looked_up(tables, clips) for tables in self.tables]
        if self.source != SCORES:
            return np.concatenate([each.reshape(len(clips), -1) for each in whole], axis=1)
        yamnet = self.networks[0]
        assert isinstance(yamnet, Yamnet)
        scores = np.clip(whole[0][:, 1, yamnet.columns(*SCORE_CLASSES)], _LEAST_SCORE, 1 - _LEAST_SCORE)
        return np.log(scores / (1 - scores))

    def data_hash(self, clips: Sequence[Clip]) -> str:
        """Return the SHA-256 over the samples of these clips, in their order."""
        digest = hashlib.sha256()
        for clip in clips:
            table = next(table for table in self.tables[0] if clip in table)
            digest.update(table.data_hash([clip]).encode())
        return digest.hexdigest()


def soft_labels_from(
    source: str,
    head: str,
    labels: Sequence[str],
    corpora: Corpora,
    cache: Path,
    *,
    models: Path | None = None,
    progress: Progress = lambda what, done, whole: None,
) -> SoftLabels:
    """Return a source's soft labels for the training clips, computing what the cache does not hold.

    A linear head is fitted on the training speakers' labels; the validation speakers choose its strength and its
    temperature. A training clip with a label gets the answer of weights that no label of its speaker moved, one without
    the answer of the whole head.

    Args:
        source: a pretrained network, several joined by "+", or ``yamnet-scores``.
        head: of the recipe.
        labels: the head's labels, in the order of its outputs.
        corpora: of the recipe, whose bursts are heard.
        cache: folder that keeps vectors and tables.
        models: folder of the networks' files; None: where ``EXCLAIM_MODELS`` says.
        progress: told of progress.

    Raises:
        RecipeError: when the source is not known, or the clips to learn or to choose from have fewer than two labels.
        ModelError: when a network's files are not there.
        StoreError: when what the cache holds is stale or damaged.
    """
    heard = _hear(source, corpora, cache, models, progress)
    parts = {part: [e for e in corpora.bursts[part] if e.clip in heard] for part in PARTS}
    known = {part: [e for e in examples if e.weights[head] > 0] for part, examples in parts.items()}
    _check(source, head, labels, known)
    data = _data_hash(heard, head, known, parts["train"])
    teacher = hashlib.sha256(
        "|".join((source, str(_VERSION), *(network.sha256 for network in heard.networks))).encode()
    ).hexdigest()
    address = hashlib.sha256(f"{teacher}{data}{head}{','.join(labels)}".encode()).hexdigest()
    path = cache / f"soft-labels-{source}-{head}-{address[:16]}.npz"
    if path.is_file():
        return load_soft_labels(path, teacher=teacher, data=data)
    progress(f"{source}: {head}", 0, 2)
    labelled = {part: _labelled(heard, head, examples) for part, examples in known.items()}
    fitted = fit_head(labelled["train"], labelled["validation"], len(labels))
    progress(f"{source}: {head}", 1, 2)
    answers = out_of_fold(labelled["train"], fitted)
    distributions = {str(e.clip.path): answer for e, answer in zip(known["train"], answers, strict=True)}
    unknown = [e.clip for e in parts["train"] if not e.weights[head] > 0]
    if unknown:
        rest = softmax(head_logits(fitted, heard.vectors(unknown)), fitted.temperature).astype(np.float32)
        distributions |= {str(clip.path): answer for clip, answer in zip(unknown, rest, strict=True)}
    figures = {"strength": fitted.strength, "temperature": fitted.temperature}
    for part in PARTS[1:]:
        figures |= _figures(part, fitted, labelled[part])
    figures |= {"out-of-fold.uar": uar(labelled["train"].labels, answers.argmax(axis=1), len(labels))}
    table = SoftLabels(source, head, tuple(labels), teacher, data, figures, distributions)
    save_soft_labels(table, path)
    progress(f"{source}: {head}", 2, 2)
    _LOG.info("soft labels of %s for %s: %s", source, head, {name: round(value, 4) for name, value in figures.items()})
    return table


def _hear(source: str, corpora: Corpora, cache: Path, models: Path | None, progress: Progress) -> _Heard:
    wanted = ("yamnet",) if source == SCORES else tuple(source.split("+"))
    if set(wanted) - set(names()) or len(set(wanted)) != len(wanted):
        raise RecipeError(
            f"source of soft labels {source!r} is not known; expected one of {', '.join(names())}, several of them "
            f"joined by '+', {SCORES}, or the path of a recipe on waveforms that ends in .yaml"
        )
    networks = tuple(load_embedding(name, models) for name in wanted)
    bursts = {example.clip.corpus for examples in corpora.bursts.values() for example in examples}
    # tables are of whole corpora, so that recipes with other heads and splits share them
    manifests = [manifest for manifest in corpora.manifests if manifest.corpus in bursts]
    tables = tuple(
        tuple(
            build_table(
                network,
                [clip for clip in manifest if clip.kind == "audio"],
                cache,
                lambda done, whole, what=f"{network.name}: {manifest.corpus}": progress(what, done, whole),
            )
            for manifest in manifests
        )
        for network in networks
    )
    return _Heard(source, networks, tables)


def _looked_up(tables: Sequence[EmbeddingTable], clips: Sequence[Clip]) -> np.ndarray:
    """Return (n, 2, width) vectors of clips that lie in several tables."""
    found = np.zeros((len(clips), 2, tables[0].width), np.float32)
    for table in tables:
        inside = [number for number, clip in enumerate(clips) if clip in table]
        found[inside] = table.vectors([clips[number] for number in inside])
    return found


def _check(source: str, head: str, labels: Sequence[str], known: dict[str, list[Example]]) -> None:
    for part in PARTS[:2]:
        if len({int(example.targets[head].argmax()) for example in known[part]}) < 2:
            raise RecipeError(
                f"soft labels of {source} for {head}: the {part} clips have fewer than two of its labels "
                f"({', '.join(labels)}); name a head that the recipe's bursts have labels for"
            )


def _data_hash(heard: _Heard, head: str, known: dict[str, list[Example]], training: Sequence[Example]) -> str:
    """Return the SHA-256 of sound, labels and speakers that a head learns from, and of the clips that it answers."""
    digest = hashlib.sha256()
    for part in PARTS[:2]:
        digest.update(heard.data_hash([example.clip for example in known[part]]).encode())
        for example in known[part]:
            digest.update(f"{example.targets[head].argmax()}|{_person(example.clip)}|{example.clip.path}\n".encode())
    digest.update(heard.data_hash([example.clip for example in training]).encode())
    return digest.hexdigest()


def _person(clip: Clip) -> str:
    return clip.speaker_key or clip.recording_key or str(clip.path)


def _labelled(heard: _Heard, head: str, examples: Sequence[Example]) -> Labelled:
    return Labelled(
        heard.vectors([example.clip for example in examples]),
        np.array([example.targets[head].argmax() for example in examples], int),
        np.array([_person(example.clip) for example in examples]),
    )


def _figures(part: str, head: LinearHead, labelled: Labelled) -> dict[str, float]:
    if not len(labelled.labels):
        return {}
    probabilities = softmax(head_logits(head, labelled.vectors), head.temperature)
    return {
        f"{part}.uar": uar(labelled.labels, probabilities.argmax(axis=1), probabilities.shape[1]),
        f"{part}.auroc": macro_auroc(labelled.labels, probabilities),
        f"{part}.ece_debiased": ece_debiased(labelled.labels, probabilities),
    }
