"""From chunks to committed results: one thread that infers the windows of many streams in one batch.

A step of a stream is computed from immutable state, stored, and only then taken over and acknowledged. So
whatever fails leaves the stream where it was, and the device sends the same frames again.
"""

import logging
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from itertools import count
from typing import NamedTuple

import msgspec
import numpy as np

from exclaim.chunks import Run
from exclaim.edge.answers import Refusal
from exclaim.edge.store import EdgeStore, Progress, StoredStream
from exclaim.errors import StoreError
from exclaim.features import N_MELS, WINDOW_FRAMES
from exclaim.forward import as_event
from exclaim.listen import Analysis
from exclaim.windows import CutterState, Windows, cut, end, start
from exclaim.wire import Chunk, ChunkAck, Episode

__all__ = ["Ingest", "keep_from"]

_log = logging.getLogger(__name__)

_LIVE, _BACKLOG, _UPKEEP, _END = range(4)  # lanes: what is heard now goes before what was heard during an outage
_LINGER_SECONDS = 0.004  # how long a batch waits for the windows of other streams
_MOST_WAITING = 1000  # chunks; one more is asked to come again
_MOST_JOBS = 64  # chunks in one batch
_MOST_SESSIONS = 4096  # streams whose frames are in memory; one put out is sent again by its device


def keep_from(committed: int) -> int:
    """Return the first frame that a stream may need again: a window reaches back 187 frames from its end."""
    return max(0, committed - (WINDOW_FRAMES - 1))


class _Session(NamedTuple):
    """A stream in memory: what is stored of it, and its newest frames, which are not."""

    stored: StoredStream
    cutter: CutterState


class _Job(NamedTuple):
    """A chunk and who waits for its answer."""

    chunk: Chunk
    run: Run
    answer: "Future[ChunkAck]"


class _Silent(NamedTuple):
    """A stream of which nothing came for long, and who waits for its episode to be closed."""

    stream: str
    answer: "Future[None]"


class _Step(NamedTuple):
    """What a chunk makes of its stream, before it is stored."""

    job: _Job
    stored: StoredStream
    cutter: CutterState
    windows: Windows


