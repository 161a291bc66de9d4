"""Silence is not worth sending: which frames of a stream pass, and floor in place of the others.

A frame passes when it is loud, up to ``hold_frames`` after a loud one, and up to ``preroll_frames`` before
one. Loud is a frame whose loudest band reaches ``threshold_db``. So a frame is held back until it is known
whether it comes before a loud one; while the gate is open nothing waits. Windows that touch gated frames
stay valid: gated means floor.
"""

import math
from typing import NamedTuple

import numpy as np

from exclaim.config import GateOptions
from exclaim.features import CODE_STEPS_PER_DB, FLOOR_DB, N_MELS

__all__ = ["GateState", "Gated", "finish", "gate", "start"]

_NEVER = 1 << 40  # frames: longer than any stream


class Gated(NamedTuple):
    """Frames that are decided, in order and without holes."""

    first: int  # number of the first of them
    codes: np.ndarray  # (n, 128) uint8: as they came where they pass, else floor (0)
    passes: np.ndarray  # (n,) bool


class GateState(NamedTuple):
    """What gating carries from one run of frames to the next."""

    held: np.ndarray  # (preroll_frames at most, 128) uint8: quiet frames that wait for a loud one
    since_loud: int  # frames since the last loud one; very many before the first
    next_frame: int  # number of the first frame that is not given out yet


def start() -> GateState:
    """Return the state before a stream's first frame."""
    return GateState(held=np.empty((0, N_MELS), np.uint8), since_loud=_NEVER, next_frame=0)


def gate(codes: np.ndarray, state: GateState, options: GateOptions) -> tuple[Gated, GateState]:
    """Take the next run of frames; give out those that are decided.

    Args:
        codes: (n, 128) uint8, coded frames; n may be 0.
        state: what :func:`start` or the previous call returned.
        options: the same for every call of a stream. A gate that is not enabled passes everything at once.

    Returns:
        The frames decided, which over all calls, with :func:`finish` at the end, are all frames, the same
        for any chunking; and the next state.
    """
    frames = np.concatenate([state.held, codes])
    count = len(frames)
    numbers = np.arange(count)
    loud = frames.max(axis=1, initial=0) >= _threshold_code(options.threshold_db)
    before = len(state.held) - 1 - state.since_loud  # where the last loud frame lies, seen from frames[0]
    last_loud = np.maximum.accumulate(np.where(loud, numbers, before))
    next_loud = np.minimum.accumulate(np.where(loud, numbers, _NEVER)[::-1])[::-1]
    passes = (numbers - last_loud <= options.hold_frames) | (next_loud - numbers <= options.preroll_frames)
    if not options.enabled:
        passes[:] = True
    # A frame that does not pass waits while a loud one may still come near enough; such frames are always
    # the last.
    waiting = int(np.count_nonzero(~passes[max(0, count - options.preroll_frames) :]))
    decided = count - waiting
    since_loud = min(count - 1 - int(last_loud[-1]), _NEVER) if count else state.since_loud
    given = Gated(state.next_frame, frames[:decided], passes[:decided])
    given.codes[~given.passes] = 0
    return given, GateState(frames[decided:].copy(), since_loud, state.next_frame + decided)


def _threshold_code(threshold_db: float) -> int:
    return math.ceil(CODE_STEPS_PER_DB * (threshold_db - FLOOR_DB))


def finish(state: GateState) -> Gated:
    """Give out the frames that wait at a stream's end: nothing loud came, so they are gated."""
    count = len(state.held)
    return Gated(state.next_frame, np.zeros((count, N_MELS), np.uint8), np.zeros(count, bool))
