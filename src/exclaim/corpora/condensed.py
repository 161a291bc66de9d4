"""A condensed set: a corpus in a few hundred synthetic windows, in one safetensors file with its card inside.

Tensors: ``items`` (n, bands, frames), windows of [-1, 1] as 255 steps of a byte or as float16, and either ``labels``
(n,) uint8, each item's one label, or ``distributions`` (n, labels) float16. The metadata entry ``exclaim.set`` is the
card as JSON. Reading trusts nothing: size, form, card, front-end, the file's own hash, the tensors and, where a
``models.json`` beside the file names it, the pin are checked. Nothing is unpickled.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from exclaim.corpora.condensed_card import ZERO_SHA256, SetCard, dump_set_card, parse_set_card
from exclaim.errors import CorpusError, ModelError
from exclaim.pins import read_pins, write_atomically

__all__ = [
    "MAX_BYTES",
    "SUFFIX",
    "CondensedSet",
    "content_hash",
    "hard_targets",
    "items_within",
    "read_set",
    "write_set",
]

SUFFIX = ".safetensors"
CARD_KEY = "exclaim.set"
MAX_BYTES = 2**30  # a larger file is refused before it is read
_HEADER_BYTES = 8  # a safetensors file begins with its header's length
_CARD_BYTES = 8192  # that are left for header and card, so that a report on privacy has room


class CondensedSet(NamedTuple):
    """What a file holds."""

    card: SetCard
    items: np.ndarray  # (n, bands, frames) uint8 or float16
    targets: np.ndarray  # (n, labels) float32, each row a distribution
    path: Path | None = None  # where it was read
    sha256: str = ""  # of the whole file, as pins have it


def write_set(path: Path, items: np.ndarray, targets: np.ndarray, card: SetCard) -> SetCard:
    """Write a set, whole or not at all.

    Args:
        path: of the file; an older one is replaced.
        items: (n, bands, frames), uint8 or float16 as the card says.
        targets: (n, labels), rows that sum to 1; kept as distributions unless the card's labels are hard.
        card: its ``sha256`` is set here.

    Returns:
        The card as written.

    Raises:
        CorpusError: when card and tensors do not agree, or the file cannot be written.
    """
    save = _safetensors().save
    blank = msgspec.structs.replace(card, sha256=ZERO_SHA256)
    tensors = {"items": np.ascontiguousarray(items)}
    if card.soft_labels == "hard":
        tensors["labels"] = targets.argmax(axis=1).astype(np.uint8)
    else:
        tensors["distributions"] = targets.astype(np.float16)
    _check(blank, tensors)
    parse_set_card(dump_set_card(blank))
    data = save(tensors, metadata={CARD_KEY: dump_set_card(blank)})
    if len(data) > MAX_BYTES:
        raise CorpusError(f"{path}: would be {len(data)} bytes, more than the {MAX_BYTES} that a set may have")
    digest = hashlib.sha256(data).hexdigest()
    try:
        write_atomically(Path(path), data.replace(_mark(ZERO_SHA256), _mark(digest), 1))
    except ModelError as error:
        raise CorpusError(str(error)) from error
    return msgspec.structs.replace(card, sha256=digest)


def read_set(path: Path) -> CondensedSet:
    """Read and check a set.

    Raises:
        CorpusError: when it is absent, too large, no condensed set, damaged, of another front-end, not understood, or
            not what the ``models.json`` beside it names; the message names the file and what to do.
    """
    path = Path(path)
    data = _bounded(path)
    digest = hashlib.sha256(data).hexdigest()
    try:
        card, tensors = _opened(data)
        _check(card, tensors)
        pinned = read_pins(path.parent).get(path.name, digest)
    except (CorpusError, ModelError) as error:
        raise CorpusError(f"{path}: {error}") from error
    if pinned != digest:
        raise CorpusError(f"{path}: is not the file that models.json beside it names; fetch it again")
    if "labels" in tensors:
        targets = np.eye(len(card.labels), dtype=np.float32)[tensors["labels"]]
    else:
        targets = tensors["distributions"].astype(np.float32)
        targets /= targets.sum(axis=1, keepdims=True)
    return CondensedSet(card, tensors["items"], targets, path, digest)


def items_within(size: int, view: tuple[int, int], stored: str, labels: int, soft: bool) -> int:
    """Return how many items of every label a file holds, its header, card and labels among its bytes.

    Args:
        size: bytes of the file at most, of which 8,192 are left for header and card.
        view: cells (bands, frames) of an item.
        stored: uint8 or float16.
        labels: how many there are.
        soft: whether each item has a distribution over them, not one label.
    """
    item = view[0] * view[1] * np.dtype(stored).itemsize + (2 * labels if soft else 1)
    return max(0, size - _CARD_BYTES) // (labels * item)


def content_hash(found: CondensedSet) -> str:
    """Return the SHA-256 of a set's items and labels: what a training sees of it, whatever its card says by now."""
    digest = hashlib.sha256(np.ascontiguousarray(found.items).tobytes())
    digest.update(np.ascontiguousarray(found.targets, np.float32).tobytes())
    return digest.hexdigest()


