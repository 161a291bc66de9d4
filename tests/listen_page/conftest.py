"""The page as any web server has it, a browser that knows no other address, and a recording made here."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import soundfile

from exclaim.demo.synthesis import synthesise

DOCS = Path(__file__).parents[2] / "docs"
SECONDS = 14


class Site(NamedTuple):
    """A web server of this test's own."""

    url: str  # of the page
    asked: list[str]  # paths that were asked for


class Server(ThreadingHTTPServer):
    """A server in whose log a browser that hangs up is no error."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A page that is closed leaves downloads behind."""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            asked.append(self.path)

    with Server(("127.0.0.1", 0), partial(Handler, directory=DOCS)) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield Site(f"http://127.0.0.1:{server.server_port}/listen/", asked)
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def sound() -> np.ndarray:
    """Two synthesised screams in a quiet room: (samples,) float32 at 16 kHz."""
    rng = np.random.default_rng(0)
    wave = 0.002 * rng.standard_normal(SECONDS * 16_000)
    for name, at, peak in (("negative scream", 2.0, 0.6), ("positive scream", 8.5, 0.5)):
        scream = synthesise(name, 3)
        begin = round(at * 16_000)
        wave[begin : begin + scream.size] += peak * scream
    return wave.astype(np.float32)


@pytest.fixture(scope="session")
def recording(sound, tmp_path_factory) -> Path:
    """The sound as a 16-bit WAV file of 16 kHz."""
    path = tmp_path_factory.mktemp("sound") / "recording.wav"
    soundfile.write(path, sound, 16_000, subtype="PCM_16")
    return path
