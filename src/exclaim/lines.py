"""Several detections in one stream: each is a line of its own, from the heads of models to episodes. Pure.

A line is a detection and at most one attribute of what is detected: ``scream-detection`` with ``scream-type`` (the
burst model), ``speech-detection`` with ``speech-emotion`` (the speech model). Lines know nothing of each other, but for
one thing: speech yields to bursts. A window in which a burst reaches its on threshold is the burst model's: it says
nothing of speech, as if its frames had been dropped. Whatever the speech model says takes nothing from a burst.
"""

import logging
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from exclaim.card import Card, Head
from exclaim.episodes import EpisodeOptions, EpisodeRules, EpisodeState, WindowResult, advance, close
from exclaim.errors import ModelError, StoreError
from exclaim.model import Model
from exclaim.wire import Episode, ModelReference, StreamInfo

__all__ = [
    "SPEECH",
    "SPEECH_OPTIONS",
    "Answer",
    "Line",
    "StreamState",
    "WindowAnswers",
    "advance_lines",
    "close_lines",
    "lines_of",
    "read_state",
]

_log = logging.getLogger(__name__)

SPEECH = "speech-detection"  # the detection that yields to all others

# People talk for hours, and one emotion for an hour says nothing: after 60 windows, 30 s, the next episode takes over.
SPEECH_OPTIONS = EpisodeOptions(max_windows=60)

_ATTRIBUTES = ("type", "emotion")  # of what "X-detection" detects: "X-type" or "X-emotion"
_UNNAMED = ""  # the only line of a state that was stored when a stream had one


class Line(NamedTuple):
    """A detection, its attribute, and the models that answer."""

    rules: EpisodeRules
    detector: Model
    typer: Model | None

    @property
    def task(self) -> str:
        """The detection's task, which names the line."""
        return self.rules.detection.task

    @property
    def yields(self) -> bool:
        """Whether windows in which a burst is detected say nothing of this line."""
        return self.task == SPEECH


def lines_of(models: Sequence[Model], options: EpisodeOptions | None = None) -> tuple[Line, ...]:
    """Return the lines that models make, those that yield last.

    Args:
        models: different ones; a head that neither detects nor tells of what is detected is left unused.
        options: of every line; None: the defaults, for speech :data:`SPEECH_OPTIONS`.

    Raises:
        ModelError: when no head detects, or two heads answer the same.
    """
    heads = [(model, head) for model in models for head in model.card.heads]
    detectors = [(model, head) for model, head in heads if head.detects]
    if not detectors:
        names = ", ".join(_tasks(model.card) for model in models) or "none"
        raise ModelError(f"the models given ({names}) have no head that detects; expected at least one")
    for task in {head.task for _, head in detectors}:
        _only([pair for pair in detectors if pair[1].task == task], task)
    lines = [_line(model, head, heads, options) for model, head in detectors]
    return tuple(sorted(lines, key=lambda line: line.yields))


def _line(detector: Model, detection: Head, heads: list[tuple[Model, Head]], options: EpisodeOptions | None) -> Line:
    wanted = [f"{detection.task.removesuffix('-detection')}-{attribute}" for attribute in _ATTRIBUTES]
    kinds = [(model, head) for model, head in heads if head.task in wanted and not head.detects]
    typer, kind = _only(kinds, " or ".join(wanted)) if kinds else (None, None)
    rules = EpisodeRules(
        detection=detection,
        type=kind,
        models=tuple(
            ModelReference(task=head.task, version=model.card.version, sha256=model.sha256)
            for model, head in ((detector, detection), (typer, kind))
            if model is not None and head is not None
        ),
        options=options or (SPEECH_OPTIONS if detection.task == SPEECH else EpisodeOptions()),
    )
    return Line(rules, detector, typer)


def _only(found: list[tuple[Model, Head]], task: str) -> tuple[Model, Head]:
    if len(found) > 1:
        names = ", ".join(_tasks(model.card) for model, _ in found)
        raise ModelError(f"the models given ({names}) have {len(found)} heads {task}; expected one")
    return found[0]


