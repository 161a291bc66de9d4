"""However frames arrive, in pieces, twice, or at an edge that lost its memory, the same episodes follow."""

import sqlite3
from contextlib import closing
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exclaim.chunks import DROPPED, GATED, Run, make_chunk
from exclaim.edge.answers import Refusal
from exclaim.edge.ingest import Ingest, keep_from
from exclaim.edge.service import EdgeService
from exclaim.edge.store import EdgeStore
from exclaim.listen import Analysis, Listener
from exclaim.wire import Event

from .conftest import Edge, info, sound, talk_and_screams

CODES = sound(1400, seed=5)


class Device:
    """Sends frames as the protocol says, in pieces of given sizes."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.next = 0

    def send(self, ingest: Ingest, size: int) -> bool:
        """Send the next piece; return whether the stream is delivered."""
        end = min(self.next + size, self.run.next)
        chunk = make_chunk(info(), self.run.slice(self.next, end), final=end == self.run.next)
        try:
            ack = ingest.submit(chunk, self.run.slice(self.next, end)).result()
        except Refusal as refusal:  # 409
            self.next = refusal.more["ack"]["expected"]
            return False
        self.next = min(ack.expected, self.run.next)
        return end == self.run.next


def whole(analysis: Analysis, run: Run) -> tuple[list, list]:
    """Return results and event ids of one listener that hears all at once."""
    listener = Listener(analysis, info())
    results, revisions = listener.push(run.codes, run.missing)
    last_results, last_revisions = listener.finish()
    return results + last_results, [f"{e.episode}.{e.revision}" for e in (*revisions, *last_revisions)]


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.integers(0, 400), min_size=1, max_size=12),
    restarts=st.sets(st.integers(0, 12)),
    gaps=st.lists(st.tuples(st.integers(0, 1399), st.integers(1, 90), st.sampled_from([GATED, DROPPED])), max_size=3),
)
def test_episodes_do_not_depend_on_how_frames_arrive(
    analysis: Analysis, sizes: list[int], restarts: set[int], gaps: list[tuple[int, int, int]]
) -> None:
    codes, status = CODES.copy(), np.zeros(len(CODES), np.uint8)
    for first, length, reason in gaps:
        status[first : first + length] = reason
    codes[status != 0] = 0
    run = Run(0, codes, status)
    with TemporaryDirectory() as folder:
        store = EdgeStore(Path(folder) / "edge.sqlite")
        ingest = Ingest(store, analysis)
        ingest.start()
        device, step, done = Device(run), 0, False
        while not done:
            if step in restarts:
                ingest.stop()  # its memory is gone, its store remains
                ingest = Ingest(store, analysis)
                ingest.start()
            done = device.send(ingest, sizes[step] if step < len(sizes) else 1250)
            step += 1
        ingest.stop()
        wanted_results, wanted_events = whole(analysis, run)
        assert store.results("s1") == wanted_results
        assert sorted(entry.id for entry in store.outbox.peek(1000)) == sorted(wanted_events)
        store.close()


@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(0, 400), min_size=1, max_size=12), restarts=st.sets(st.integers(0, 12)))
def test_bursts_and_speech_do_not_depend_on_how_frames_arrive(
    two_lines: Analysis, sizes: list[int], restarts: set[int]
) -> None:
    codes = talk_and_screams(1400)
    run = Run(0, codes, np.zeros(len(codes), np.uint8))
    with TemporaryDirectory() as folder:
        store = EdgeStore(Path(folder) / "edge.sqlite")
        device = Device(run)
        ingest = Ingest(store, two_lines)
        ingest.start()
        for step in count():
            if step in restarts:
                ingest.stop()
                ingest = Ingest(store, two_lines)
                ingest.start()
            if device.send(ingest, sizes[step] if step < len(sizes) else 1250):
                break
        ingest.stop()
        wanted_results, wanted_events = whole(two_lines, run)
        assert store.results("s1") == wanted_results
        assert sorted(entry.id for entry in store.outbox.peek(1000)) == sorted(wanted_events)
        told = [msgspec.json.decode(entry.payload, type=Event).data for entry in store.outbox.peek(1000)]
        assert {episode.detection.task for episode in told} == {"scream-detection", "speech-detection"}
        store.close()


def test_an_edge_that_learns_to_hear_speech_goes_on_with_the_scream_that_is_open(
    tmp_path: Path, analysis: Analysis, two_lines: Analysis
) -> None:
    """Its store still holds the state of the one line that it had, without that line's name."""
    path, codes = tmp_path / "edge.sqlite", talk_and_screams(1400)
    run = Run(0, codes, np.zeros(len(codes), np.uint8))
    store = EdgeStore(path)
    ingest = Ingest(store, analysis)
    ingest.start()
    first = run.slice(0, 250)
    assert ingest.submit(make_chunk(info(), first), first).result().episodes[-1].state == "open"
    ingest.stop()
    (state,) = store.load("s1").state.lines.values()
    store.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE streams SET state = ?", (msgspec.msgpack.encode(state),))

    store = EdgeStore(path)
    assert [stored.info.stream for stored in store.left_sounding(9e12)] == ["s1"]
    ingest = Ingest(store, two_lines)
    ingest.start()
    begin = keep_from(store.load("s1").committed)
    rest = run.slice(begin, 1400)
    ingest.submit(make_chunk(info(), rest, final=True), rest).result()
    ingest.stop()
    assert sorted(entry.id for entry in store.outbox.peek(1000)) == sorted(whole(two_lines, run)[1])
    store.close()


