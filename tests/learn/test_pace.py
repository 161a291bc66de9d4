"""Models timed in turn: who is compared with whom."""

import numpy as np

from exclaim.learn import pace
from exclaim.learn.pace import paces


class _Clock:
    """Processor time that passes as models run."""

    def __init__(self) -> None:
        self.now = 0

    def thread_time_ns(self) -> int:
        return self.now


class _Model:
    """A model that takes what its times say, one after another, in milliseconds."""

    def __init__(self, clock: _Clock, *times: float) -> None:
        self.clock, self.times, self.runs = clock, times, 0

    def logits(self, windows: np.ndarray) -> None:
        assert windows.shape == (1, 128, 188)
        self.clock.now += int(1e6 * self.times[self.runs // 6 % len(self.times)])  # six runs make a turn
        self.runs += 1


def test_times_are_medians_and_the_ratio_is_taken_within_each_turn(monkeypatch):
    clock = _Clock()
    monkeypatch.setattr(pace, "time", clock)
    # A burden that doubles every third turn of both leaves the ratio as it is.
    original, faster = _Model(clock, 2.0, 2.0, 4.0), _Model(clock, 1.0, 1.0, 2.0)
    same = _Model(clock, 2.0, 2.0, 4.0)
    first, second = paces(original, [faster, same], windows=30)
    assert first == (1.0, 2.0, 0.5)
    assert second == (2.0, 2.0, 1.0)
    assert original.runs == faster.runs == same.runs == (3 + 6) * 6


def test_one_window_is_enough(monkeypatch):
    clock = _Clock()
    monkeypatch.setattr(pace, "time", clock)
    (found,) = paces(_Model(clock, 2.0), [_Model(clock, 3.0)], windows=1)
    assert found.ratio == 1.5
