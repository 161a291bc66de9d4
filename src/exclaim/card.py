"""A model file's card, which travels inside it: what it hears, how it was made, how far it can be trusted."""

import hashlib
import re
from functools import cache
from typing import Annotated, Any

import msgspec
import numpy as np

from exclaim import features
from exclaim.errors import ModelError

__all__ = [
    "CARD_KEY",
    "FRONT_END",
    "SCHEMA",
    "Card",
    "CorpusUse",
    "FrontEnd",
    "Head",
    "Metric",
    "Parent",
    "Thresholds",
    "dump_card",
    "front_end_hash",
    "parse_card",
]

SCHEMA = 1  # of the card
CARD_KEY = "exclaim.card"  # the card's key in the ONNX file's metadata
ZERO_SHA256 = "0" * 64

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
# a label may be of several words, as corpora have them: "Surprise (Positive)"
LabelName = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ()._-]*$")]
Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the card's parts: frozen, by keyword, unknown fields refused."""


class FrontEnd(_Part, kw_only=True):
    """The features that a model was trained on; ours is :data:`FRONT_END`."""

    sample_rate: int  # Hz
    n_fft: int  # samples; also the window's length
    hop_length: int  # samples
    window: str  # "hann", periodic
    padding: str  # "centre-zero": frame t is centred on sample t * hop_length
    mel_scale: str  # "slaney", for the scale and for the bands' area
    n_mels: int
    floor_db: float  # every frame is clipped here
    range_db: float  # a window's reference - range_db maps to -1, its reference to 1
    reference_db: float  # the least reference
    window_frames: int
    code_steps_per_db: int  # steps of the byte code


FRONT_END = FrontEnd(
    sample_rate=features.SAMPLE_RATE,
    n_fft=features.N_FFT,
    hop_length=features.HOP_LENGTH,
    window="hann",
    padding="centre-zero",
    mel_scale="slaney",
    n_mels=features.N_MELS,
    floor_db=features.FLOOR_DB,
    range_db=features.RANGE_DB,
    reference_db=features.REFERENCE_DB,
    window_frames=features.WINDOW_FRAMES,
    code_steps_per_db=features.CODE_STEPS_PER_DB,
)


@cache
def front_end_hash() -> str:
    """Return the SHA-256 of our front-end: its parameters, then its filterbank as little-endian float32."""
    return hashlib.sha256(
        msgspec.json.encode(FRONT_END) + np.ascontiguousarray(features.filterbank(), "<f4").tobytes()
    ).hexdigest()


class Thresholds(_Part, kw_only=True):
    """Where a detection begins and ends."""

    on: Probability  # opens at or above
    off: Probability  # closes below; not above ``on``


class Head(_Part, kw_only=True):
    """One output of the network and what it answers."""

    task: Name  # "scream-detection", "scream-type", "vocal-burst", "speech-emotion", ...
    output: Name  # the ONNX output that holds its logits, of shape (batch, labels)
    labels: tuple[LabelName, ...]  # in the order of the logits; for a detection ("other", what is detected)
    temperature: Annotated[float, msgspec.Meta(gt=0, le=100)] = 1.0  # probabilities = softmax(logits / temperature)
    thresholds: Thresholds | None = None  # present for a detection, and only there
    abstain_below: Probability = 0.0  # no label where the highest probability is lower; 0 for a detection

    @property
    def detects(self) -> bool:
        """Whether the head detects (on and off threshold) rather than tells kinds apart."""
        return self.thresholds is not None


class CorpusUse(_Part, kw_only=True):
    """A corpus that the model was trained on."""

    name: str
    licence: str  # SPDX identifier, or the name that its source gives


class Metric(_Part, kw_only=True):
    """A measured figure."""

    task: str
    name: str  # "uar", "auroc", ...
    value: float
    interval: tuple[float, float] | None = None  # 95 %, clustered by speaker
    data: str  # corpus and split
    protocol: str  # how it was measured, in a sentence


class Parent(_Part, kw_only=True):
    """A model that this one was distilled or tuned from."""

    name: str
    sha256: Sha256  # of its file


