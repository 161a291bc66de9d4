"""Frames that wait: kept until the edge needs them no longer, for an hour at most, sealed on disk where asked."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from exclaim.chunks import DROPPED, Run
from exclaim.errors import ConfigError, DeliveryError, StoreError
from exclaim.sense.buffer import FrameBuffer
from exclaim.sense.sealed import SealedVault, read_key
from exclaim.wire import StreamInfo

KEY = bytes(range(32))


def info(stream: str) -> StreamInfo:
    return StreamInfo(stream=stream, device="kitchen", started=datetime(2026, 1, 1, tzinfo=UTC))


def frames(first: int, count: int, value: int = 7) -> Run:
    return Run(first, np.full((count, 128), value, np.uint8), np.zeros(count, np.uint8))


def filled(**options) -> FrameBuffer:
    buffer = FrameBuffer(**{"seconds": 3600, **options})
    buffer.begin(info("s"))
    for first in range(0, 310, 31):
        buffer.append("s", frames(first, 31, value=first // 31 + 1))
    return buffer


def test_frames_are_read_as_they_were_added() -> None:
    run = filled().read("s", 20, 100)
    assert run.codes[:, 0].tolist() == [n // 31 + 1 for n in range(20, 100)]
    assert not run.status.any()


def test_only_whole_pieces_below_are_deleted() -> None:
    buffer = filled()
    buffer.delete("s", 62 + 5)
    assert buffer.streams()[0].first == 62
    assert (buffer.read("s", 0, 93).status == [DROPPED] * 62 + [0] * 31).all()


def test_what_is_older_than_it_may_be_is_dropped() -> None:
    now = [0.0]
    buffer = filled(seconds=60, clock=lambda: now[0])
    now[0] = 61.0
    buffer.append("s", frames(310, 31))
    waiting = buffer.streams()[0]
    assert (waiting.first, waiting.next) == (310, 341)
    assert (buffer.read("s", 0, 310).status == DROPPED).all()


def test_live_streams_go_before_the_backlog() -> None:
    buffer = filled()
    buffer.end("s", backlog=True)
    buffer.begin(info("new"))
    assert [stream.info.stream for stream in buffer.streams()] == ["new", "s"]


def test_a_stream_has_no_holes() -> None:
    with pytest.raises(DeliveryError, match="got frame 400; expected 310"):
        filled().append("s", frames(400, 1))


def test_sealed_frames_survive_a_restart_as_backlog(tmp_path: Path) -> None:
    vault = SealedVault(tmp_path / "frames.sqlite", KEY)
    before = filled(vault=vault)
    before.delete("s", 100)
    vault.close()
    vault = SealedVault(tmp_path / "frames.sqlite", KEY)
    after = FrameBuffer(seconds=3600, vault=vault)
    assert after.streams() == [before.streams()[0]._replace(ended=True, backlog=True)]
    assert (after.read("s", 93, 310).codes == before.read("s", 93, 310).codes).all()
    after.forget("s")
    assert vault.load() == []
    vault.close()


def test_sealed_frames_older_than_they_may_be_do_not_come_back(tmp_path: Path) -> None:
    vault = SealedVault(tmp_path / "frames.sqlite", KEY)
    filled(vault=vault, clock=lambda: 1000.0)
    after = FrameBuffer(seconds=3600, vault=vault, clock=lambda: 1000.0 + 3601)
    assert (after.read("s", 0, 310).status == DROPPED).all()
    assert vault.load()[0][1] == []
    vault.close()


def test_the_disk_holds_no_sound_without_the_key(tmp_path: Path) -> None:
    path = tmp_path / "frames.sqlite"
    vault = SealedVault(path, KEY)
    filled(vault=vault)
    vault.close()
    assert bytes([7]) * 64 not in path.read_bytes()
    with pytest.raises(StoreError, match="not sealed by this key"):
        FrameBuffer(seconds=3600, vault=SealedVault(path, bytes(32)))


def test_a_sealed_piece_cannot_be_moved_to_another_place(tmp_path: Path) -> None:
    path = tmp_path / "frames.sqlite"
    vault = SealedVault(path, KEY)
    filled(vault=vault)
    vault.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE pieces SET first = 1000 WHERE first = 0")
    connection.close()
    with pytest.raises(StoreError, match="or damaged"):
        SealedVault(path, KEY).load()


def test_listening_goes_on_when_the_sealed_outbox_has_no_room(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    vault = SealedVault(tmp_path / "frames.sqlite", KEY, max_bytes=60_000)
    buffer = FrameBuffer(seconds=3600, vault=vault)
    buffer.begin(info("s"))
    noise = np.random.default_rng(0).integers(0, 256, (310, 128)).astype(np.uint8)
    for first in range(0, 310, 31):
        buffer.append("s", Run(first, noise[first : first + 31], np.zeros(31, np.uint8)))
    assert (buffer.read("s", 0, 310).codes == noise).all()
    assert [record.message for record in caplog.records if "memory only" in record.message]
    assert 0 < len(vault.load()[0][1]) < 10
    vault.close()


@pytest.mark.parametrize(("content", "complaint"), [("zz", "cannot be read"), ("00ff", "holds 2 bytes")])
def test_a_key_file_that_holds_no_key_is_refused(tmp_path: Path, content: str, complaint: str) -> None:
    (tmp_path / "key").write_text(content)
    with pytest.raises(ConfigError, match=complaint):
        read_key(tmp_path / "key")


def test_a_missing_key_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="absent cannot be read"):
        read_key(tmp_path / "absent")


def test_a_key_file_as_the_message_says_to_make_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY.hex() + "\n")
    assert read_key(tmp_path / "key") == KEY