def hard_targets(found: CondensedSet) -> np.ndarray:
    """Return each item's own label as a distribution (n, labels) float32, whatever a teacher says of it.

    A set that `exclaim condense` wrote holds its items label by label, as many of each.

    Raises:
        CorpusError: when its items are not as many of each label.
    """
    labels, items = len(found.card.labels), found.card.items
    if found.card.soft_labels == "hard":
        return found.targets
    if items % labels:
        raise CorpusError(
            f"set {found.card.name} has {items} items of {labels} labels: not as many of each, and none is known"
        )
    return np.repeat(np.eye(labels, dtype=np.float32), items // labels, axis=0)


def _mark(digest: str) -> bytes:
    """Return the card's end as it stands in the file's header, where JSON holds JSON."""
    return b'\\"sha256\\":\\"' + digest.encode() + b'\\"}'


def _safetensors() -> Any:
    try:
        from safetensors import numpy as found
    except ImportError as error:
        raise CorpusError("condensed sets need safetensors; run `pip install 'exclaim[learn]'`") from error
    return found


def _bounded(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if path.is_dir() or size > MAX_BYTES:
            what = "a folder" if path.is_dir() else f"{size} bytes, more than the {MAX_BYTES} that a set may have"
            raise CorpusError(f"{path}: is {what}; expected a condensed set ({SUFFIX})")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise CorpusError(f"{path}: no such file; expected a condensed set ({SUFFIX})") from error
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read: {error.strerror}") from error


def _opened(data: bytes) -> tuple[SetCard, dict[str, np.ndarray]]:
    """Return the card and tensors in a file's bytes, whose own hash is right."""
    # A header whose length ends in 0x80 begins as a pickle does; its ninth byte tells them apart.
    if data[_HEADER_BYTES : _HEADER_BYTES + 1] != b"{" and data.startswith((b"\x80", b"PK\x03\x04")):
        raise CorpusError(
            "is a pickle or an archive, as .pt and .npz files are; exclaim opens none here, since they can run code; "
            "expected a file that `exclaim condense` wrote"
        )
    try:
        tensors = _safetensors().load(data)
        length = int.from_bytes(data[:_HEADER_BYTES], "little")
        metadata = json.loads(data[_HEADER_BYTES : _HEADER_BYTES + length]).get("__metadata__") or {}
    except CorpusError:
        raise
    except Exception as error:  # safetensors raises its own, and numpy's for a type that numpy has not
        raise CorpusError(
            f"is no safetensors file, or cut short ({error}); expected one that `exclaim condense` wrote"
        ) from error
    if CARD_KEY not in metadata:
        raise CorpusError(
            "is a safetensors file without a set's card, such as a network's weights; expected one that "
            "`exclaim condense` wrote"
        )
    card = parse_set_card(metadata[CARD_KEY])
    found = hashlib.sha256(data.replace(_mark(card.sha256), _mark(ZERO_SHA256), 1)).hexdigest()
    if found != card.sha256:
        raise CorpusError(
            f"is damaged: its SHA-256 without that field is {found[:12]}, its card says {card.sha256[:12]}; "
            "fetch it again"
        )
    return card, tensors


def _check(card: SetCard, tensors: dict[str, np.ndarray]) -> None:
    """Compare the tensors with what the card says of them."""
    told = "labels" if card.soft_labels == "hard" else "distributions"
    if set(tensors) != {"items", told}:
        raise CorpusError(f"holds the tensors {', '.join(sorted(tensors))}; expected items and {told}")
    items, labels = tensors["items"], tensors[told]
    if items.dtype != np.dtype(card.stored) or items.shape != (card.items, *card.view):
        raise CorpusError(
            f"has items of shape {items.shape} and type {items.dtype}; its card says {(card.items, *card.view)}, "
            f"{card.stored}"
        )
    if told == "labels":
        sound = labels.dtype == np.uint8 and labels.shape == (card.items,) and labels.max() < len(card.labels)
    else:
        sums = labels.astype(np.float32).sum(axis=1) if labels.ndim == 2 else np.zeros(1)
        sound = labels.shape == (card.items, len(card.labels)) and labels.min() >= 0 and np.allclose(sums, 1, atol=0.02)
    if not sound or not np.isfinite(items).all() or (items.dtype != np.uint8 and np.abs(items).max() > 1):
        raise CorpusError("has items or labels out of range; expected windows in [-1, 1] and a label for each")
