"""The gate against its definition, frame by frame, for any chunking."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exclaim import gate
from exclaim.config import GateOptions

LOUD, QUIET = 71, 69  # -44.5 and -45.5 dB, around the default threshold of -45


def frames(codes: list[int]) -> np.ndarray:
    """Frames whose loudest band, somewhere, has the given codes."""
    run = np.zeros((len(codes), 128), np.uint8)
    run[np.arange(len(codes)), np.arange(len(codes)) % 128] = codes
    return run


def gated(run: np.ndarray, options: GateOptions, cuts: list[int] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Codes and passes of a whole stream, fed in chunks."""
    state = gate.start()
    given = []
    for chunk in np.split(run, sorted(cuts or [])):
        out, state = gate.gate(chunk, state, options)
        given.append(out)
        assert len(state.held) <= options.preroll_frames
    given.append(gate.finish(state))
    firsts = np.cumsum([0, *(len(out.passes) for out in given)])
    assert [out.first for out in given] == firsts[:-1].tolist()
    return np.concatenate([out.codes for out in given]), np.concatenate([out.passes for out in given])


def by_definition(run: np.ndarray, options: GateOptions) -> np.ndarray:
    loud = np.flatnonzero(run.max(axis=1) / 2 - 80 >= options.threshold_db)
    near = [
        any(-options.preroll_frames <= number - at <= options.hold_frames for at in loud) for number in range(len(run))
    ]
    return np.array(near, bool)


@given(
    codes=st.lists(st.sampled_from([0, QUIET, QUIET, QUIET, QUIET, LOUD, 255]), min_size=1, max_size=80),
    cuts=st.lists(st.integers(0, 80), max_size=12),
    hold=st.integers(0, 12),
    preroll=st.integers(0, 12),
)
@settings(deadline=None, max_examples=300)
def test_equals_its_definition_for_any_chunking(codes: list[int], cuts: list[int], hold: int, preroll: int) -> None:
    run = frames(codes)
    options = GateOptions(hold_frames=hold, preroll_frames=preroll)

    out, passes = gated(run, options, [min(cut, len(run)) for cut in cuts])

    np.testing.assert_array_equal(passes, by_definition(run, options))
    np.testing.assert_array_equal(out, np.where(passes[:, None], run, 0))


def test_a_gate_that_is_off_passes_everything_at_once() -> None:
    run = frames([0] * 50)
    out, state = gate.gate(run, gate.start(), GateOptions(enabled=False))
    assert out.passes.all()
    assert len(out.codes) == 50
    np.testing.assert_array_equal(out.codes, run)
    assert len(gate.finish(state).codes) == 0


@pytest.mark.parametrize(("threshold_db", "opens"), [(-45.0, True), (-44.6, True), (-44.5, True), (-44.4, False)])
def test_a_band_that_reaches_the_threshold_opens(threshold_db: float, opens: bool) -> None:
    out, _ = gate.gate(frames([LOUD]), gate.start(), GateOptions(threshold_db=threshold_db, preroll_frames=0))
    assert out.passes.tolist() == [opens]


def test_nothing_waits_while_the_gate_is_open() -> None:
    """The delay of the pre-roll is paid in silence only, never by a scream."""
    options = GateOptions(hold_frames=20, preroll_frames=10)
    _, state = gate.gate(frames([LOUD]), gate.start(), options)
    for _ in range(20):
        out, state = gate.gate(frames([QUIET]), state, options)
        assert out.passes.tolist() == [True]
    for _ in range(10):
        out, state = gate.gate(frames([QUIET]), state, options)
        assert len(out.passes) == 0
    out, state = gate.gate(frames([LOUD]), state, options)
    assert out.passes.tolist() == [True] * 11


def test_is_pure() -> None:
    run = frames([QUIET] * 5 + [LOUD] + [QUIET] * 300)
    kept = run.copy()
    _, state = gate.gate(run[:5], gate.start(), GateOptions())
    first, _ = gate.gate(run[5:], state, GateOptions())
    again, _ = gate.gate(run[5:], state, GateOptions())

    np.testing.assert_array_equal(first.codes, again.codes)
    np.testing.assert_array_equal(run, kept)


def test_state_stays_small_over_hours_of_silence() -> None:
    state = gate.start()
    for _ in range(10):
        _, state = gate.gate(np.zeros((22_500, 128), np.uint8), state, GateOptions())
    assert state.held.nbytes == 31 * 128
    assert state.held.base is None  # holds no larger array alive
    assert state.next_frame == 225_000 - 31
