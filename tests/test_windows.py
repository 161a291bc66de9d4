"""Windows lie on a fixed grid of the stream, however its frames arrive."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exclaim import features, windows
from exclaim.windows import Windows


def codes_of(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 128), dtype=np.uint8)


def joined(parts: list[Windows]) -> Windows:
    return Windows(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def cut_in_chunks(
    codes: np.ndarray, dropped: np.ndarray, cuts: list[int], state: windows.CutterState | None = None
) -> Windows:
    """All windows of a stream that arrives in chunks and ends."""
    state = state or windows.start()
    parts = []
    for chunk, missing in zip(np.split(codes, cuts), np.split(dropped, cuts), strict=True):
        part, state = windows.cut(chunk, missing, state)
        parts.append(part)
        assert len(state.codes) == len(state.dropped) <= 187
    part, _ = windows.end(state)
    return joined([*parts, part])


def by_definition(codes: np.ndarray, dropped: np.ndarray) -> Windows:
    """Window k holds frames 31 k - 187 to 31 k; what lies outside the stream is floor."""
    ends = [31 * k for k in range(1, 1 + max(1, -(-(len(codes) - 1) // 31)))] if len(codes) else []
    before, behind = np.zeros((187, 128), np.uint8), np.zeros((31, 128), np.uint8)
    padded = np.concatenate([before, codes, behind])
    missing = np.concatenate([np.zeros(187, bool), dropped, np.zeros(31, bool)])
    decibels = [features.decode(padded[end : end + 188].T) for end in ends]
    return Windows(
        ends=np.array(ends, np.int64),
        inputs=np.array([features.normalise(window) for window in decibels], np.float32).reshape(-1, 128, 188),
        levels_db=np.array([window.max() for window in decibels], np.float32),
        valid=np.array([not missing[end : end + 188].any() for end in ends], bool),
    )


def assert_equal(a: Windows, b: Windows) -> None:
    for name in Windows._fields:
        left, right = getattr(a, name), getattr(b, name)
        assert left.dtype == right.dtype, name
        np.testing.assert_array_equal(left, right, err_msg=name)


@given(
    count=st.integers(0, 420),
    cuts=st.lists(st.integers(0, 420), max_size=10),
    dropped=st.lists(st.integers(0, 419), max_size=4),
)
@settings(deadline=None, max_examples=80)
def test_equals_its_definition_for_any_chunking(count: int, cuts: list[int], dropped: list[int]) -> None:
    codes = codes_of(count)
    missing = np.zeros(count, bool)
    missing[[number for number in dropped if number < count]] = True

    found = cut_in_chunks(codes, missing, sorted(min(cut, count) for cut in cuts))

    assert_equal(found, by_definition(codes, missing))


@given(committed=st.integers(0, 12).map(lambda k: 31 * k), count=st.integers(400, 450), cut=st.integers(0, 200))
@settings(deadline=None, max_examples=60)
def test_resumed_at_keep_from_gives_the_same_windows_from_there(committed: int, count: int, cut: int) -> None:
    """What the edge relies on after a restart: frames from ``committed - 187`` on give all that comes after."""
    codes, dropped = codes_of(count), np.zeros(count, bool)
    dropped[300] = True
    keep_from = max(0, committed - 187)

    whole = cut_in_chunks(codes, dropped, [])
    resumed = cut_in_chunks(codes[keep_from:], dropped[keep_from:], [cut], windows.start(keep_from))

    fresh_whole = Windows(*(column[whole.ends > committed] for column in whole))
    fresh_resumed = Windows(*(column[resumed.ends > committed] for column in resumed))
    assert len(fresh_whole.ends)
    assert_equal(fresh_resumed, fresh_whole)


@pytest.mark.parametrize("number", [0, 1, 31, 187, 188, 200, 399])
def test_a_dropped_frame_invalidates_exactly_the_windows_that_touch_it(number: int) -> None:
    dropped = np.zeros(400, bool)
    dropped[number] = True

    found = cut_in_chunks(codes_of(400), dropped, [100, 101, 250])

    touched = (found.ends - 187 <= number) & (number <= found.ends)
    np.testing.assert_array_equal(found.valid, ~touched)
    assert touched.any()


def test_gated_frames_leave_windows_valid() -> None:
    windows_, _ = windows.cut(np.zeros((400, 128), np.uint8), np.zeros(400, bool), windows.start())
    assert windows_.valid.all()
    assert (windows_.levels_db == -80).all()


@pytest.mark.parametrize(
    ("frames", "ends"),
    [(0, []), (1, [31]), (2, [31]), (31, [31]), (32, [31]), (33, [31, 62]), (188, list(range(31, 218, 31)))],
)
def test_the_end_of_a_stream_completes_the_window_under_way_with_floor(frames: int, ends: list[int]) -> None:
    codes = np.full((frames, 128), 200, np.uint8)
    found = cut_in_chunks(codes, np.zeros(frames, bool), [])

    assert found.ends.tolist() == ends
    if frames:
        last = found.inputs[-1]
        behind = ends[-1] - (frames - 1)  # frames of floor
        assert (last[:, 187 - behind] == 1).all()
        assert (last[:, 188 - behind :] == -1).all()


def test_levels_are_the_windows_maxima_in_db() -> None:
    codes = np.zeros((63, 128), np.uint8)
    codes[40, 7] = 100
    found, _ = windows.cut(codes, np.zeros(63, bool), windows.start())
    np.testing.assert_array_equal(found.levels_db, [-80, -30])


def test_inputs_are_what_a_model_was_trained_on() -> None:
    """A window of the grid is ``features.log_mel`` of its sound, but for the byte code's half step."""
    sound = np.random.default_rng(0).normal(0, 0.1, 256 * 400).astype(np.float32)
    codes = features.encode(features.log_mel_db(sound).T)
    found, _ = windows.cut(codes, np.zeros(len(codes), bool), windows.start())

    decibels = features.log_mel_db(sound)[:, 310 - 187 : 311]
    at = found.ends.tolist().index(310)
    np.testing.assert_allclose(found.inputs[at], features.normalise(decibels), atol=2 * 0.25 / 40 + 1e-5)


def test_state_holds_no_larger_array_alive() -> None:
    _, state = windows.cut(codes_of(5000), np.zeros(5000, bool), windows.start())
    assert state.codes.base is None
    assert state.dropped.base is None
    assert state.next_frame == 5000
