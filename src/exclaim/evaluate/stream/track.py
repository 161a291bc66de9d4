"""What a detector says of a whole recording: one probability for each window, heard once, through `listen`'s own path.

From it the alarms at any threshold follow without hearing the recording again.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from exclaim.card import Head, Thresholds
from exclaim.config import GateOptions
from exclaim.episodes import (
    ONSET_FRAMES,
    EpisodeOptions,
    EpisodeRules,
    EpisodeState,
    WindowResult,
    advance,
    close,
)
from exclaim.evaluate.stream.matching import Span
from exclaim.features import FRAME_SECONDS, HOP_LENGTH, N_FFT, SAMPLE_RATE, WINDOW_FRAMES
from exclaim.listen import Analysis, listen_file
from exclaim.windows import STEP_FRAMES
from exclaim.wire import Episode, StreamInfo

__all__ = ["Alarm", "Track", "alarms", "hear", "known_at"]

# An episode wants to know its stream; of an evaluation nothing depends on it.
_STREAM = StreamInfo(stream="evaluation", device="evaluation", started=datetime(1970, 1, 1, tzinfo=UTC), origin="file")


class Track(NamedTuple):
    """A recording as the detector heard it."""

    seconds: float  # length of the recording
    probabilities: np.ndarray  # (windows,) float64; window k ends at frame 31 (k + 1); NaN: below the level floor
    types: np.ndarray | None = None  # (windows, labels) float64, logits of the type; NaN where it was not asked for


class Alarm(NamedTuple):
    """An episode as an operator meets it. Times are seconds of the stream."""

    known: float  # when a device could have known: the end of the window that opened it
    last: float  # the end of its last window
    heard: Span  # when the sound itself began and ended, as far as windows tell
    label: str | None = None  # of its type when it closed; None: unsure, or no type was asked for

    @property
    def open(self) -> Span:
        """From when to when the alarm stood."""
        return Span(self.known, max(self.known, self.last))


def hear(
    path: Path,
    analysis: Analysis,
    gate_options: GateOptions | None = None,
    progress: Callable[[float], None] = lambda seconds: None,
) -> Track:
    """Hear a recording as ``exclaim listen`` does, in memory of some eight bytes for each 0.496 s.

    Args:
        path: of any format that libsndfile decodes.
        analysis: with the model, of which one head detects, and perhaps one that tells the type of what is detected.
        gate_options: None: as a device gates by default.
        progress: called with the seconds heard so far.

    Raises:
        AudioError: when it cannot be read.
        ModelError: when several heads detect.
    """
    rules, seconds = analysis.rules, 0.0
    labels = 0 if rules.type is None else len(rules.type.labels)
    unknown = (np.nan,) * labels
    pieces, types = [], []
    for step in listen_file(path, analysis, gate_options):
        seconds = step.seconds
        answers = [result.answers.get(rules.detection.task) for result in step.results]
        pieces.append(np.array([np.nan if answer is None else answer.detection for answer in answers], float))
        said = [unknown if answer is None else answer.type_logits or unknown for answer in answers]
        types.append(np.array(said, float).reshape(len(said), labels))
        progress(seconds)
    return Track(seconds, np.concatenate(pieces), np.concatenate(types) if labels else None)


def known_at(end_frame: int, seconds: float) -> float:
    """Return when a window's answer can be there at the earliest: at the last sample that its last frame needs.

    Args:
        end_frame: number of the window's last frame, centred on sample ``256 end_frame``.
        seconds: length of the recording; its end is heard at its end.
    """
    return min(seconds, (end_frame * HOP_LENGTH + N_FFT // 2) / SAMPLE_RATE)


def alarms(
    track: Track, head: Head, thresholds: Thresholds, options: EpisodeOptions, type_head: Head | None = None
) -> tuple[Alarm, ...]:
    """Return the alarms that a recording gives, by :mod:`exclaim.episodes`.

    Args:
        track: the windows' probabilities.
        head: that detects.
        thresholds: in place of its own.
        options: how windows become episodes.
        type_head: that told the track's types, at thresholds no lower than those it was heard with.
    """
    detection = msgspec.structs.replace(head, thresholds=thresholds)
    rules = EpisodeRules(detection=detection, type=type_head, options=options)
    begins = np.flatnonzero(track.probabilities >= thresholds.on)  # NaN never is
    found: list[Alarm] = []
    state, opened, k = EpisodeState(), 0.0, 0
    while k < len(track.probabilities):
        if state.sound is None:  # until a window reaches the threshold nothing happens: pass over what lies between
            next_begin = np.searchsorted(begins, k)
            if next_begin == len(begins):
                break
            k = int(begins[next_begin])
        result = _result(track, k)
        state, revisions = advance(state, result, rules, _STREAM)
        for revision in revisions:
            if revision.state == "closed":
                found.append(_alarm(revision, opened, track.seconds))
            elif revision.revision == 1:
                opened = known_at(result.end_frame, track.seconds)
        k += 1
    _, revisions = close(state, rules, _STREAM)
    if revisions:
        opened = track.seconds if len(revisions) == 2 else opened  # a row that the end cut short opens there
        found.append(_alarm(revisions[-1], opened, track.seconds))
    return tuple(found)


def _result(track: Track, k: int) -> WindowResult:
    probability = float(track.probabilities[k])
    logits = None if track.types is None or np.isnan(track.types[k]).any() else tuple(track.types[k].tolist())
    return WindowResult(
        end_frame=STEP_FRAMES * (k + 1),
        level_db=0.0,
        detection=None if np.isnan(probability) else probability,
        type_logits=logits,
    )


def _alarm(episode: Episode, opened: float, seconds: float) -> Alarm:
    """Return the alarm of a closed episode.

    Its last window is the last that holds enough of the sound, as its first was the first; so the sound's end lies as
    far behind that window's begin as its onset lay before the first window's end.
    """
    onset = episode.onset_frame * FRAME_SECONDS
    offset = (episode.last_frame - (WINDOW_FRAMES - ONSET_FRAMES)) * FRAME_SECONDS
    heard = Span(onset, max(min(seconds, offset), onset + FRAME_SECONDS))
    label = None if episode.type is None else episode.type.label
    return Alarm(opened, known_at(episode.last_frame, seconds), heard, label)
