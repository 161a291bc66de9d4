"""Tiny sound files and manifests for the corpora's tests, and a web server for what is fetched."""

import http.server
import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from exclaim.corpora.clip import Clip
from exclaim.corpora.manifest import Manifest


@pytest.fixture
def write_sound() -> Callable[..., Path]:
    """Write a tone of its own for each path, in the format of the path's suffix; its folders are made."""

    def write(path: Path, seconds: float = 0.05, rate: int = 16_000, peak: float = 0.5) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        pitch = 200 + sum(map(ord, path.name)) % 1000 + 7 * (sum(i * ord(c) for i, c in enumerate(path.stem)) % 97)
        time = np.arange(round(seconds * rate)) / rate
        soundfile.write(path, peak * np.sin(2 * np.pi * pitch * time), rate)
        return path

    return write


@pytest.fixture
def make_manifest() -> Callable[..., Manifest]:
    """Make a manifest of clips that need no files: one for each (speaker, label)."""

    def make(pairs: Iterable[tuple[str | None, str | None]], corpus: str = "csv") -> Manifest:
        clips = tuple(
            Clip(path=Path(f"/none/{number}.wav"), corpus=corpus, speaker=speaker, label=label)
            for number, (speaker, label) in enumerate(pairs)
        )
        return Manifest(corpus=corpus, clips=clips)

    return make


class Web:
    """What is published, how the server behaves, and what was asked of it."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}  # path, such as "/a.zip", to content
        self.ranges = True
        self.etag: str | None = '"first"'
        self.cut_after: list[int | None] = []  # for each answer in turn: bytes after which the connection breaks
        self.statuses: list[int] = []  # answered before anything else is
        self.announce_length = True
        self.redirects: dict[str, str] = {}
        self.batch: Callable[[dict[str, Any]], tuple[int, dict[str, Any]]] | None = None  # answers POST
        self.asked: list[dict[str, str]] = []  # headers of each GET, with its path as "path"
        self.url = ""


def _handler(web: Web) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            web.asked.append({"path": self.path, **{name.lower(): value for name, value in self.headers.items()}})
            if web.statuses:
                return self._answer(web.statuses.pop(0), b"busy", {"Retry-After": "7"})
            path = self.path.partition("?")[0]
            if path in web.redirects:
                return self._answer(302, b"", {"Location": web.redirects[path]})
            if path not in web.files:
                return self._answer(404, b"no such file")
            content, status, headers = web.files[path], 200, {}
            if web.etag:
                headers["ETag"] = web.etag
            wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            same = self.headers.get("If-Range") in (None, web.etag)
            if web.ranges and wanted and same:
                start = int(wanted[1])
                if start >= len(content):
                    return self._answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
                headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
                content, status = content[start:], 206
            self._answer(status, content, headers, web.cut_after.pop(0) if web.cut_after else None)

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer = web.batch(asked) if web.batch else (404, {"message": "no such place"})
            self._answer(status, json.dumps(answer).encode())

        def _answer(
            self, status: int, content: bytes, headers: dict[str, str] | None = None, cut: int | None = None
        ) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            if web.announce_length or status != 200:
                self.send_header("Content-Length", str(len(content)))
            else:
                self.send_header("Connection", "close")
                self.close_connection = True
            self.end_headers()
            self.wfile.write(content if cut is None else content[:cut])
            if cut is not None:
                self.close_connection = True

    return Handler


@pytest.fixture
def web() -> Iterator[Web]:
    """A web server on this machine: with ranges or without, and as unreliable as a test needs it."""
    web = Web()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(web))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    web.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield web
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
