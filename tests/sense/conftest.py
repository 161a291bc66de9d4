"""A device's way to a real ingest, without a network between them that a test could not cut."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import msgspec
import pytest

from exclaim.chunks import read_chunk
from exclaim.edge.answers import Refusal
from exclaim.edge.ingest import Ingest
from exclaim.edge.store import EdgeStore
from exclaim.listen import Analysis
from exclaim.model import load_model
from exclaim.wire import Chunk, StreamInfo


@pytest.fixture(scope="session")
def analysis(tmp_path_factory: pytest.TempPathFactory, make_model: Callable[..., Path]) -> Analysis:
    return Analysis([load_model(make_model(tmp_path_factory.mktemp("models") / "tiny.onnx"))])


def info(stream: str = "s") -> StreamInfo:
    return StreamInfo(stream=stream, device="kitchen", started=datetime(2026, 1, 1, tzinfo=UTC), origin="test")


class Line:
    """What a device sends goes to an ingest, unless the line is cut or the edge is told to answer otherwise."""

    def __init__(self, folder: Path, analysis: Analysis) -> None:
        self.store = EdgeStore(folder / "edge.sqlite")
        self._analysis = analysis
        self.cut = False
        self.answer: httpx.Response | None = None
        self.most_bytes = 10**9
        self.chunks: list[Chunk] = []  # that arrived
        self.client = httpx.Client(base_url="http://edge.test", transport=httpx.MockTransport(self._carry))
        self._start()

    def _start(self) -> None:
        self.ingest = Ingest(self.store, self._analysis)
        self.ingest.start()

    def restart(self) -> None:
        """Let the edge lose its memory."""
        self.ingest.stop()
        self._start()

    def close(self) -> None:
        self.client.close()
        self.ingest.stop()
        self.store.close()

    def _carry(self, request: httpx.Request) -> httpx.Response:
        if self.cut:
            raise httpx.ConnectError("the line is cut")
        if self.answer is not None:
            return self.answer
        if len(request.content) > self.most_bytes:
            return httpx.Response(413)
        chunk = msgspec.msgpack.decode(request.content, type=Chunk)
        self.chunks.append(chunk)
        try:
            ack = self.ingest.submit(chunk, read_chunk(chunk)).result()
        except Refusal as refusal:
            return httpx.Response(refusal.status, json=refusal.more)
        return httpx.Response(200, content=msgspec.json.encode(ack))


@pytest.fixture
def line(tmp_path: Path, analysis: Analysis) -> Iterator[Line]:
    line = Line(tmp_path, analysis)
    yield line
    line.close()
