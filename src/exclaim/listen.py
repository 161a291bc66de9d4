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
from msgspec.structs import replace

from exclaim import features, gate, windows
from exclaim.audio import stream_audio
from exclaim.card import Card, Head
from exclaim.config import GateOptions
from exclaim.episodes import EpisodeOptions, EpisodeRules, EpisodeState, WindowResult, advance, close
from exclaim.errors import ModelError
from exclaim.model import Model, Prediction
from exclaim.windows import CutterState, Windows
from exclaim.wire import Episode, ModelReference, StreamInfo

__all__ = ["Analysis", "Heard", "Listener", "ListenerState", "file_stream", "listen", "listen_file"]

# Probabilities and logits are rounded: a batch of another size changes the last bits of a network's answer, and must
# change neither a result nor an episode.
_DECIMALS = 4
_FILE_BLOCK_SECONDS = 30.0  # 60 windows: about one batch


class Analysis:
    """What models say of windows, and the episodes that follow. Holds no state; safe for several threads."""

    def __init__(self, models: Sequence[Model], options: EpisodeOptions | None = None) -> None:
        """Take verified models: one that detects, and perhaps one that tells the type of what is detected.

        Args:
            models: each may have one head or both; one that is given twice counts once.
            options: how windows become episodes.

        Raises:
            ModelError: when not exactly one head detects.
        """
        self.models = tuple({model.sha256: model for model in models}.values())
        self._detector, detection = _detector(self.models)
        self._typer, kind = _typer(self.models, detection)
        self.rules = EpisodeRules(
            detection=detection,
            type=kind,
            models=tuple(
                ModelReference(task=head.task, version=model.card.version, sha256=model.sha256)
                for model, head in ((self._detector, detection), (self._typer, kind))
                if model is not None and head is not None
            ),
            options=options or EpisodeOptions(),
        )

    def infer(self, cut: Windows) -> list[WindowResult]:
        """Ask the models about windows, of one stream or of several.

        Nothing is asked about windows that are invalid or below the detector's level floor, and the type only where
        the detection reaches its off threshold: elsewhere it belongs to no episode.
        """
        results = [
            WindowResult(end_frame=int(end), level_db=float(level), valid=bool(valid))
            for end, level, valid in zip(cut.ends, cut.levels_db, cut.valid, strict=True)
        ]
        asked = np.flatnonzero(cut.valid & (cut.levels_db >= self._detector.card.level_floor_db))
        if len(asked) == 0:
            return results
        answers = self._detector.predict(cut.inputs[asked])
        detections = np.round(answers[self.rules.detection.task].probabilities[:, 1], _DECIMALS)
        for i, detection in zip(asked, detections.tolist(), strict=True):
            results[i] = replace(results[i], detection=detection)
        matters = np.flatnonzero(detections >= self.rules.detection.thresholds.off)
        for i, logits in self._type_logits(cut, asked, answers, matters).items():
            results[i] = replace(results[i], type_logits=logits)
        return results

    def _type_logits(
        self, cut: Windows, asked: np.ndarray, answers: dict[str, Prediction], matters: np.ndarray
    ) -> dict[int, tuple[float, ...]]:
        """Return the type's logits by the windows' positions in ``cut``; ``matters`` are positions in ``asked``."""
        if self._typer is None or self.rules.type is None:
            return {}
        matters = matters[cut.levels_db[asked[matters]] >= self._typer.card.level_floor_db]
        if len(matters) == 0:
            return {}
        task = self.rules.type.task
        if self._typer is self._detector:  # one trunk: it has said so already
            logits = answers[task].logits[matters]
        else:
            logits = self._typer.predict(cut.inputs[asked[matters]])[task].logits
        rounded = np.round(logits.astype(np.float64), _DECIMALS).tolist()
        return {int(i): tuple(row) for i, row in zip(asked[matters], rounded, strict=True)}

    def start(self, info: StreamInfo) -> EpisodeState:
        """Return the episode state of a stream before its first window."""
        return EpisodeState()

    def advance(
        self, state: EpisodeState, results: Iterable[WindowResult], info: StreamInfo, *, final: bool = False
    ) -> tuple[EpisodeState, tuple[Episode, ...]]:
        """Take the next windows of a stream, and where they are its last, close what is open; see episodes.advance."""
        revisions: list[Episode] = []
        for result in results:
            state, made = advance(state, result, self.rules, info)
            revisions += made
        if final:
            state, made = close(state, self.rules, info)
            revisions += made
        return state, tuple(revisions)

    def close(self, state: EpisodeState, info: StreamInfo) -> tuple[EpisodeState, tuple[Episode, ...]]:
        """Close what is open in a stream that fell silent; see episodes.close."""
        return close(state, self.rules, info)


def _detector(models: Sequence[Model]) -> tuple[Model, Head]:
    found = [(model, head) for model in models for head in model.card.heads if head.detects]
    if len(found) != 1:
        names = ", ".join(_tasks(model.card) for model in models) or "none"
        raise ModelError(f"the models given ({names}) have {len(found)} heads that detect; expected one")
    return found[0]


def _typer(models: Sequence[Model], detection: Head) -> tuple[Model | None, Head | None]:
    """Return the head that tells the type of what is detected: "scream-type" beside "scream-detection"."""
    task = detection.task.removesuffix("-detection") + "-type"
    found = [(model, head) for model in models for head in model.card.heads if head.task == task]
    if len(found) > 1:
        raise ModelError(f"the models given have {len(found)} heads {task!r}; expected one")
    return found[0] if found else (None, None)


def _tasks(card: Card) -> str:
    return f"{card.name}: {' and '.join(head.task for head in card.heads)}"


class ListenerState(NamedTuple):
    """All that a stream carries from one run of frames to the next."""

    cutter: CutterState
    episodes: EpisodeState


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

    def push(self, codes: np.ndarray, dropped: np.ndarray) -> tuple[list[WindowResult], tuple[Episode, ...]]:
        """Hear the next frames.

        Args:
            codes: (n, 128) uint8; floor for gated frames, anything for dropped ones.
            dropped: (n,) bool: True where the frame is missing.

        Returns:
            What the models said of the windows that ended, and the revisions that follow.
        """
        cut, cutter = windows.cut(codes, dropped, self.state.cutter)
        return self._conclude(cut, cutter, final=False)

    def finish(self) -> tuple[list[WindowResult], tuple[Episode, ...]]:
        """Hear the end of the stream: the window under way, completed with floor, and close what is open."""
        cut, cutter = windows.end(self.state.cutter)
        return self._conclude(cut, cutter, final=True)

    def _conclude(
        self, cut: Windows, cutter: CutterState, *, final: bool
    ) -> tuple[list[WindowResult], tuple[Episode, ...]]:
        results = self._analysis.infer(cut)
        state, revisions = self._analysis.advance(self.state.episodes, results, self._info, final=final)
        self.state = ListenerState(cutter, state)
        return results, revisions


class Heard(NamedTuple):
    """One step of listening."""

    seconds: float  # of sound heard so far
    results: list[WindowResult]
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
