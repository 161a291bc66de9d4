"""Real processes on free loopback ports, and a decision service that only stores what it is sent."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import msgspec
import numpy as np
import pytest
import soundfile
import yaml

from exclaim.card import Head, Thresholds
from exclaim.listen import Analysis, listen_file
from exclaim.model import load_model
from exclaim.transport import wait_until_ready

RATE = 16_000


def free_port() -> int:
    """Return a loopback port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Receiver:
    """Stands in for the decision service: stores events by id, can go away and come back on the same port."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.events: dict[str, dict] = {}
        self.arrivals: list[str] = []
        self.heartbeats: dict[tuple[str, str], dict] = {}
        self._changed = threading.Condition()
        self._server: ThreadingHTTPServer | None = None

    def up(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                answer = json.dumps(receiver.take(self.path, body)).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def down(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def take(self, path: str, body: object) -> dict:
        with self._changed:
            if path == "/v1/heartbeats":
                self.heartbeats[body["layer"], body["device"]] = body
                accepted = []
            else:
                accepted = [event["id"] for event in body]
                self.arrivals += accepted
                self.events |= {event["id"]: event for event in body}
            self._changed.notify_all()
        return {"accepted": accepted}

    def wait(self, holds: Callable[["Receiver"], bool], seconds: float = 60.0) -> None:
        """Wait until ``holds`` is true of what arrived."""
        with self._changed:
            assert self._changed.wait_for(lambda: holds(self), seconds), f"never arrived; got {self.arrivals}"

    def episodes(self) -> list[dict]:
        """Return the highest revision of each episode, without what differs between streams, in order."""
        newest: dict[str, dict] = {}
        for event in self.events.values():
            episode = event["data"]
            if episode["revision"] > newest.get(episode["episode"], {"revision": 0})["revision"]:
                newest[episode["episode"]] = episode
        return sorted((comparable(e) for e in newest.values()), key=lambda e: e["onset_frame"])


class Road:
    """The network between a device and the edge: it can be cut, say things twice, and lose what comes back."""

    def __init__(self, edge_url: str) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self.open = True
        self.twice = False
        self.chunks = 0  # that arrived at the edge
        self.statuses: list[int] = []  # the edge's answers to chunks and events
        self.attempts = 0  # at chunks and events, arrived or not
        self.arrived: Callable[[int], bool] = lambda chunk: True  # says whether the answer gets back
        self._changed = threading.Condition()
        road = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                response = road.carry(self.path, body, self.headers["content-type"])
                if response is None:
                    self.close_connection = True
                    return
                with suppress(OSError):  # the device was killed, or gave up waiting
                    self.send_response(response.status_code)
                    self.send_header("content-length", str(len(response.content)))
                    self.end_headers()
                    self.wfile.write(response.content)

            def log_message(self, *_: object) -> None:
                pass

        self._client = httpx.Client(base_url=edge_url, trust_env=False, timeout=30)
        self._server = ThreadingHTTPServer(("127.0.0.1", int(self.url.rpartition(":")[2])), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def carry(self, path: str, body: bytes, media: str) -> httpx.Response | None:
        counts = path != "/v1/heartbeats"
        with self._changed:
            self.attempts += counts
            self._changed.notify_all()
        if not self.open:
            return None
        try:
            for _ in range(2 if self.twice else 1):
                response = self._client.post(path, content=body, headers={"content-type": media})
        except httpx.HTTPError:
            return None
        if not counts:
            return response
        with self._changed:
            self.statuses.append(response.status_code)
            self.chunks += path == "/v1/chunks" and response.is_success
            self._changed.notify_all()
        return response if self.arrived(self.chunks) else None

    def wait(self, holds: Callable[["Road"], bool], seconds: float = 60.0) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: holds(self), seconds), (self.attempts, self.statuses)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._client.close()


def listened(path: Path, *models: str) -> list[dict]:
    """Return the last revision of each episode that `exclaim listen` finds, as JSON has it."""
    newest = {}
    for step in listen_file(path, Analysis([load_model(model) for model in models])):
        for episode in step.episodes:
            newest[episode.episode] = comparable(msgspec.json.decode(msgspec.json.encode(episode)))
    return sorted(newest.values(), key=lambda episode: episode["onset_frame"])


def comparable(episode: dict) -> dict:
    """Return an episode without its ids and times, which belong to one run of capture."""
    return {key: value for key, value in episode.items() if key not in ("episode", "info", "onset")}


class House:
    """The processes of one test."""

    def __init__(self, folder: Path, models: list[str], receiver: Receiver) -> None:
        self.folder = folder
        self.receiver = receiver
        self.edge_url = f"http://127.0.0.1:{free_port()}"
        self.models = models
        self.options: dict[str, dict] = {"edge": {}, "sense": {}}
        self.road: Road | None = None
        self._processes: list[subprocess.Popen] = []
        self._lock = threading.Lock()
        self._over = False

    def config(self) -> Path:
        sense = {
            "device": "kitchen",
            "edge_url": self.edge_url,
            "real_time": False,
            "heartbeat_seconds": 0.5,
            "results_outbox": str(self.folder / "device.sqlite"),
            **self.options["sense"],
        }
        if self.road:
            sense["edge_url"] = self.road.url
        edge = {
            "port": int(self.edge_url.rpartition(":")[2]),
            "store": str(self.folder / "edge.sqlite"),
            "decide_url": self.receiver.url,
            "heartbeat_seconds": 0.5,
            **self.options["edge"],
        }
        site = {"name": "test", "context": "a test", "purpose": "to test"}
        path = self.folder / "exclaim.yaml"
        path.write_text(yaml.safe_dump({"site": site, "sense": [sense], "edge": edge, "models": self.models}))
        return path

    def start(self, *arguments: str, before: Callable[[], None] | None = None) -> subprocess.Popen:
        with self._lock:
            assert not self._over, "a test that is over starts nothing more"
            process = subprocess.Popen(
                [sys.executable, "-m", "exclaim", *arguments],
                cwd=self.folder,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                preexec_fn=before,
            )
            self._processes.append(process)
        return process

    def edge(self, before: Callable[[], None] | None = None) -> subprocess.Popen:
        process = self.start("edge", "--config", str(self.config()), before=before)
        wait_until_ready(self.edge_url, alive=lambda: process.poll() is None)
        return process

    def sense(self, **options: object) -> subprocess.Popen:
        self.options["sense"] |= options
        return self.start("sense", "--config", str(self.config()))

    def with_road(self) -> Road:
        """Put a network that a test can disturb between device and edge."""
        self.road = Road(self.edge_url)
        return self.road

    def inferred(self) -> list[tuple[str, int]]:
        """Return what the edge, which must not run, has inferred: stream and last frame of each window."""
        with closing(sqlite3.connect(self.folder / "edge.sqlite")) as connection:
            return connection.execute("SELECT stream, end_frame FROM results ORDER BY stream, end_frame").fetchall()

    def end(self) -> None:
        """Kill what still runs; nothing starts any more."""
        with self._lock:
            self._over = True
        for process in self._processes:
            kill(process)
        if self.road:
            self.road.close()
            self.road = None


def ended_well(process: subprocess.Popen, seconds: float = 120.0) -> str:
    """Wait for the end of a process, which must be a good one; return its output."""
    output, _ = process.communicate(timeout=seconds)
    assert process.returncode == 0, output
    return output


def kill(process: subprocess.Popen) -> None:
    """End a process as a power cut would."""
    process.send_signal(signal.SIGKILL)  # nothing, where it ended before
    process.wait()
    process.stdout.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    receiver.up()
    yield receiver
    receiver.down()


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory, make_model: Callable[..., Path]) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / "tiny.onnx", level_floor_db=-40.0)


@pytest.fixture(scope="session")
def speech_model(tmp_path_factory: pytest.TempPathFactory, make_model: Callable[..., Path]) -> Path:
    """Hears whether somebody speaks, and with which emotion."""
    heads = (
        Head(
            task="speech-detection",
            output="speech-detection",
            labels=("other", "speech"),
            thresholds=Thresholds(on=0.5, off=0.3),
        ),
        Head(
            task="speech-emotion",
            output="speech-emotion",
            labels=("ANG", "DIS", "FEA", "HAP", "NEU", "SAD"),
            abstain_below=0.6,
        ),
    )
    return make_model(tmp_path_factory.mktemp("models") / "speech.onnx", heads=heads, level_floor_db=-30.0)


@pytest.fixture
def house(tmp_path: Path, model: Path, receiver: Receiver) -> Iterator[House]:
    house = House(tmp_path, [str(model)], receiver)
    yield house
    house.end()


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of a quiet room with four loud bursts in it."""
    random = np.random.default_rng(3)
    samples = random.normal(0, 1e-4, 60 * RATE)
    for second, length in ((6, 2.0), (18, 1.2), (31, 3.5), (47, 1.6)):
        burst = random.normal(0, 0.2, int(length * RATE))
        samples[second * RATE : second * RATE + len(burst)] += burst
    path = tmp_path_factory.mktemp("scene") / "scene.wav"
    soundfile.write(path, samples.clip(-1, 1), RATE, subtype="PCM_16")
    return path


@pytest.fixture(scope="session")
def talk_scene(tmp_path_factory: pytest.TempPathFactory, make_talk: Callable[..., np.ndarray]) -> Path:
    """Seventy seconds of a quiet room: talk that a loud burst breaks into, a burst alone, a talk of half a minute."""
    random = np.random.default_rng(3)
    samples = random.normal(0, 1e-6, 70 * RATE)
    for second, length, angry in ((4, 8.0, True), (34, 32.0, False)):
        samples[second * RATE : round((second + length) * RATE)] += make_talk(length, angry=angry)
    for second in (7, 23):
        samples[second * RATE : round((second + 1.5) * RATE)] += random.normal(0, 0.3, round(1.5 * RATE))
    path = tmp_path_factory.mktemp("scene") / "talk.wav"
    soundfile.write(path, samples.clip(-1, 1), RATE, subtype="PCM_16")
    return path
