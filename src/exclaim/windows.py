"""Frames to windows, on a fixed grid: a window of 188 frames ends at frame numbers 31, 62, 93 ... of the stream.

The end is included: window k holds frames ``31 k - 187`` to ``31 k``. What lies before the stream's start or
behind its end is floor, so a stream answers after half a second and a clip's last sound is heard. Windows
are cut from coded frames (bytes) on every path, so that a device, an edge and ``exclaim listen`` see the
same numbers.
"""

from typing import NamedTuple

import numpy as np

from exclaim.features import N_MELS, WINDOW_FRAMES, decode, normalise

__all__ = ["STEP_FRAMES", "CutterState", "Windows", "cut", "end", "pad_to_grid", "start"]

STEP_FRAMES = 31  # 0.496 s
_REACH = WINDOW_FRAMES - 1  # frames before its end that a window reaches back to


class Windows(NamedTuple):
    """Windows ready for a model."""

    ends: np.ndarray  # (n,) int64: number of the last frame of each window, a multiple of 31
    inputs: np.ndarray  # (n, 128, 188) float32 in [-1, 1]
    levels_db: np.ndarray  # (n,) float32: the maximum of each window in dB
    valid: np.ndarray  # (n,) bool: False where a dropped or overrun frame touches the window


class CutterState(NamedTuple):
    """What cutting carries from one run of frames to the next."""

    codes: np.ndarray  # (187 at most, 128) uint8: the newest frames
    dropped: np.ndarray  # (187 at most,) bool: which of them are missing
    next_frame: int  # number of the frame expected next


def start(next_frame: int = 0) -> CutterState:
    """Return the state before a stream's first frame, or before ``next_frame`` of a stream that is resumed there.

    A stream resumed with ``next_frame = keep_from`` gives the same windows from ``keep_from + 187`` on.
    """
    return CutterState(np.empty((0, N_MELS), np.uint8), np.empty(0, bool), next_frame)


def cut(codes: np.ndarray, dropped: np.ndarray, state: CutterState) -> tuple[Windows, CutterState]:
    """Cut the windows that end within the next run of frames.

    Args:
        codes: (n, 128) uint8; floor (0) for gated frames, anything for dropped ones.
        dropped: (n,) bool: True where the frame is missing.
        state: what :func:`start` or the previous call returned.
    """
    first_end = -(-max(state.next_frame, STEP_FRAMES) // STEP_FRAMES) * STEP_FRAMES
    ends = np.arange(first_end, state.next_frame + len(codes), STEP_FRAMES)
    # floor before the first frame known, so that row 0 is frame next_frame - 187
    lead = _REACH - len(state.codes)
    known = np.concatenate([np.zeros((lead, N_MELS), np.uint8), state.codes, codes])
    missing = np.concatenate([np.zeros(lead, bool), state.dropped, dropped])
    inputs = np.empty((len(ends), N_MELS, WINDOW_FRAMES), np.float32)
    levels_db = np.empty(len(ends), np.float32)
    for i, window in enumerate(_at(known, ends - state.next_frame)):
        loudest = int(window.max())
        # A window has few different bytes: normalise those, with the loudest among them, and look the rest up.
        decibels = decode(np.arange(loudest + 1, dtype=np.uint8))
        levels_db[i] = decibels[-1]
        np.take(normalise(decibels[np.newaxis]), window.T, out=inputs[i], mode="clip")
    windows = Windows(
        ends=ends.astype(np.int64),
        inputs=inputs,
        levels_db=levels_db,
        valid=~_at(missing, ends - state.next_frame).any(axis=1),
    )
    kept = min(_REACH, len(state.codes) + len(codes))
    newest = slice(len(known) - kept, None)
    return windows, CutterState(known[newest].copy(), missing[newest].copy(), state.next_frame + len(codes))


def _at(rows: np.ndarray, begins: np.ndarray) -> np.ndarray:
    """Return the runs of 188 rows that begin at the given rows, 31 apart, without copying: (n, 188, ...)."""
    if len(begins) == 0:
        return np.empty((0, WINDOW_FRAMES, *rows.shape[1:]), rows.dtype)
    runs = np.lib.stride_tricks.sliding_window_view(rows, WINDOW_FRAMES, axis=0)[begins[0] :: STEP_FRAMES]
    return np.moveaxis(runs[: len(begins)], -1, 1)


def pad_to_grid(state: CutterState) -> int:
    """Return how many floor frames complete the window under way at a stream's end (0 where none is)."""
    last = state.next_frame - 1
    if last < 0:
        return 0
    return STEP_FRAMES if last == 0 else -last % STEP_FRAMES  # no window ends at frame 0


def end(state: CutterState) -> tuple[Windows, CutterState]:
    """Cut the last window of a stream that ended, completed with floor."""
    count = pad_to_grid(state)
    return cut(np.zeros((count, N_MELS), np.uint8), np.zeros(count, bool), state)
