"""Which speakers and recordings to judge on: a list of the user's own, or what a training run's split says."""

from pathlib import Path
from typing import Any

import msgspec

from exclaim.corpora.clip import Clip
from exclaim.corpora.manifest import Manifest
from exclaim.errors import CorpusError

__all__ = ["SPLIT_FILE", "other_recordings", "read_speakers", "select_speakers"]

SPLIT_FILE = "split.json"  # in a run folder: {part: {"speakers": [...], "ambience": [...]}}


def read_speakers(path: Path, part: str | None = None) -> frozenset[str]:
    """Read names of speakers.

    Args:
        path: text with a speaker on each line, or a run's ``split.json``.
        part: of the split: "train", "validation", "test"; None for a plain list.

    Returns:
        Names as the corpus has them, or as ``corpus:speaker``; recordings where the corpus knows no speakers.

    Raises:
        CorpusError: when it cannot be read, holds no such part, or no names.
    """
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(
            f"speakers {path} cannot be read: {error}; expected a speaker on each line, or a split.json"
        ) from error
    names = _names_in_split(path, text, part) if part is not None else [line.strip() for line in text.splitlines()]
    found = frozenset(name for name in names if name)
    if not found and part is not None:
        raise CorpusError(
            f"split {path} holds nobody out for {part!r}: the model may have learnt from everybody; judge it on "
            "another corpus, or hold speakers out in its recipe and train again"
        )
    if not found:
        raise CorpusError(f"speakers {path} names nobody; expected a speaker on each line, or a split.json")
    return found


def _names_in_split(path: Path, text: str, part: str) -> list[str]:
    split = _parse_split(path, text, part)
    listed = split[part]
    try:
        return msgspec.convert(listed["speakers"] if isinstance(listed, dict) else listed, list[str])
    except (KeyError, msgspec.ValidationError) as error:
        raise CorpusError(f"split {path}: part {part!r} lists no speakers ({error})") from error


def _parse_split(path: Path, text: str, part: str) -> dict[str, Any]:
    try:
        split = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise CorpusError(f"split {path}: {error}; expected the split.json of a run folder") from error
    if part not in split:
        raise CorpusError(f"split {path} has no part {part!r}; it has {', '.join(split)}")
    return split


def other_recordings(path: Path, part: str) -> frozenset[str]:
    """Return the keys (``corpus:recording``) of the ambience in every part of a split but one.

    Args:
        path: a run's ``split.json``.
        part: "test", or another that is judged on.

    Raises:
        CorpusError: when it cannot be read, has no such part, or does not list its ambience.
    """
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(
            f"split {path} cannot be read: {error}; it says which noise training heard: give a run's split.json by "
            "--speakers-file with --split, or take all recordings of a folder by --noise DIR"
        ) from error
    others = {name: listed for name, listed in _parse_split(path, text, part).items() if name != part}
    try:
        return frozenset(key for listed in others.values() for key in msgspec.convert(listed["ambience"], list[str]))
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise CorpusError(f"split {path} does not list the ambience of each part ({error}); train again") from error


def select_speakers(manifest: Manifest, speakers: frozenset[str]) -> Manifest:
    """Return the manifest of the clips that these speakers made.

    Raises:
        CorpusError: when there is none.
    """

    def theirs(clip: Clip) -> bool:
        return bool(speakers & {clip.speaker, clip.speaker_key, clip.recording_key})

    chosen = manifest.select(theirs)
    if not chosen.clips:
        raise CorpusError(
            f"none of {len(manifest)} clips of {manifest.corpus} is by one of the {len(speakers)} speakers named "
            f"(such as {min(speakers)!r}); the corpus has {', '.join(manifest.speakers[:3]) or 'no speakers'} ..."
        )
    return chosen