def test_windows_of_many_streams_are_inferred_in_one_batch(tmp_path: Path, analysis: Analysis) -> None:
    batches = []

    class Counting(Analysis):
        def infer(self, cut):
            batches.append(len(cut.ends))
            return super().infer(cut)

    store = EdgeStore(tmp_path / "edge.sqlite")
    ingest = Ingest(store, Counting(analysis.models))
    run = Run(0, CODES[:310], np.zeros(310, np.uint8))
    answers = [ingest.submit(make_chunk(info(f"s{n}"), run), run) for n in range(10)]
    ingest.start()
    assert {answer.result().committed for answer in answers} == {279}
    ingest.stop()
    store.close()
    assert sum(batches) == 90
    assert len(batches) < 10


def test_live_sound_goes_before_a_backlog(tmp_path: Path, analysis: Analysis) -> None:
    order = []
    store = EdgeStore(tmp_path / "edge.sqlite")
    ingest = Ingest(store, analysis)
    run = Run(0, CODES[:62], np.zeros(62, np.uint8))
    for name, backlog in (("old-1", True), ("old-2", True), ("live", False)):
        answer = ingest.submit(make_chunk(info(name), run, backlog=backlog), run)
        answer.add_done_callback(lambda future: order.append(future.result().stream))
    ingest.start()
    ingest.stop()
    store.close()
    assert order == ["live", "old-1", "old-2"]


def test_a_chunk_that_breaks_the_model_takes_no_other_stream_along(tmp_path: Path, analysis: Analysis) -> None:
    class Fragile(Analysis):
        def infer(self, cut):
            if (cut.levels_db > 40).any():
                raise RuntimeError("too loud")
            return super().infer(cut)

    store = EdgeStore(tmp_path / "edge.sqlite")
    ingest = Ingest(store, Fragile(analysis.models))
    good = Run(0, CODES[:62], np.zeros(62, np.uint8))
    bad = Run(0, np.full((62, 128), 255, np.uint8), np.zeros(62, np.uint8))
    answers = [ingest.submit(make_chunk(info(name), run), run) for name, run in (("good", good), ("bad", bad))]
    ingest.start()
    assert answers[0].result().committed == 31
    assert isinstance(answers[1].exception(), RuntimeError)
    assert ingest.submit(make_chunk(info("good"), good), good).result().expected == 62
    ingest.stop()
    store.close()


def test_the_episode_of_a_stream_that_fell_silent_is_closed_and_the_stream_may_go_on(edge: Edge) -> None:
    service: EdgeService = edge.service
    run = Run(0, CODES[:250], np.zeros(250, np.uint8))
    ack = service.ingest.submit(make_chunk(info(), run), run).result()
    assert {episode.state for episode in ack.episodes} == {"open"}
    assert [stored.info.stream for stored in edge.store.left_sounding(9e12)] == ["s1"]
    service.ingest.close_silent("s1").result()
    assert edge.store.left_sounding(9e12) == []
    assert edge.events()[-1] == f"{ack.episodes[-1].episode}.{ack.episodes[-1].revision + 1}"
    rest = Run(250, CODES[250:310], np.zeros(60, np.uint8))
    assert service.ingest.submit(make_chunk(info(), rest), rest).result().committed == 279


def test_old_streams_are_forgotten(edge: Edge) -> None:
    run = Run(0, CODES[:300], np.zeros(300, np.uint8))
    edge.service.ingest.submit(make_chunk(info(), run), run).result()
    edge.store.prune(before=0, frames=31)
    assert edge.store.load("s1") is not None
    assert [result.end_frame for result in edge.store.results("s1")] == [248, 279]
    edge.store.prune(before=9e12, frames=31)
    assert edge.store.load("s1") is None
    assert edge.store.results("s1") == []
