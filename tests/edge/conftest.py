"""An edge on a loopback port of this process, its store, and chunks to send it."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import msgspec
import numpy as np
import pytest
import uvicorn

from exclaim.card import Head, Thresholds
from exclaim.chunks import Run, make_chunk
from exclaim.config import EdgeOptions
from exclaim.edge.app import create_app
from exclaim.edge.service import EdgeService
from exclaim.edge.store import EdgeStore
from exclaim.listen import Analysis
from exclaim.model import load_model
from exclaim.wire import CHUNK_TYPE, Chunk, StreamInfo


@pytest.fixture(scope="session")
def analysis(tmp_path_factory: pytest.TempPathFactory, make_model: Callable[..., Path]) -> Analysis:
    return Analysis([load_model(make_model(tmp_path_factory.mktemp("models") / "tiny.onnx"))])


@pytest.fixture(scope="session")
def two_lines(
    analysis: Analysis, tmp_path_factory: pytest.TempPathFactory, make_model: Callable[..., Path]
) -> Analysis:
    """The same burst model, and one that hears speech."""
    detection = Head(
        task="speech-detection",
        output="speech-detection",
        labels=("other", "speech"),
        thresholds=Thresholds(on=0.5, off=0.3),
    )
    emotion = Head(task="speech-emotion", output="speech-emotion", labels=("ANG", "DIS", "FEA", "HAP", "NEU", "SAD"))
    speech = make_model(tmp_path_factory.mktemp("models") / "speech.onnx", heads=(detection, emotion))
    return Analysis([*analysis.models, load_model(speech)])


def info(stream: str = "s1", device: str = "kitchen") -> StreamInfo:
    return StreamInfo(stream=stream, device=device, started=datetime(2026, 1, 1, tzinfo=UTC), origin="test")


def sound(frames: int, seed: int = 0) -> np.ndarray:
    """Return coded frames of a quiet room with loud stretches in it, (frames, 128) uint8."""
    random = np.random.default_rng(seed)
    codes = random.integers(0, 12, (frames, 128))
    for begin in range(150, frames, 500):
        codes[begin : begin + 130] += 120
    return codes.astype(np.uint8)


def talk_and_screams(frames: int, seed: int = 0) -> np.ndarray:
    """Return coded frames as :func:`sound` does, with talk (its bands alone are loud) between the loud stretches."""
    codes = sound(frames, seed)
    for begin in range(330, frames, 500):
        codes[begin : begin + 250, :16] += 140
        codes[begin : begin + 250, 16:32] += 90
    return codes


def run_of(codes: np.ndarray, first: int = 0, next: int | None = None) -> Run:
    part = codes[first:next]
    return Run(first, part, np.zeros(len(part), np.uint8))


class Edge:
    """An edge that can be killed and started again on the same store."""

    def __init__(self, folder: Path, analysis: Analysis) -> None:
        self.path = folder / "edge.sqlite"
        self.analysis = analysis
        self.options = EdgeOptions()
        self.max_bytes = 2**30
        self.decide = httpx.MockTransport(lambda request: httpx.Response(503))
        self.client: httpx.Client | None = None

    def up(self, **options: object) -> httpx.Client:
        self.options = msgspec.structs.replace(self.options, **options)
        self.store = EdgeStore(self.path, max_bytes=self.max_bytes)
        self._out = httpx.Client(base_url="http://decide.test", transport=self.decide)
        self.service = EdgeService(self.options, self.store, self.analysis, self._out)
        app = create_app(self.options, self.service)
        self._server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="on"))
        listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive()
            time.sleep(0.005)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.client = httpx.Client(base_url=self.url, trust_env=False, timeout=30)
        return self.client

    def down(self) -> None:
        if self.client is not None:
            self.client.close()
            self._server.should_exit = True
            self._thread.join()
            self._out.close()
            self.store.close()
            self.client = None

    def send(self, chunk: Chunk, **headers: str) -> httpx.Response:
        body = msgspec.msgpack.encode(chunk)
        return self.client.post("/v1/chunks", content=body, headers={"content-type": CHUNK_TYPE, **headers})

    def events(self) -> list[str]:
        """Return the ids of the events that wait for the decision service."""
        return [entry.id for entry in self.store.outbox.peek(1000)]


@pytest.fixture
def edge(tmp_path: Path, analysis: Analysis) -> Iterator[Edge]:
    edge = Edge(tmp_path, analysis)
    edge.up()
    yield edge
    edge.down()


def chunk(codes: np.ndarray, first: int, next: int, **fields: object) -> Chunk:
    return make_chunk(fields.pop("info", info()), run_of(codes, first, next), **fields)
