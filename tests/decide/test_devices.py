from datetime import UTC, datetime, timedelta

import pytest

from exclaim.decide.devices import clock_off_seconds, is_newer, liveness

NOW = datetime(2025, 3, 1, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "state"), [(0, "alive"), (29.9, "alive"), (30, "silent"), (119.9, "silent"), (120, "dead")]
)
def test_liveness_by_the_age_of_the_last_heartbeat(seconds, state):
    assert liveness(NOW - timedelta(seconds=seconds), NOW, silent_seconds=30, dead_seconds=120) == state


def test_a_device_without_any_heartbeat_is_unknown():
    assert liveness(None, NOW, silent_seconds=30, dead_seconds=120) == "unknown"


def test_only_the_newest_heartbeat_counts_but_a_clock_may_be_set_back():
    assert is_newer(NOW, None)
    assert is_newer(NOW, NOW)
    assert not is_newer(NOW - timedelta(seconds=10), NOW)
    assert is_newer(NOW - timedelta(hours=1), NOW)


def test_a_clock_that_is_off_is_told_with_its_direction():
    assert clock_off_seconds(NOW - timedelta(seconds=29), NOW) is None
    assert clock_off_seconds(NOW - timedelta(hours=2), NOW) == 7200
    assert clock_off_seconds(NOW + timedelta(minutes=1), NOW) == -60
    assert clock_off_seconds(None, None) is None
