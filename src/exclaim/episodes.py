"""Window results to episodes: pure, by frame numbers, the same for the same windows however they arrive.

A window at the detection's on threshold begins a row; a row goes on with windows at the off threshold, and at
``min_windows`` opens an episode, which closes when no window reached the off threshold for ``refractory_frames``. Its
type is pooled over its windows. Three rules for what is not plainly heard:

- A window below the level floor of the model's card holds nothing: it counts as heard and quiet.
- An invalid window (frames were dropped) says nothing: it neither opens nor extends an episode, nor breaks a row. Time
  goes on all the same: where nothing could be heard for 3 s, a row ends, and after the refractory time an episode.
- A row that the stream's end cuts short opens: a burst at the end of a recording lies in too few windows.

These are the episodes of one detection; :mod:`exclaim.lines` has those of several.
"""

import hashlib
from datetime import timedelta
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec.structs import replace

from exclaim.card import Head
from exclaim.features import FRAME_SECONDS, WINDOW_FRAMES
from exclaim.model import predict_head
from exclaim.windows import STEP_FRAMES
from exclaim.wire import Detection, Episode, ModelReference, StreamInfo, TypeEstimate

__all__ = [
    "ONSET_FRAMES",
    "EpisodeOptions",
    "EpisodeRules",
    "EpisodeState",
    "Sound",
    "WindowResult",
    "advance",
    "close",
    "episode_id",
]

# A window is trained to be positive with at least 25 frames (0.4 s) of a burst in it. So where the window that ends at
# e is the first positive one, the burst began by e - 25, and after e - 31 - 25; the onset is put in the middle.
ONSET_FRAMES = 25 + (STEP_FRAMES - 1) // 2


class EpisodeOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How windows become episodes."""

    # Windows in a row that open. A scream of half a second lies in six windows of 3 s, so two cost half a second and no
    # recall, and a false alarm has to happen twice.
    min_windows: Annotated[int, msgspec.Meta(ge=1, le=20)] = 2
    # Frames without a window at the off threshold that close: 2 s. What comes sooner belongs to the same episode.
    refractory_frames: Annotated[int, msgspec.Meta(ge=0, le=37_500)] = 4 * STEP_FRAMES
    # A revision is sent when the highest probability rose by this much since the last one.
    probability_step: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.1
    # The type's label changes when the pooled probability is this much beyond the border.
    type_margin: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.05
    # Windows after which an episode closes though its sound goes on, which the next one takes up; None: never.
    max_windows: Annotated[int, msgspec.Meta(ge=20)] | None = None


class EpisodeRules(msgspec.Struct, frozen=True, kw_only=True):
    """What turns window results into the episodes of one detection: heads of verified models, and options."""

    detection: Head
    type: Head | None = None
    models: tuple[ModelReference, ...] = ()
    options: EpisodeOptions = EpisodeOptions()


class WindowResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the models say of one window as to one detection."""

    end_frame: int  # number of the window's last frame
    level_db: float  # the window's maximum
    valid: bool = True  # False: it says nothing, since dropped frames touch it or it is another detection's
    detection: float | None = None  # probability; None where invalid or below the level floor
    type_logits: tuple[float, ...] | None = None  # None where the type was not asked for


class Sound(msgspec.Struct, frozen=True, kw_only=True):
    """A sound under way: a row of windows that may open an episode, or the episode."""

    onset_frame: int
    last_frame: int  # the last window that belongs to it ends here
    windows: int  # that belong to it
    probability: float  # highest over its windows
    level_db: float  # highest over its windows
    type_sum: tuple[float, ...] = ()  # of its windows' type logits
    type_windows: int = 0
    revision: int = 0  # 0: not open yet
    reported_probability: float = 0.0  # in the last revision
    label: str | None = None  # of the type, in the last revision


class EpisodeState(msgspec.Struct, frozen=True, kw_only=True):
    """What episodes carry from one window to the next; as MessagePack or JSON it survives a restart."""

    last_end: int = -1  # the last window that was seen ends here; what is not later is passed over
    closed_frame: int = -1  # last frame of the last episode that closed
    sound: Sound | None = None

    @property
    def open(self) -> bool:
        """Whether an episode is open."""
        return self.sound is not None and self.sound.revision > 0


def advance(
    state: EpisodeState, result: WindowResult, rules: EpisodeRules, info: StreamInfo
) -> tuple[EpisodeState, tuple[Episode, ...]]:
    """Take the next window of a stream.

    Args:
        state: ``EpisodeState()`` at a stream's start, or what the previous call returned.
        result: of a window that ends later than those before; one that does not was seen, and changes nothing.
        rules: the same for a whole stream.
        info: the stream.

    Returns:
        The next state and the revisions that matter: opened, type changed, probability rose by a step, closed.
    """
    if result.end_frame <= state.last_end:
        return state, ()
    state = replace(state, last_end=result.end_frame)
    revisions: list[Episode] = []
    if state.sound is not None and (_over(state.sound, result, rules) or _full(state.sound, rules)):
        state, revisions = _closed(state, state.sound, rules, info)
    if _belongs(state.sound, result, rules):
        sound = _extended(state, result)
        if sound.revision == 0 and sound.windows >= rules.options.min_windows:
            sound = _opened(sound, rules)
            revisions.append(_episode(sound, "open", rules, info))
        elif sound.revision > 0 and (changed := _changed(sound, rules)) is not None:
            sound = changed
            revisions.append(_episode(sound, "open", rules, info))
        state = replace(state, sound=sound)
    return state, tuple(revisions)


