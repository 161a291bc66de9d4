"""What cannot be stored, is not waited for, or breaks on the way: the stream stays where it was, and others go on."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from exclaim.chunks import read_chunk
from exclaim.edge.answers import Refusal
from exclaim.edge.ingest import Ingest, keep_from
from exclaim.edge.store import EdgeStore
from exclaim.errors import StoreError
from exclaim.forward import as_event
from exclaim.listen import Analysis, Listener
from exclaim.wire import Chunk, ChunkAck, StreamInfo

from .conftest import chunk, info, sound

CODES = sound(1400)


class Desk:
    """An ingest over a store that may be reopened; not running until told to."""

    def __init__(self, path: Path, analysis: Analysis, **options: int) -> None:
        self.store = EdgeStore(path, **options)
        self.ingest = Ingest(self.store, analysis)
        self.running = False

    def start(self) -> None:
        self.ingest.start()
        self.running = True

    def submit(self, message: Chunk):
        return self.ingest.submit(message, read_chunk(message))

    def send(self, message: Chunk) -> ChunkAck:
        return self.submit(message).result(60)

    def events(self) -> list[str]:
        return sorted(entry.id for entry in self.store.outbox.peek(1000))

    def close(self) -> None:
        if not self.running:
            self.start()
        self.ingest.stop()
        self.store.close()


@pytest.fixture
def desk(tmp_path: Path, analysis: Analysis) -> Iterator[Desk]:
    desk = Desk(tmp_path / "edge.sqlite", analysis)
    yield desk
    desk.close()


def listened(analysis: Analysis, codes: np.ndarray) -> tuple[list, list[str]]:
    listener = Listener(analysis, info())
    results, revisions = listener.push(codes, np.zeros(len(codes), bool))
    last_results, last_revisions = listener.finish()
    return results + last_results, sorted(as_event(episode).id for episode in (*revisions, *last_revisions))


def test_what_cannot_be_stored_did_not_happen(tmp_path: Path, analysis: Analysis) -> None:
    path, at = tmp_path / "edge.sqlite", 0
    desk = Desk(path, analysis, max_bytes=36_864)
    desk.start()

    def fill() -> None:
        nonlocal at
        while at < 1400:
            at = desk.send(chunk(CODES, at, at + 50, final=at == 1350)).expected

    with pytest.raises(StoreError, match="the disk is full, or the store has reached its size limit"):
        fill()
    stood, results = desk.store.load("s1"), desk.store.results("s1")
    assert 0 < at < 1350
    assert results[-1].end_frame == stood.committed <= at
    with pytest.raises(Refusal) as refused:
        desk.send(chunk(CODES, at + 1, at + 50))
    assert refused.value.more["ack"]["expected"] == at  # in memory it did not happen either
    desk.close()
    desk = Desk(path, analysis)
    desk.start()
    desk.send(chunk(CODES, keep_from(stood.committed), 1400, final=True))
    assert (desk.store.results("s1"), desk.events()) == listened(analysis, CODES)
    desk.close()


def test_whoever_no_longer_waits_for_an_answer_disturbs_nobody(desk: Desk, analysis: Analysis) -> None:
    gone = desk.submit(chunk(CODES, 0, 1400, info=info("gone"), final=True))
    waits = desk.submit(chunk(CODES, 0, 1400, final=True))
    assert gone.cancel()
    desk.start()
    assert waits.result(60).committed == 1426
    assert (desk.store.results("s1"), desk.events()) == listened(analysis, CODES)
    assert desk.send(chunk(CODES, 0, 62, info=info("gone"))).committed == 31  # it was never begun


def test_a_stream_from_the_end_of_the_calendar_takes_no_other_along(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    """The onset of its first episode is no date at all."""
    poison = StreamInfo(stream="poison", device="kitchen", started=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
    answers = [desk.submit(chunk(CODES, 0, 400, info=who, final=True)) for who in (info("a"), poison, info("b"))]
    desk.start()
    assert answers[0].result(60).episodes
    assert answers[2].result(60).episodes
    with pytest.raises(OverflowError):
        answers[1].result(60)
    assert "stream poison failed" in caplog.text
    assert desk.store.load("poison") is None


def test_a_device_that_lost_its_newest_frames_can_still_end_its_stream(desk: Desk, analysis: Analysis) -> None:
    """Its sealed outbox had no room for the last piece, and it was restarted: it knows less than the edge."""
    desk.start()
    desk.send(chunk(CODES, 0, 290))
    ack = desk.send(chunk(CODES, 100, 250, final=True))
    assert [episode.state for episode in ack.episodes][-1] == "closed"
    assert (desk.store.results("s1"), desk.events()) == listened(analysis, CODES[:290])


def test_too_many_chunks_are_asked_to_come_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exclaim.edge.ingest._MOST_WAITING", 3)
    taken = [desk.submit(chunk(CODES, 0, 31)) for _ in range(3)]
    with pytest.raises(Refusal, match="too many chunks wait") as caught:
        desk.submit(chunk(CODES, 0, 31))
    assert (caught.value.status, caught.value.headers) == (503, {"retry-after": "1"})
    desk.start()
    assert [answer.result(60).expected for answer in taken] == [31, 31, 31]
