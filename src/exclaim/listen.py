"""The way from frames to episodes, which ``exclaim listen``, the device (``infer: device``) and the edge share.

:class:`Analysis` is the pure part: windows to results, results to episodes. :class:`Listener` keeps one stream's state.
:func:`listen` goes all the way from sound.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exclaim import features, gate, windows
from exclaim.audio import stream_audio
from exclaim.config import GateOptions
from exclaim.episodes import EpisodeOptions, EpisodeRules
from exclaim.errors import ModelError
from exclaim.lines import Answer, Line, StreamState, WindowAnswers, advance_lines, close_lines, lines_of
from exclaim.model import Model
from exclaim.windows import CutterState, Windows
from exclaim.wire import Episode, StreamInfo

__all__ = ["Analysis", "Heard", "Listener", "ListenerState", "file_stream", "listen", "listen_file"]

# Probabilities and logits are rounded: a batch of another size changes the last bits of a network's answer, and must
# change neither a result nor an episode.
_DECIMALS = 4
_FILE_BLOCK_SECONDS = 30.0  # 60 windows: about one batch


class Analysis:
    """What models say of windows, and the episodes that follow. Holds no state; safe for several threads."""

    def __init__(self, models: Sequence[Model], options: EpisodeOptions | None = None) -> None:
        """Take verified models: at least one that detects, and perhaps ones that tell more of what is detected.

        Args:
            models: each may have one head or several; one that is given twice counts once.
            options: how windows become episodes; None: the defaults of each line.

        Raises:
            ModelError: when they make no line, or two heads answer the same; see lines.lines_of.
        """
        self.models = tuple({model.sha256: model for model in models}.values())
        self.lines = lines_of(self.models, options)

    @property
    def rules(self) -> EpisodeRules:
        """The rules of an analysis with one line.

        Raises:
            ModelError: when it has several.
        """
        if len(self.lines) > 1:
            tasks = ", ".join(line.task for line in self.lines)
            raise ModelError(f"the models given have {len(self.lines)} heads that detect ({tasks}); expected one here")
        return self.lines[0].rules

    def infer(self, cut: Windows) -> list[WindowAnswers]:
        """Ask the models about windows, of one stream or of several.

        Nothing is asked about windows that are invalid or below the level floor of the model's card. What tells more of
        a detection is asked only where that reaches its off threshold, since elsewhere it belongs to no episode; and
        speech only where no burst is detected. A model answers each window once, whatever its heads.
        """
        inquiry = _Inquiry(cut)
        burst = np.zeros(len(cut.ends), bool)
        said: list[dict[str, Answer]] = [{} for _ in cut.ends]
        for line in self.lines:
            thresholds = line.rules.detection.thresholds
            asked = inquiry.loud_enough(line.detector, cut.valid & ~(burst & line.yields))
            detections = np.round(inquiry.ask(line.detector, line.task, asked).probabilities[:, 1], _DECIMALS)
            logits = _type_logits(line, inquiry, asked[detections >= thresholds.off])
            for i, detection in zip(asked.tolist(), detections.tolist(), strict=True):
                said[i][line.task] = Answer(detection=detection, type_logits=logits.get(i))
            if not line.yields:
                burst[asked[detections >= thresholds.on]] = True
        return [
            WindowAnswers(end_frame=end, level_db=level, valid=valid, burst=detected, answers=answers)
            for end, level, valid, detected, answers in zip(
                cut.ends.tolist(), cut.levels_db.tolist(), cut.valid.tolist(), burst.tolist(), said, strict=True
            )
        ]

    def start(self, info: StreamInfo) -> StreamState:
        """Return the episode state of a stream before its first window."""
        return StreamState()

    def advance(
        self, state: StreamState, results: Iterable[WindowAnswers], info: StreamInfo, *, final: bool = False
    ) -> tuple[StreamState, tuple[Episode, ...]]:
        """Take the next windows of a stream, and where they are its last, close what is open; see episodes.advance."""
        state, revisions = advance_lines(state, results, self.lines, info)
        if final:
            state, closed = self.close(state, info)
            revisions += closed
        return state, revisions

    def close(self, state: StreamState, info: StreamInfo) -> tuple[StreamState, tuple[Episode, ...]]:
        """Close what is open in a stream that fell silent; see episodes.close."""
        return close_lines(state, self.lines, info)


def _type_logits(line: Line, inquiry: "_Inquiry", matters: np.ndarray) -> dict[int, tuple[float, ...]]:
    """Return what is said of the kind of a detection, by the windows' positions."""
    if line.typer is None or line.rules.type is None:
        return {}
    matters = inquiry.loud_enough(line.typer, matters)
    logits = inquiry.ask(line.typer, line.rules.type.task, matters).logits
    rounded = np.round(logits.astype(np.float64), _DECIMALS).tolist()
    return {i: tuple(row) for i, row in zip(matters.tolist(), rounded, strict=True)}


class _Said(NamedTuple):
    """What one head says of windows."""

    logits: np.ndarray  # (n, c) float32
    probabilities: np.ndarray  # (n, c) float64


