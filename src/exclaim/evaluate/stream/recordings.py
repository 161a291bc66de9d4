"""Recordings with their events: named one by one, or a folder of pairs NAME.wav (or .flac ...) and NAME.csv."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from exclaim.audio import probe
from exclaim.corpora.audio_files import find_audio
from exclaim.errors import CorpusError
from exclaim.evaluate.stream.events import Event, check_within, read_events

__all__ = ["Recording", "data_hash", "find_recordings", "read_checked_events"]


class Recording(NamedTuple):
    """A recording and the file of its events."""

    sound: Path
    events: Path


def find_recordings(streams: Sequence[Path], events: Sequence[Path]) -> tuple[Recording, ...]:
    """Pair recordings with their events.

    Args:
        streams: sound files, and folders of pairs.
        events: one CSV for each sound file among ``streams``, in their order; a folder brings its own.

    Raises:
        CorpusError: when their numbers differ, a file of a pair is missing, a folder holds no pair, or a recording is
            named twice.
    """
    files = [path for path in streams if not path.is_dir()]
    if len(files) != len(events):
        raise CorpusError(
            f"{len(files)} recordings and {len(events)} files of events; give --events CSV once for each "
            "--stream RECORDING, in the same order (a folder of pairs NAME.wav and NAME.csv needs none)"
        )
    named = iter(events)
    found = [r for path in streams for r in (_pairs(path) if path.is_dir() else [Recording(path, next(named))])]
    twice = [recording.sound for recording in found if [r.sound for r in found].count(recording.sound) > 1]
    if twice:
        raise CorpusError(f"{twice[0]} is named twice; name each recording once")
    if not found:
        raise CorpusError("no recording is named; expected --stream RECORDING --events CSV")
    return tuple(found)


def _pairs(folder: Path) -> list[Recording]:
    sounds = {path.stem: path for path in find_audio(folder, depth=0)}
    tables = {path.stem: path for path in sorted(folder.glob("*.csv"))}
    lonely = sorted(sounds.keys() ^ tables.keys())
    if lonely or not sounds:
        found = (
            f"{lonely[0]} has no {'events' if lonely[0] in sounds else 'recording'}" if lonely else "it has no sound"
        )
        raise CorpusError(f"folder {folder}: {found}; expected pairs NAME.wav (or .flac ...) and NAME.csv")
    return [Recording(sounds[stem], tables[stem]) for stem in sorted(sounds)]


def read_checked_events(recording: Recording) -> tuple[Event, ...]:
    """Read a recording's events and check them against its length, before anything is heard.

    Raises:
        CorpusError: see events.read_events and events.check_within.
        AudioError: when the recording cannot be read.
    """
    events = read_events(recording.events)
    check_within(events, probe(recording.sound).seconds, recording.events)
    return events


def data_hash(recordings: Sequence[Recording]) -> str:
    """Return the SHA-256 over the recordings' and events' bytes, in memory that does not grow with them."""
    whole = hashlib.sha256()
    for recording in recordings:
        for path in recording:
            with path.open("rb") as file:
                whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()
