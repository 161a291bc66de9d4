"""``infer: device``: results are on disk before they leave, and an episode that a power cut left open is closed."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest

from exclaim.card import Head, Thresholds
from exclaim.chunks import DROPPED, Run
from exclaim.errors import StoreError
from exclaim.listen import Analysis, Listener
from exclaim.model import load_model
from exclaim.sense.results import LocalResults, ResultsStore
from exclaim.wire import Episode, Event, StreamInfo

INFO = StreamInfo(stream="s", device="kitchen", started=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def analysis(tmp_path_factory: pytest.TempPathFactory, make_model: Callable[..., Path]) -> Analysis:
    path = make_model(tmp_path_factory.mktemp("models") / "tiny.onnx", level_floor_db=-40.0)
    return Analysis([load_model(path)])


def sound(frames: int, *bursts: tuple[int, int]) -> np.ndarray:
    random = np.random.default_rng(2)
    codes = random.integers(0, 12, (frames, 128)).astype(np.uint8)
    for first, next in bursts:
        codes[first:next] = random.integers(150, 200, (next - first, 128))
    return codes


def events(store: ResultsStore) -> list[Episode]:
    return [msgspec.json.decode(entry.payload, type=Event).data for entry in store.outbox.peek(1000)]


def hear(results: LocalResults, codes: np.ndarray, *, ends: bool = True) -> None:
    results.begin(INFO)
    for first in range(0, len(codes), 50):
        part = codes[first : first + 50]
        results.append("s", Run(first, part, np.zeros(len(part), np.uint8)))
    if ends:
        results.end("s")


def test_what_is_heard_waits_on_disk(tmp_path: Path, analysis: Analysis) -> None:
    codes = sound(1000, (150, 300), (640, 760))
    store = ResultsStore(tmp_path / "results.sqlite")
    hear(LocalResults(store, lambda info: Listener(analysis, info)), codes)
    store.close()
    store = ResultsStore(tmp_path / "results.sqlite")
    listener = Listener(analysis, INFO)
    _, revisions = listener.push(codes, np.zeros(1000, bool))
    wanted = [*revisions, *listener.finish()[1]]
    assert sorted(events(store), key=lambda e: (e.onset_frame, e.revision)) == wanted
    assert store.close_left_open() == 0
    store.close()


def test_an_episode_left_open_by_a_power_cut_is_closed_once(tmp_path: Path, analysis: Analysis) -> None:
    store = ResultsStore(tmp_path / "results.sqlite")
    hear(LocalResults(store, lambda info: Listener(analysis, info)), sound(310, (150, 300)), ends=False)
    left = events(store)[-1]
    assert left.state == "open"
    store.close()
    store = ResultsStore(tmp_path / "results.sqlite")
    assert store.close_left_open() == 1
    closed = msgspec.structs.replace(left, revision=left.revision + 1, state="closed")
    assert closed in events(store)
    assert store.close_left_open() == 0
    store.close()


def test_a_power_cut_in_a_talk_that_a_scream_broke_into_leaves_two_episodes_to_close(
    tmp_path: Path, analysis: Analysis, make_model: Callable[..., Path]
) -> None:
    thresholds = Thresholds(on=0.5, off=0.3)
    head = Head(task="speech-detection", output="speech", labels=("other", "speech"), thresholds=thresholds)
    speech = make_model(tmp_path / "speech.onnx", heads=(head,), level_floor_db=-40.0)
    both = Analysis([*analysis.models, load_model(speech)])
    codes = sound(480, (330, 470))
    codes[60:330, :32] += 130  # somebody talks, then screams
    store = ResultsStore(tmp_path / "results.sqlite")
    hear(LocalResults(store, lambda info: Listener(both, info)), codes, ends=False)
    store.close()
    store = ResultsStore(tmp_path / "results.sqlite")
    assert store.close_left_open() == 2
    closed = [episode.detection.task for episode in events(store) if episode.state == "closed"]
    assert sorted(closed) == ["scream-detection", "speech-detection"]
    store.close()


def test_dropped_frames_are_not_heard_as_silence(tmp_path: Path, analysis: Analysis) -> None:
    store = ResultsStore(tmp_path / "results.sqlite")
    results = LocalResults(store, lambda info: Listener(analysis, info))
    results.begin(INFO)
    codes = sound(310, (150, 300))
    results.append("s", Run(0, codes, np.full(310, DROPPED, np.uint8)))
    results.end("s")
    assert events(store) == []
    store.close()


def test_while_the_disk_is_full_results_wait_in_memory_and_listening_goes_on(
    tmp_path: Path, analysis: Analysis, caplog: pytest.LogCaptureFixture
) -> None:
    store = ResultsStore(tmp_path / "results.sqlite", max_bytes=32_768)
    results = LocalResults(store, lambda info: Listener(analysis, info))
    hear(results, sound(6000, *((first, first + 100) for first in range(200, 6000, 500))))
    assert [record.message for record in caplog.records if "wait in memory" in record.message]
    with pytest.raises(StoreError, match="full"):
        results.finish()
    arrived = []
    while entries := store.outbox.peek(1000):
        arrived += [entry.id for entry in entries]  # the edge takes them, and there is room again
        store.outbox.delete(entry.id for entry in entries)
        try:
            results.finish()
        except StoreError:
            store._database._connection.execute("PRAGMA max_page_count = 1000")
            results.finish()
    listener = Listener(analysis, INFO)
    codes = sound(6000, *((first, first + 100) for first in range(200, 6000, 500)))
    _, revisions = listener.push(codes, np.zeros(6000, bool))
    wanted = [*revisions, *listener.finish()[1]]
    assert sorted(arrived) == sorted(f"{e.episode}.{e.revision}" for e in wanted)
    store.close()