class _Inquiry:
    """Asks models about windows, each model about each window once, and remembers what all of its heads said."""

    def __init__(self, cut: Windows) -> None:
        self._cut = cut
        self._asked: dict[str, np.ndarray] = {}  # model's hash -> (n,) bool
        self._said: dict[tuple[str, str], _Said] = {}  # model's hash and task

    def loud_enough(self, model: Model, among: np.ndarray) -> np.ndarray:
        """Return which windows reach the level floor of a model's card.

        Args:
            model: that is to be asked.
            among: positions, or (n,) bool.
        """
        positions = np.flatnonzero(among) if among.dtype == bool else among
        return positions[self._cut.levels_db[positions] >= model.card.level_floor_db]

    def ask(self, model: Model, task: str, positions: np.ndarray) -> _Said:
        """Return what a head says of the windows at these positions."""
        asked = self._asked.setdefault(model.sha256, np.zeros(len(self._cut.ends), bool))
        for head in model.card.heads:
            shape = (len(asked), len(head.labels))
            self._said.setdefault((model.sha256, head.task), _Said(np.zeros(shape, np.float32), np.zeros(shape)))
        fresh = positions[~asked[positions]]
        if len(fresh):
            for answer in model.predict(self._cut.inputs[fresh]).values():
                said = self._said[model.sha256, answer.task]
                said.logits[fresh], said.probabilities[fresh] = answer.logits, answer.probabilities
            asked[fresh] = True
        said = self._said[model.sha256, task]
        return _Said(said.logits[positions], said.probabilities[positions])


class ListenerState(NamedTuple):
    """All that a stream carries from one run of frames to the next."""

    cutter: CutterState
    episodes: StreamState


class Listener:
    """One stream from frames to episodes."""

    def __init__(self, analysis: Analysis, info: StreamInfo, state: ListenerState | None = None) -> None:
        """Begin a stream, or go on with one from the state that another listener had.

        Args:
            analysis: models and rules, shared by all streams.
            info: the stream.
            state: None at its start.
        """
        self._analysis = analysis
        self._info = info
        self.state = state or ListenerState(windows.start(), analysis.start(info))

    def push(self, codes: np.ndarray, dropped: np.ndarray) -> tuple[list[WindowAnswers], tuple[Episode, ...]]:
        """Hear the next frames.

        Args:
            codes: (n, 128) uint8; floor for gated frames, anything for dropped ones.
            dropped: (n,) bool: True where the frame is missing.

        Returns:
            What the models said of the windows that ended, and the revisions that follow.
        """
        cut, cutter = windows.cut(codes, dropped, self.state.cutter)
        return self._conclude(cut, cutter, final=False)

    def finish(self) -> tuple[list[WindowAnswers], tuple[Episode, ...]]:
        """Hear the end of the stream: the window under way, completed with floor, and close what is open."""
        cut, cutter = windows.end(self.state.cutter)
        return self._conclude(cut, cutter, final=True)

    def _conclude(
        self, cut: Windows, cutter: CutterState, *, final: bool
    ) -> tuple[list[WindowAnswers], tuple[Episode, ...]]:
        results = self._analysis.infer(cut)
        state, revisions = self._analysis.advance(self.state.episodes, results, self._info, final=final)
        self.state = ListenerState(cutter, state)
        return results, revisions


class Heard(NamedTuple):
    """One step of listening."""

    seconds: float  # of sound heard so far
    results: list[WindowAnswers]
    episodes: tuple[Episode, ...]  # revisions


def listen(
    blocks: Iterable[np.ndarray], listener: Listener, gate_options: GateOptions | None = None
) -> Iterator[Heard]:
    """Go all the way from sound to episodes, in memory that does not grow with its length.

    Args:
        blocks: (n,) float at 16 kHz, mono, in [-1, 1]; of any length, which changes no episode.
        listener: of this stream.
        gate_options: frames that do not pass are floor; so a device sends them.

    Yields:
        A step for each block, and one for the end.

    Raises:
        AudioError: when a block is not finite.
    """
    options = gate_options or GateOptions()
    front, gating = features.start(), gate.start()
    for block in blocks:
        frames, front = features.stream(block, front)
        passed, gating = gate.gate(features.encode(frames), gating, options)
        results, revisions = listener.push(passed.codes, np.zeros(len(passed.codes), bool))
        yield Heard(front.samples / features.SAMPLE_RATE, results, revisions)
    passed, gating = gate.gate(features.encode(features.finish(front)), gating, options)
    codes = np.concatenate([passed.codes, gate.finish(gating).codes])
    results, revisions = listener.push(codes, np.zeros(len(codes), bool))
    last_results, last_revisions = listener.finish()
    yield Heard(front.samples / features.SAMPLE_RATE, results + last_results, revisions + last_revisions)


def listen_file(
    path: Path, analysis: Analysis, gate_options: GateOptions | None = None, info: StreamInfo | None = None
) -> Iterator[Heard]:
    """Listen to a sound file as fast as it goes.

    Args:
        path: of any format that libsndfile decodes.
        analysis: models and rules.
        gate_options: see :func:`listen`.
        info: of the stream; None: :func:`file_stream`.

    Raises:
        AudioError: when it cannot be read; see audio.stream_audio.
    """
    with closing(stream_audio(path, _FILE_BLOCK_SECONDS)) as blocks:
        first = next(blocks)  # a file that cannot be read says so before a stream is made of it
        listener = Listener(analysis, info or file_stream(path))
        yield from listen(_chained(first, blocks), listener, gate_options)


def _chained(first: np.ndarray, rest: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    yield first
    yield from rest


def file_stream(path: Path) -> StreamInfo:
    """Return a file as a stream: the same file gives the same stream, so that its episodes have the same ids.

    It begins, for want of better, when the file was last modified.
    """
    path = path.resolve()
    return StreamInfo(
        stream=hashlib.sha256(str(path).encode()).hexdigest()[:32],
        device="listen",
        started=datetime.fromtimestamp(int(path.stat().st_mtime), UTC),
        origin="file",
    )