class Ingest:
    """Takes chunks and answers with acknowledgements, from a thread of its own."""

    def __init__(self, store: EdgeStore, analysis: Analysis, *, clock: Callable[[], float] = time.time) -> None:
        """Infer by ``analysis`` and commit to ``store``; ``clock`` gives seconds since the epoch."""
        self._store = store
        self._analysis = analysis
        self._clock = clock
        self._sessions: OrderedDict[str, _Session] = OrderedDict()  # of the thread alone
        self._waiting: queue.PriorityQueue[tuple[int, int, _Job | _Silent | None]] = queue.PriorityQueue()
        self._place = count()
        self._thread = threading.Thread(target=self._run, name="ingest")

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Answer what waits, and end the thread."""
        self._waiting.put((_END, next(self._place), None))
        self._thread.join()

    def submit(self, chunk: Chunk, run: Run) -> "Future[ChunkAck]":
        """Queue a chunk; the future gives the acknowledgement once all of it is on disk.

        The future raises a :class:`Refusal` (409 with the frame expected, 403), or a ``StoreError``; the
        stream is then where it was.

        Raises:
            Refusal: 503, when too many chunks wait.
        """
        if self._waiting.qsize() >= _MOST_WAITING:
            raise Refusal(503, "busy", "too many chunks wait; send it again", headers={"retry-after": "1"})
        answer: Future[ChunkAck] = Future()
        lane = _BACKLOG if chunk.backlog else _LIVE
        self._waiting.put((lane, next(self._place), _Job(chunk, run, answer)))
        return answer

    def close_silent(self, stream: str) -> "Future[None]":
        """Queue the closing of the open episode of a stream that went silent; the stream may go on later."""
        answer: Future[None] = Future()
        self._waiting.put((_UPKEEP, next(self._place), _Silent(stream, answer)))
        return answer

    def _run(self) -> None:
        while True:
            lane, _, first = self._waiting.get()
            if first is None:
                return
            if isinstance(first, _Silent):
                self._settle(first)
            else:
                jobs = [first, *self._more(first, lane)]
                # from here on nobody can withdraw: what is stored is answered, whether or not it is still waited for
                self._process([job for job in jobs if job.answer.set_running_or_notify_cancel()])

    def _more(self, first: _Job, lane: int) -> list[_Job]:
        """Return the chunks that go with the first one: of its lane, one for each stream."""
        time.sleep(_LINGER_SECONDS)
        jobs: list[_Job] = []
        streams, back = {first.chunk.info.stream}, []
        while len(jobs) + len(back) < _MOST_JOBS - 1:
            try:
                item = self._waiting.get_nowait()
            except queue.Empty:
                break
            job = item[2]
            if item[0] != lane or not isinstance(job, _Job):
                back.append(item)
                break
            if job.chunk.info.stream in streams:
                back.append(item)
                continue
            jobs.append(job)
            streams.add(job.chunk.info.stream)
        for item in back:
            self._waiting.put(item)
        return jobs

    def _settle(self, silent: _Silent) -> None:
        try:
            self._close(silent.stream)
        except Exception as error:
            silent.answer.set_exception(error)
        else:
            silent.answer.set_result(None)

    def _process(self, jobs: list[_Job]) -> None:
        """Answer each job; one whose content breaks something does not take the others along."""
        try:
            self._advance(jobs)
        except StoreError as error:
            _fail(jobs, error)
        except Exception as error:
            if len(jobs) == 1:
                _log.exception("a chunk of stream %s failed", jobs[0].chunk.info.stream)
                _fail(jobs, error)
                return
            for job in jobs:
                if not job.answer.done():
                    self._process([job])

    def _advance(self, jobs: list[_Job]) -> None:
        steps = []
        for job in jobs:
            try:
                steps.append(self._place_chunk(job))
            except Refusal as refusal:
                job.answer.set_exception(refusal)
        if not steps:
            return
        sizes = [len(step.windows.ends) for step in steps]
        results = self._analysis.infer(_concatenate([step.windows for step in steps]))
        borders = np.cumsum([0, *sizes])
        progress, revisions = [], []
        for step, begin, stop in zip(steps, borders, borders[1:], strict=False):
            stored, episodes = self._conclude(step, results[begin:stop])
            revisions.append(episodes)
            progress.append(
                Progress(
                    stream=stored,
                    results=tuple(results[begin:stop]),
                    events=tuple(as_event(episode) for episode in episodes),
                )
            )
        changed = [p for p, s in zip(progress, steps, strict=True) if p.results or p.stream != s.stored]
        if changed:
            self._store.commit(changed, self._clock())
        for step, done, episodes in zip(steps, progress, revisions, strict=True):
            self._remember(_Session(done.stream, step.cutter))
            step.job.answer.set_result(_ack(_Session(done.stream, step.cutter), episodes, step.job.run.next))

    def _place_chunk(self, job: _Job) -> _Step:
        """Lay a chunk behind what is there, and cut the windows that it completes."""
        session = self._session(job.chunk)
        expected = session.cutter.next_frame
        if session.stored.final:
            nothing, _ = cut(np.empty((0, N_MELS), np.uint8), np.empty(0, bool), session.cutter)
            return _Step(job, session.stored, session.cutter, nothing)
        if job.run.first > expected:
            message = f"the chunk begins at frame {job.run.first}; expected {expected}"
            ack = msgspec.to_builtins(_ack(session, ()))
            raise Refusal(409, "frames-missing", message, more={"ack": ack})
        fresh = job.run.slice(expected, max(expected, job.run.next))  # what came before is passed over
        windows, cutter = cut(fresh.codes, fresh.missing, session.cutter)
        if job.chunk.final:
            last, cutter = end(cutter)
            windows = _concatenate([windows, last])
        return _Step(job, session.stored, cutter, _behind(windows, session.stored.committed))

    def _session(self, chunk: Chunk) -> _Session:
        """Return a stream as it is in memory, or as it stands on disk, or new."""
        name = chunk.info.stream
        session = self._sessions.get(name)
        if session is None:
            stored = self._store.load(name) or StoredStream(
                info=chunk.info, committed=-1, state=self._analysis.start(chunk.info)
            )
            session = _Session(stored, start(keep_from(stored.committed)))
        if session.stored.info != chunk.info:
            raise Refusal(403, "other-stream", f"stream {name} began otherwise, or is another device's")
        return session

    def _conclude(self, step: _Step, results: Sequence) -> tuple[StoredStream, tuple[Episode, ...]]:
        """Return the stream's next state and the episode revisions of a step; pure."""
        stored = step.stored
        final = step.job.chunk.final and not stored.final
        state, episodes = self._analysis.advance(stored.state, results, stored.info, final=final)
        committed = int(results[-1].end_frame) if len(results) else stored.committed
        stored = msgspec.structs.replace(stored, committed=committed, state=state, final=stored.final or final)
        return stored, episodes

    def _close(self, name: str) -> None:
        stored = self._store.load(name)
        if stored is None or not stored.state.sounding:
            return
        state, episodes = self._analysis.close(stored.state, stored.info)
        stored = msgspec.structs.replace(stored, state=state)
        events = tuple(as_event(episode) for episode in episodes)
        self._store.commit([Progress(stream=stored, results=(), events=events)], self._clock())
        if name in self._sessions:
            self._sessions[name] = self._sessions[name]._replace(stored=stored)

    def _remember(self, session: _Session) -> None:
        name = session.stored.info.stream
        self._sessions[name] = session
        self._sessions.move_to_end(name)
        if len(self._sessions) > _MOST_SESSIONS:
            self._sessions.popitem(last=False)


def _ack(session: _Session, episodes: tuple[Episode, ...], sent: int = 0) -> ChunkAck:
    """Say how far a stream has come; of one that ended, all that was ``sent`` is behind it."""
    stored = session.stored
    expected = session.cutter.next_frame
    return ChunkAck(
        stream=stored.info.stream,
        committed=stored.committed,
        keep_from=keep_from(stored.committed),
        expected=max(expected, sent) if stored.final else expected,
        episodes=episodes,
    )


def _concatenate(parts: list[Windows]) -> Windows:
    return Windows(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _behind(windows: Windows, committed: int) -> Windows:
    """Return the windows that were not inferred before."""
    fresh = windows.ends > committed
    return Windows(*(column[fresh] for column in windows))


def _fail(jobs: list[_Job], error: Exception) -> None:
    for job in jobs:
        if not job.answer.done():
            job.answer.set_exception(error)