def _tasks(card: Card) -> str:
    return f"{card.name}: {' and '.join(head.task for head in card.heads)}"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the models of a line say of one window."""

    detection: float  # probability
    type_logits: tuple[float, ...] | None = None  # None where the type was not asked for


class WindowAnswers(msgspec.Struct, frozen=True, kw_only=True):
    """What the models say of one window."""

    end_frame: int  # number of the window's last frame
    level_db: float  # the window's maximum
    valid: bool = True  # False: dropped frames touch it, and nothing was asked
    burst: bool = False  # a detection that is not speech's reached its on threshold, and speech was not asked for
    answers: dict[str, Answer] = {}  # by detection task; none where it was not asked

    def of(self, line: Line) -> WindowResult:
        """Return the window as one line has it."""
        answer = self.answers.get(line.task)
        return WindowResult(
            end_frame=self.end_frame,
            level_db=self.level_db,
            valid=self.valid and not (line.yields and self.burst),
            detection=None if answer is None else answer.detection,
            type_logits=None if answer is None else answer.type_logits,
        )


class StreamState(msgspec.Struct, frozen=True, kw_only=True):
    """What a stream's episodes carry from one window to the next; as MessagePack or JSON it survives a restart."""

    lines: dict[str, EpisodeState] = {}  # by detection task; of one that is not here no window was seen

    @property
    def sounding(self) -> bool:
        """Whether a sound is under way in any line: a row of windows, or an open episode."""
        return any(state.sound is not None for state in self.lines.values())


def read_state(data: bytes) -> StreamState:
    """Read a state from MessagePack, also one from when a stream had a single line, whose task it does not name.

    Raises:
        StoreError: when it is neither.
    """
    try:
        raw = msgspec.msgpack.decode(data)
        if isinstance(raw, dict) and "lines" not in raw:
            return StreamState(lines={_UNNAMED: msgspec.convert(raw, EpisodeState)})
        return msgspec.convert(raw, StreamState)
    except msgspec.MsgspecError as error:
        raise StoreError(f"the stored state of a stream is not understood: {error}; move the store away") from error


def advance_lines(
    state: StreamState, results: Iterable[WindowAnswers], lines: Sequence[Line], info: StreamInfo
) -> tuple[StreamState, tuple[Episode, ...]]:
    """Take the next windows of a stream, in every line; see episodes.advance.

    Returns:
        The next state, and the revisions in the order of the windows and, within one, of the lines.
    """
    states = _named(state, lines)
    revisions: list[Episode] = []
    for result in results:
        for line in lines:
            before = states.get(line.task, EpisodeState())
            states[line.task], made = advance(before, result.of(line), line.rules, info)
            revisions += made
    return StreamState(lines=states), tuple(revisions)


def close_lines(state: StreamState, lines: Sequence[Line], info: StreamInfo) -> tuple[StreamState, tuple[Episode, ...]]:
    """End what is under way in every line; see episodes.close. Nothing sounds in the state that comes back.

    An episode that is open in a line that no model makes any more can be told of by nobody: it stays as it was told
    last, and the log says so.
    """
    states = _named(state, lines)
    revisions: list[Episode] = []
    for line in lines:
        if line.task in states:
            states[line.task], made = close(states[line.task], line.rules, info)
            revisions += made
    for task in states.keys() - {line.task for line in lines}:
        if states[task].open:
            _log.warning("stream %s: no model makes %s any more; its open episode stays open", info.stream, task)
        states[task] = replace(states[task], sound=None)
    return StreamState(lines=states), tuple(revisions)


def _named(state: StreamState, lines: Sequence[Line]) -> dict[str, EpisodeState]:
    """Return the states by task, as these lines can go on with them.

    What was stored of a single line is the first one's: speech, which comes last, was not there yet.
    """
    states = dict(state.lines)
    if _UNNAMED in states:
        states[lines[0].task] = states.pop(_UNNAMED)
    for line in lines:
        if line.task in states:
            states[line.task] = _fitted(states[line.task], line.rules)
    return states


def _fitted(state: EpisodeState, rules: EpisodeRules) -> EpisodeState:
    """Return a state without what another type said than today's, where the models changed under an episode."""
    sound, labels = state.sound, () if rules.type is None else rules.type.labels
    if sound is None or (len(sound.type_sum) in (0, len(labels)) and sound.label in (None, *labels)):
        return state
    return replace(state, sound=replace(sound, type_sum=(), type_windows=0, label=None))
