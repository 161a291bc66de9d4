"""A corpus looked at as a whole: is it there, is it complete, is it sound, and does its split leak."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from exclaim.corpora.clip import Clip
from exclaim.corpora.info import CorpusInfo
from exclaim.corpora.inspection import BROKEN, Finding, inspect_clips
from exclaim.corpora.labels import Counterparts, counterparts
from exclaim.corpora.leaks import Leak, find_leaks
from exclaim.corpora.manifest import UNREADABLE_LIMIT, Manifest
from exclaim.corpora.pointers import pointer_advice

__all__ = ["CorpusCheck", "Duplicate", "PartCount", "check_manifest", "part_counts", "split_to_check"]


class PartCount(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a corpus, or of a part that it is released in, is here."""

    name: str
    clips: int
    speakers: int
    official_clips: int | None
    official_speakers: int | None


class Duplicate(msgspec.Struct, frozen=True, kw_only=True):
    """Clips that hold the same sound, sample by sample."""

    paths: tuple[Path, ...]
    same_bytes: bool  # the files are the same too
    speakers: tuple[str, ...]  # whom they are said to be by
    labels: tuple[str, ...]  # what they are said to be; two of them contradict each other


class CorpusCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of one corpus."""

    corpus: str
    licence: str
    may_ship: bool
    root: Path | None  # the deepest folder that holds all of its clips
    counts: tuple[PartCount, ...]  # the whole first, then the parts of the release that are here
    seconds: float  # of all clips that can be read
    labels: dict[str, int]
    tasks: dict[str, Counterparts]  # what each task that has labels for it calls its clips
    states: dict[str, int]  # how many clips are "ok", "silent", "unreadable", ...
    problems: tuple[Finding, ...]  # every clip that is not ok
    duplicates: tuple[Duplicate, ...]
    split: str  # which split was looked at for leaks; empty: none
    leaks: tuple[Leak, ...]
    excluded: dict[str, int]  # reason to number of files
    notes: tuple[str, ...]
    errors: tuple[str, ...]  # why the corpus should not be used as it is; empty when it may


def check_manifest(
    info: CorpusInfo,
    manifest: Manifest,
    *,
    workers: int = 2,
    progress: Callable[[], None] = lambda: None,
) -> CorpusCheck:
    """Read every clip of a corpus and say what is wrong with it.

    Args:
        info: what is known of the corpus.
        manifest: of its clips.
        workers: threads that decode.
        progress: called after each clip.

    Broken files, leaks and Git-LFS pointers are errors. Silent clips, duplicates within one part and files that were
    left out are told and are not.
    """
    findings = inspect_clips(manifest, workers=workers, progress=progress)
    split, parts = split_to_check(manifest)
    leaks = find_leaks(parts, findings)
    counts = part_counts(info, manifest)
    return CorpusCheck(
        corpus=info.name,
        licence=info.licence,
        may_ship=info.may_ship,
        root=_common_folder(manifest),
        counts=counts,
        seconds=round(sum(finding.seconds or 0.0 for finding in findings), 1),
        labels=manifest.labels,
        tasks=counterparts(manifest),
        states=dict(Counter(finding.state for finding in findings).most_common()),
        problems=tuple(finding for finding in findings if finding.state != "ok"),
        duplicates=_duplicates(manifest, findings),
        split=split,
        leaks=leaks,
        excluded=manifest.summary_of_excluded(),
        notes=(*manifest.notes, *_surplus(counts)),
        errors=(*_broken(info.name, findings), *_leaking(leaks, split)),
    )


def part_counts(info: CorpusInfo, manifest: Manifest) -> tuple[PartCount, ...]:
    """Return how many clips and speakers are here beside the official release's: the whole, then each part here."""
    speakers = defaultdict(set)
    clips = Counter(clip.extra.get("part") for clip in manifest)
    for clip in manifest:
        speakers[clip.extra.get("part")].add(clip.speaker)
    whole = PartCount(
        name=info.name,
        clips=len(manifest),
        speakers=len(manifest.speakers),
        official_clips=info.clips,
        official_speakers=info.speakers,
    )
    parts = (
        PartCount(
            name=part.name,
            clips=clips[part.name],
            speakers=len(speakers[part.name]),
            official_clips=part.clips,
            official_speakers=part.speakers,
        )
        for part in info.parts
        if clips[part.name]
    )
    return (whole, *parts)


def split_to_check(manifest: Manifest) -> tuple[str, dict[str, Manifest]]:
    """Return the split that is looked at for leaks and what it is called.

    It is the corpus's own where there is one: a column ``split`` of a CSV, or folds. Else each speaker, or each
    recording, is a part of its own: what is shared between two of these leaks in every split by speaker or recording.
    """
    ways: tuple[tuple[str, Callable[[Clip], object]], ...] = (
        ("column split", lambda clip: clip.extra.get("split")),
        ("folds", lambda clip: clip.fold),
        ("each speaker apart", lambda clip: clip.speaker_key)
        if manifest.speakers
        else ("each recording apart", lambda clip: clip.recording_key),
    )
    for name, part_of in ways:
        parts = defaultdict(list)
        for clip in manifest:
            parts[part_of(clip)].append(clip)
        parts.pop(None, None)
        if len(parts) > 1:
            return name, {
                str(part): msgspec.structs.replace(manifest, clips=tuple(clips)) for part, clips in parts.items()
            }
    return "", {}


def _common_folder(manifest: Manifest) -> Path | None:
    folders = [clip.path.parent for clip in manifest]
    if not folders:
        return None
    shallow = min(folders, key=lambda folder: len(folder.parts))
    return next(up for up in (shallow, *shallow.parents) if all(folder.is_relative_to(up) for folder in folders))


def _duplicates(manifest: Manifest, findings: Sequence[Finding]) -> tuple[Duplicate, ...]:
    groups = defaultdict(list)
    for clip, finding in zip(manifest, findings, strict=True):
        if finding.audio_sha256 is not None:
            groups[finding.audio_sha256].append((clip, finding.sha256))
    return tuple(
        Duplicate(
            paths=tuple(clip.path for clip, _ in group),
            same_bytes=len({digest for _, digest in group}) == 1,
            speakers=tuple(sorted({clip.speaker for clip, _ in group if clip.speaker is not None})),
            labels=tuple(sorted({clip.label for clip, _ in group if clip.label is not None})),
        )
        for group in groups.values()
        if len(group) > 1
    )


def _surplus(counts: Sequence[PartCount]) -> tuple[str, ...]:
    return tuple(
        f"{count.name} has {count.clips} clips, more than the official {count.official_clips}"
        for count in counts
        if count.official_clips is not None and count.clips > count.official_clips
    )


def _broken(corpus: str, findings: Sequence[Finding]) -> tuple[str, ...]:
    broken = [finding for finding in findings if finding.state in BROKEN]
    if not broken:
        return ()
    states = Counter(finding.state for finding in broken)
    listed = ", ".join(f"{count} {state}" for state, count in states.most_common())
    grave = (
        ": more than 5 %, too many to train or measure with" if len(broken) > UNREADABLE_LIMIT * len(findings) else ""
    )
    sentences = [f"{len(broken)} of {len(findings)} clips are broken ({listed}){grave}"]
    if states["git-lfs-pointer"]:
        sentences.append(pointer_advice(corpus, states["git-lfs-pointer"], len(findings)))
    return tuple(sentences)


def _leaking(leaks: Sequence[Leak], split: str) -> tuple[str, ...]:
    kinds = Counter(leak.kind for leak in leaks)
    return tuple(f"{count} leaks of {kind} between the parts of the split ({split})" for kind, count in kinds.items())