def close(state: EpisodeState, rules: EpisodeRules, info: StreamInfo) -> tuple[EpisodeState, tuple[Episode, ...]]:
    """End what is under way, because the stream ended or fell silent; the stream may go on afterwards."""
    if state.sound is None:
        return state, ()
    sound, opened = state.sound, []
    if sound.revision == 0:
        sound = _opened(sound, rules)
        opened = [_episode(sound, "open", rules, info)]
    state, closed = _closed(state, sound, rules, info)
    return state, (*opened, *closed)


def episode_id(device: str, stream: str, task: str, onset_frame: int) -> str:
    """Return an episode's id, the same wherever and however often it is found: 32 hexadecimal digits of SHA-256."""
    return hashlib.sha256(msgspec.json.encode([device, stream, task, onset_frame])).hexdigest()[:32]


def _belongs(sound: Sound | None, result: WindowResult, rules: EpisodeRules) -> bool:
    """Whether a window begins a row, or goes on with a row or an episode."""
    if not result.valid or result.detection is None:
        return False
    thresholds = rules.detection.thresholds
    return result.detection >= (thresholds.on if sound is None else thresholds.off)


def _over(sound: Sound, result: WindowResult, rules: EpisodeRules) -> bool:
    """Whether a sound ended before a window: heard to be quiet for long enough, or not to be heard for 3 s more."""
    since = result.end_frame - sound.last_frame
    patience = rules.options.refractory_frames if sound.revision > 0 else 0
    if not result.valid or _belongs(sound, result, rules):
        return since > patience + WINDOW_FRAMES
    return since >= patience


def _full(sound: Sound, rules: EpisodeRules) -> bool:
    """Whether an episode has as many windows as one may have."""
    return rules.options.max_windows is not None and sound.windows >= rules.options.max_windows


def _extended(state: EpisodeState, result: WindowResult) -> Sound:
    sound = state.sound
    if sound is None:
        onset = max(0, state.closed_frame + 1, result.end_frame - ONSET_FRAMES)
        sound = Sound(
            onset_frame=onset, last_frame=result.end_frame, windows=0, probability=0.0, level_db=result.level_db
        )
    logits = result.type_logits
    total = sound.type_sum
    if logits is not None:
        total = tuple(a + b for a, b in zip(total or (0.0,) * len(logits), logits, strict=True))
    return replace(
        sound,
        last_frame=result.end_frame,
        windows=sound.windows + 1,
        probability=max(sound.probability, result.detection),
        level_db=max(sound.level_db, result.level_db),
        type_sum=total,
        type_windows=sound.type_windows + (logits is not None),
    )


def _opened(sound: Sound, rules: EpisodeRules) -> Sound:
    _, label = _pooled(sound, rules)
    return replace(sound, revision=1, reported_probability=sound.probability, label=label)


def _changed(sound: Sound, rules: EpisodeRules) -> Sound | None:
    """Return an open sound with its next revision, or None where nothing that matters changed."""
    label = _steady_label(sound, rules)
    rose = sound.probability >= sound.reported_probability + rules.options.probability_step
    if label == sound.label and not rose:
        return None
    return replace(sound, revision=sound.revision + 1, reported_probability=sound.probability, label=label)


def _closed(
    state: EpisodeState, sound: Sound, rules: EpisodeRules, info: StreamInfo
) -> tuple[EpisodeState, list[Episode]]:
    """Close an episode with the label that all its windows give; a row that never opened is forgotten."""
    if sound.revision == 0:
        return replace(state, sound=None), []
    _, label = _pooled(sound, rules)
    sound = replace(sound, revision=sound.revision + 1, label=label)
    state = replace(state, sound=None, closed_frame=sound.last_frame)
    return state, [_episode(sound, "closed", rules, info)]


def _pooled(sound: Sound, rules: EpisodeRules) -> tuple[np.ndarray, str | None]:
    """Return the type's probabilities and label of the mean of the windows' logits; nothing where none was asked."""
    if rules.type is None or sound.type_windows == 0:
        return np.empty(0), None
    mean = np.array([sound.type_sum]) / sound.type_windows
    probabilities, labels, _ = predict_head(rules.type, mean)
    return probabilities[0], labels[0]


def _steady_label(sound: Sound, rules: EpisodeRules) -> str | None:
    """Return the pooled label, or the last one where the lead is too small for a change."""
    probabilities, label = _pooled(sound, rules)
    if label == sound.label or len(probabilities) == 0:
        return sound.label
    margin = rules.options.type_margin
    best = float(probabilities.max())
    if label is None:
        changes = best < rules.type.abstain_below - margin
    elif sound.label is None:
        changes = best >= min(1.0, rules.type.abstain_below + margin)
    else:
        changes = best - float(probabilities[rules.type.labels.index(sound.label)]) >= margin
    return label if changes else sound.label


def _episode(sound: Sound, state: Literal["open", "closed"], rules: EpisodeRules, info: StreamInfo) -> Episode:
    task = rules.detection.task
    return Episode(
        episode=episode_id(info.device, info.stream, task, sound.onset_frame),
        revision=sound.revision,
        state=state,
        info=info,
        onset_frame=sound.onset_frame,
        last_frame=sound.last_frame,
        onset=info.started + timedelta(seconds=sound.onset_frame * FRAME_SECONDS),
        detection=Detection(task=task, probability=sound.probability, threshold=rules.detection.thresholds.on),
        type=_type_estimate(sound, rules),
        level_db=sound.level_db,
        models=rules.models,
    )


def _type_estimate(sound: Sound, rules: EpisodeRules) -> TypeEstimate | None:
    if rules.type is None:
        return None
    probabilities, _ = _pooled(sound, rules)
    return TypeEstimate(
        task=rules.type.task,
        label=sound.label,
        probabilities=dict(zip(rules.type.labels, np.round(probabilities, 4).tolist(), strict=False)),
        windows=sound.type_windows,
    )