class Card(_Part, kw_only=True):
    """The card. ``sha256`` is the SHA-256 of the file with that field zeroed, and stays the last field."""

    schema: int = SCHEMA
    name: Name
    version: Name
    heads: tuple[Head, ...]
    front_end: FrontEnd = FRONT_END
    front_end_hash: Sha256 = msgspec.field(default_factory=front_end_hash)
    view: str = "identity"  # what the graph does to its input first, such as a resize
    level_floor_db: Annotated[
        float, msgspec.Meta(ge=-80, le=40)
    ] = -80.0  # a window whose maximum is lower is "nothing"
    validation_speakers_sha256: Sha256 | None = (
        None  # of the sorted speaker names, one a line, that thresholds were chosen on
    )
    corpora: tuple[CorpusUse, ...] = ()
    metrics: tuple[Metric, ...] = ()
    parents: tuple[Parent, ...] = ()
    notice: str = "Not a medical or safety device."
    created: str = ""  # UTC, ISO 8601
    sha256: Sha256 = ZERO_SHA256

    def head(self, task: str) -> Head:
        """Return the head of a task.

        Raises:
            ModelError: when there is none.
        """
        for head in self.heads:
            if head.task == task:
                return head
        raise ModelError(
            f"model {self.name} has no head {task!r}; it has {', '.join(head.task for head in self.heads)}"
        )


def dump_card(card: Card) -> str:
    """Return a card as JSON; it ends with ``"sha256":"..."}``."""
    return msgspec.json.encode(card).decode()


def parse_card(text: str) -> Card:
    """Read and check a card.

    Raises:
        ModelError: when it is not JSON, of an unknown schema, of another front-end, with fields that are not
            known, or with values that do not hold together. The message begins with what is wrong; the caller
            names the file.
    """
    try:
        raw = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ModelError(f"its card is not JSON ({error}); expected a file that `exclaim train` wrote") from error
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
        found = raw.get("schema") if isinstance(raw, dict) else type(raw).__name__
        raise ModelError(f"its card has schema {found!r}, expected {SCHEMA}; use the release of exclaim that wrote it")
    _check_front_end(raw)
    try:
        card = msgspec.convert(raw, Card)
    except msgspec.ValidationError as error:
        raise ModelError(f"its card is not understood: {error}; use the release of exclaim that wrote it") from error
    if not re.search(r'"sha256":"[0-9a-f]{64}"\}$', text):
        raise ModelError("its card does not end with the field sha256; expected a file sealed by exclaim")
    _check_heads(card)
    return card


def _check_front_end(raw: dict[str, Any]) -> None:
    theirs, ours = raw.get("front_end"), msgspec.to_builtins(FRONT_END)
    if not isinstance(theirs, dict):
        raise ModelError("its card says nothing of its front-end; expected exclaim's")
    keys = [key for key in {**ours, **theirs} if theirs.get(key) != ours.get(key)]
    if keys:
        differences = "; ".join(f"{key} is {theirs.get(key)!r}, expected {ours.get(key)!r}" for key in keys)
        raise ModelError(
            f"it was made for another front-end: {differences}; train it again with this release of exclaim"
        )
    if raw.get("front_end_hash") != front_end_hash():
        raise ModelError(
            f"it was made for another front-end: hash {raw.get('front_end_hash')!r}, expected "
            f"{front_end_hash()!r} "
            "(the filterbank differs); train it again with this release of exclaim"
        )


def _check_heads(card: Card) -> None:
    for field in ("task", "output"):
        names = [getattr(head, field) for head in card.heads]
        if not names or len(set(names)) < len(names):
            raise ModelError(f"its card's heads have {field}s {names}; expected at least one, each once")
    for head in card.heads:
        if len(head.labels) < 2 or len(set(head.labels)) < len(head.labels):
            raise ModelError(f"head {head.task} has labels {list(head.labels)}; expected at least two, each once")
        if head.thresholds is not None and (len(head.labels) != 2 or head.abstain_below):
            raise ModelError(
                f"head {head.task} has thresholds, labels {list(head.labels)} and abstains below "
                f"{head.abstain_below}; "
                'expected for a detection ("other", what is detected) and no abstention'
            )
        if head.thresholds is not None and head.thresholds.off > head.thresholds.on:
            raise ModelError(
                f"head {head.task} closes at {head.thresholds.off}, above its opening at "
                f"{head.thresholds.on}; "
                "expected off <= on"
            )
