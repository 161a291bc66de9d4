"""Chunks: what is packed is unpacked, and what another machine claims is not believed."""

import zlib
from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exclaim.chunks import DROPPED, MAX_CHUNK_FRAMES, Run, join, make_chunk, read_chunk
from exclaim.errors import WireError
from exclaim.wire import Chunk, Gap, StreamInfo

INFO = StreamInfo(stream="s", device="d", started=datetime(2026, 1, 1, tzinfo=UTC))


@st.composite
def runs(draw: st.DrawFn) -> Run:
    status = np.array(draw(st.lists(st.integers(0, 3), max_size=40)), np.uint8)
    seed = draw(st.integers(0, 2**32 - 1))
    codes = np.random.default_rng(seed).integers(0, 256, (len(status), 128)).astype(np.uint8)
    codes[status != 0] = 0
    return Run(draw(st.integers(0, 2**40)), codes, status)


@settings(deadline=None)
@given(runs(), st.booleans(), st.booleans())
def test_a_run_comes_out_as_it_went_in(run: Run, final: bool, backlog: bool) -> None:
    message = msgspec.msgpack.encode(make_chunk(INFO, run, final=final, backlog=backlog))
    chunk = msgspec.msgpack.decode(message, type=Chunk)
    back = read_chunk(chunk)
    assert back.first == run.first
    assert back.next == run.next
    assert (back.codes == run.codes).all()
    assert (back.status == run.status).all()
    assert (chunk.final, chunk.backlog) == (final, backlog)


@settings(deadline=None)
@given(st.binary(max_size=300), st.integers(-5, 5000), st.sampled_from(["raw", "zlib"]))
def test_any_bytes_are_read_or_refused_in_a_sentence(frames: bytes, last: int, encoding: str) -> None:
    chunk = Chunk(info=INFO, first=0, last=last, frames=frames, encoding=encoding)
    refusal = ""
    try:
        assert len(read_chunk(chunk).status) == last + 1
    except WireError as error:
        refusal = str(error)
    assert not refusal or "expected" in refusal or "cannot be decompressed" in refusal


def test_a_claim_of_endless_frames_allocates_nothing() -> None:
    gap = Gap(first=0, last=2**50, reason="gated")
    with pytest.raises(WireError, match=f"at most {MAX_CHUNK_FRAMES}"):
        read_chunk(Chunk(info=INFO, first=0, last=2**50, gaps=(gap,)))


def test_a_decompression_bomb_is_cut_off() -> None:
    bomb = zlib.compress(bytes(100_000_000))
    with pytest.raises(WireError, match="more than 128 bytes"):
        read_chunk(Chunk(info=INFO, first=0, last=0, encoding="zlib", frames=bomb))


@pytest.mark.parametrize("gaps", [[(0, 3), (2, 4)], [(4, 5), (0, 1)], [(0, 20)], [(3, 2)]])
def test_gaps_must_be_sorted_disjoint_and_inside(gaps: list[tuple[int, int]]) -> None:
    chunk = Chunk(info=INFO, first=0, last=9, gaps=tuple(Gap(first=a, last=b, reason="gated") for a, b in gaps))
    with pytest.raises(WireError, match="sorted, disjoint and inside"):
        read_chunk(chunk)


def test_what_no_run_covers_was_dropped() -> None:
    ones = Run(10, np.ones((5, 128), np.uint8), np.zeros(5, np.uint8))
    joined = join([ones], 8, 18)
    assert joined.status.tolist() == [DROPPED] * 2 + [0] * 5 + [DROPPED] * 3
    assert joined.codes[2:7].all()
    assert not joined.codes[:2].any()
