"""What leaks from one part of a split into another: speakers, recordings, the same sound twice, and sentences."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from exclaim.corpora.clip import Clip
from exclaim.corpora.inspection import Finding
from exclaim.corpora.manifest import Manifest
from exclaim.errors import CorpusError

__all__ = ["Leak", "find_leaks", "require_no_leaks"]


class Leak(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is in several parts of a split."""

    kind: Literal["speaker", "recording", "sentence", "audio"]
    key: str  # corpus:speaker, corpus:recording, corpus:sentence, or the SHA-256 that the clips share
    parts: tuple[str, ...]
    paths: tuple[Path, ...]  # every clip that shares it, part after part


def find_leaks(
    parts: Mapping[str, Manifest], findings: Iterable[Finding] = (), *, sentences: bool = False
) -> tuple[Leak, ...]:
    """Return what several parts of a split share.

    Args:
        parts: the parts' names and clips.
        findings: of the clips; with them the same sound under two names is found. Without, a clip's own ``sha256`` is
            used where it is known.
        sentences: whether the protocol asks that no sentence be said in two parts.

    Returns:
        Speakers first, then recordings, sentences, and the same audio. A clip that is itself in two parts is a leak of
        audio.
    """
    sounds = {finding.path: finding.audio_sha256 or finding.sha256 for finding in findings}
    shared: dict[tuple[str, str], dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for part, manifest in parts.items():
        for clip in manifest:
            for kind, key in _identities(clip, sounds, sentences):
                shared[kind, key][part].append(clip.path)
    leaks = [
        Leak(kind=kind, key=key, parts=tuple(paths), paths=tuple(path for some in paths.values() for path in some))
        for (kind, key), paths in shared.items()
        if len(paths) > 1
    ]
    order = ("speaker", "recording", "sentence", "audio")
    return tuple(sorted(leaks, key=lambda leak: (order.index(leak.kind), leak.key)))


def _identities(clip: Clip, sounds: Mapping[Path, str | None], sentences: bool) -> Iterable[tuple[str, str]]:
    if clip.speaker_key is not None:
        yield "speaker", clip.speaker_key
    if clip.recording_key is not None:
        yield "recording", clip.recording_key
    if sentences and clip.sentence_key is not None:
        yield "sentence", clip.sentence_key
    yield "audio", sounds.get(clip.path) or clip.sha256 or str(clip.path)


def require_no_leaks(
    parts: Mapping[str, Manifest], findings: Iterable[Finding] = (), *, sentences: bool = False
) -> None:
    """Refuse a split that leaks.

    Raises:
        CorpusError: naming the first leak and how many there are.
    """
    if leaks := find_leaks(parts, findings, sentences=sentences):
        first = leaks[0]
        raise CorpusError(
            f"{first.kind} {first.key} is in {' and '.join(first.parts)} ({len(leaks)} leaks in all); "
            "what is tested must not have been trained on: split by speaker or by recording"
        )
