"""What a stream is called."""

import uuid
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from exclaim.sense.identity import clock_quality, new_stream, uuid7


def test_the_example_of_the_standard() -> None:
    """RFC 9562, appendix A.6."""
    random = (0xCC3 << 64 | 0x18C4DC0C0C07398F).to_bytes(10, "big")
    assert str(uuid7(0x017F22E279B0, random)) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@given(st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
def test_version_variant_and_time_are_where_they_belong(milliseconds: int, random: bytes) -> None:
    made = uuid7(milliseconds, random)
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == milliseconds


def test_streams_sort_by_their_beginning_and_differ() -> None:
    times = [1_700_000_000.0 + second for second in range(5)]
    streams = [new_stream("kitchen", at, origin="test") for at in times]
    assert [info.stream for info in streams] == sorted(info.stream for info in streams)
    assert streams[0].started == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert new_stream("kitchen", times[0], origin="test").stream != streams[0].stream


def test_the_kernel_says_how_good_the_clock_is() -> None:
    assert clock_quality() in ("synchronised", "unsynchronised")
