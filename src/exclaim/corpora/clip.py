"""A clip: one recorded sound of a corpus and what is known of it."""

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

__all__ = ["Clip", "decode_path", "encode_path"]

Sex = Literal["female", "male"]
Kind = Literal["audio", "relative-log-mel"]


class Clip(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One clip. What a corpus does not say is None."""

    path: Path  # absolute, or relative to the manifest's file until that is read
    corpus: str  # name in the registry, "folder" or "csv" for the user's own
    kind: Kind = "audio"  # relative-log-mel: an image of dB below the clip's own maximum, no waveform
    label: str | None = None  # as the corpus names it; ``labels.map_label`` says what a task calls it
    speaker: str | None = None  # as the corpus names them; unique within the corpus
    sex: Sex | None = None
    age: Annotated[float, msgspec.Meta(ge=0, le=130)] | None = None  # years
    seconds: Annotated[float, msgspec.Meta(ge=0)] | None = None  # None until probed
    sha256: str | None = None  # of the file's bytes, hexadecimal; None until hashed
    licence: str | None = None  # SPDX identifier where there is one
    recording: str | None = None  # clips cut from one recording share this; unique within the corpus
    fold: int | None = None  # of the corpus's own cross-validation
    extra: dict[str, str | float] = {}  # what else the corpus says

    @property
    def speaker_key(self) -> str | None:
        """The speaker, unique over all corpora: ``corpus:speaker``."""
        return None if self.speaker is None else f"{self.corpus}:{self.speaker}"

    @property
    def recording_key(self) -> str | None:
        """The recording, unique over all corpora: ``corpus:recording``."""
        return None if self.recording is None else f"{self.corpus}:{self.recording}"

    @property
    def sentence_key(self) -> str | None:
        """The sentence that is said, unique over all corpora: ``corpus:sentence``; None where the corpus tells none."""
        sentence = self.extra.get("sentence")
        return None if sentence is None else f"{self.corpus}:{sentence}"


def encode_path(value: Any) -> str:
    """Write a path as text, for msgspec."""
    if isinstance(value, Path):
        return value.as_posix()
    raise TypeError(f"{type(value).__name__} cannot be written in a manifest")


def decode_path(expected: type, value: Any) -> Any:
    """Read a path from text, for msgspec."""
    if expected is Path and isinstance(value, str):
        return Path(value)
    raise TypeError(f"expected {expected.__name__}, found {type(value).__name__}")
