"""A condensed set's card, which travels inside its file: what it was condensed from, how, and what is known of it."""

import re
from typing import Annotated, Any, Literal

import msgspec

from exclaim.card import CorpusUse, Name, Parent, Sha256, front_end_hash
from exclaim.errors import CorpusError
from exclaim.features import N_MELS, WINDOW_FRAMES

__all__ = ["SCHEMA", "ZERO_SHA256", "SetCard", "dump_set_card", "parse_set_card"]

SCHEMA = 1  # of the card
ZERO_SHA256 = "0" * 64
Count = Annotated[int, msgspec.Meta(ge=1)]
_LABELS = Annotated[tuple[str, ...], msgspec.Meta(min_length=2, max_length=255)]


class SetCard(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The card. ``sha256`` is the SHA-256 of the file with that field zeroed, and stays the last field."""

    schema: int = SCHEMA
    name: Name
    version: Name = "1"
    task: str  # the head that the set teaches
    labels: _LABELS  # of the head, in the order of its outputs
    items: Count
    view: tuple[Count, Count]  # cells (bands, frames) of an item; a whole window has 128 x 188
    stored: Literal["uint8", "float16"]
    method: str  # such as "distribution-matching"
    recipe: Sha256  # of the condense recipe's content
    options: dict[str, Any] = {}  # of the method, as the recipe says them
    sources: tuple[CorpusUse, ...]  # the corpora that were condensed, with their licences
    # corpora whose clips were condensed in the sources' place, as the teacher heard them; none: the sources' own were
    public: tuple[CorpusUse, ...] = ()
    licence: str  # under which the set may be passed on: its sources' and its public corpora's
    source_items: Count  # training clips that were condensed
    source_bytes: Count  # of their features as bytes, 128 a frame
    split: dict[str, Any]  # by which the sources were split; only its training speakers were condensed
    networks: tuple[str, ...] = ()  # that the set was condensed with; none for a subset
    initialisation: str = "random"  # of those networks: "random", or "fixed", from a seed
    seed: int = 0
    start: Literal["noise", "real"]  # where the items began; a subset's items are real clips
    soft_labels: Literal["hard", "teacher", "learned"] = "hard"
    # whose answers the labels are, whose embedding clips were chosen or grouped by, or whom items had to agree with
    teacher: Parent | None = None
    temperature: Annotated[float, msgspec.Meta(gt=0)] = 1.0  # that divided the teacher's logits
    augment: dict[str, Any] = {}  # how items and clips were changed while items were learnt
    learning_rate: Annotated[float, msgspec.Meta(gt=0)] | None = None  # that was learnt with the set
    front_end_hash: Sha256 = msgspec.field(default_factory=front_end_hash)
    warnings: tuple[str, ...] = ()  # what who uses or passes on the set must know
    privacy: dict[str, Any] = {}  # what attacks on the set reached; empty: nobody has attacked it yet
    seconds: float = 0.0  # that condensing took, without the teacher and the experts
    device: str = ""  # where it ran
    created: str = ""  # UTC, ISO 8601
    sha256: Sha256 = ZERO_SHA256

    @property
    def whole(self) -> bool:
        """Whether items are whole windows, at full resolution."""
        return self.view == (N_MELS, WINDOW_FRAMES)


def dump_set_card(card: SetCard) -> str:
    """Return a card as JSON; it ends with ``"sha256":"..."}``."""
    return msgspec.json.encode(card).decode()


def parse_set_card(text: str) -> SetCard:
    """Read and check a card.

    Raises:
        CorpusError: when it is not JSON, of an unknown schema, of another front-end, with fields that are not known, or
            with values that do not hold together. The message begins with what is wrong; the caller names the file.
    """
    try:
        raw = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise CorpusError(f"its card is not JSON ({error}); expected a file that `exclaim condense` wrote") from error
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
        found = raw.get("schema") if isinstance(raw, dict) else type(raw).__name__
        raise CorpusError(f"its card has schema {found!r}, expected {SCHEMA}; use the release of exclaim that wrote it")
    try:
        card = msgspec.convert(raw, SetCard)
    except msgspec.ValidationError as error:
        raise CorpusError(f"its card is not understood: {error}; use the release of exclaim that wrote it") from error
    if card.front_end_hash != front_end_hash():
        raise CorpusError(
            f"it was made for another front-end: hash {card.front_end_hash[:12]}, expected {front_end_hash()[:12]}; "
            "condense it again with this release of exclaim"
        )
    if not re.search(r'"sha256":"[0-9a-f]{64}"\}$', text):
        raise CorpusError("its card does not end with the field sha256; expected a file sealed by exclaim")
    if len(set(card.labels)) < len(card.labels):
        raise CorpusError(f"its card has labels {list(card.labels)}; expected each once")
    return card
