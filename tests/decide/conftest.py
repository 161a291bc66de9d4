"""What the tests of the decision service share: events as an edge sends them, and a service that really runs."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from exclaim.config import Config, DecideOptions, SiteOptions
from exclaim.decide.server import run_decide
from exclaim.decide.store import Store, open_store
from exclaim.wire import EVENTS_TYPE, Detection, Episode, Event, Heartbeat, StreamInfo, TypeEstimate


def _episode(
    label: str | None = "negative",
    *,
    onset: datetime | None = None,
    episode: str = "e1",
    revision: int = 1,
    device: str = "room-12",
    origin: str = "microphone",
    typed: bool = True,
) -> Episode:
    onset = datetime.now(UTC) - timedelta(seconds=1) if onset is None else onset
    probabilities = {"negative": 0.81, "positive": 0.19}
    return Episode(
        episode=episode,
        revision=revision,
        state="open",
        info=StreamInfo(stream="s1", device=device, started=onset - timedelta(seconds=10), origin=origin),
        onset_frame=620,
        last_frame=900,
        onset=onset,
        detection=Detection(task="scream-detection", probability=0.93, threshold=0.7),
        type=TypeEstimate(task="scream-type", label=label, probabilities=probabilities, windows=3) if typed else None,
        level_db=-12.0,
    )


def _event(episode: Episode) -> Event:
    return Event(
        id=f"{episode.episode}.{episode.revision}",
        source=f"/devices/{episode.info.device}",
        time=episode.onset,
        data=episode,
    )


def _config(store: Path | str = "unused.sqlite", **decide: Any) -> Config:
    site = SiteOptions(name="house", context="a care home", purpose="to call staff", profile="care")
    return Config(site=site, decide=DecideOptions(**{"port": 0, "store": f"sqlite:///{store}", **decide}))


class Client(httpx.Client):
    """An edge and a person at once."""

    def send_events(self, *episodes: Episode) -> httpx.Response:
        body = msgspec.json.encode([_event(episode) for episode in episodes])
        return self.post("/v1/events", content=body, headers={"content-type": EVENTS_TYPE})

    def send_heartbeat(self, device: str = "room-12", **values: Any) -> httpx.Response:
        values = {"layer": "device", "time": datetime.now(UTC), **values}
        body = msgspec.json.encode(Heartbeat(device=device, **values))
        return self.post("/v1/heartbeats", content=body, headers={"content-type": "application/json"})

    def incidents(self, state: str = "unresolved") -> list[dict[str, Any]]:
        return self.get("/v1/incidents", params={"state": state}).json()["incidents"]


@contextmanager
def _running(config: Config) -> Iterator[str]:
    stop, up = threading.Event(), threading.Event()
    urls: list[str] = []
    failures: list[Exception] = []

    def ready(url: str) -> None:
        urls.append(url)
        up.set()

    def run() -> None:
        try:
            run_decide(config, ready=ready, stop=stop)
        except Exception as error:
            failures.append(error)
            up.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert up.wait(60)
        if failures:
            raise failures[0]
        yield urls[0]
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture(scope="session")
def episode_of() -> Callable[..., Episode]:
    """Make an episode: its type's label, then whatever differs from a scream in room 12 a second ago."""
    return _episode


@pytest.fixture(scope="session")
def event_of() -> Callable[[Episode], Event]:
    """Wrap an episode as the edge does."""
    return _event


@pytest.fixture(scope="session")
def config_of() -> Callable[..., Config]:
    """Make a configuration of a care home: the store's file, then options of ``decide``."""
    return _config


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with open_store(f"sqlite:///{tmp_path}/decide.sqlite") as opened:
        yield opened


@contextmanager
def _serving(folder: Path) -> Iterator[Callable[..., Client]]:
    with ExitStack() as stack:

        def start(**decide: Any) -> Client:
            url = stack.enter_context(_running(_config(folder / "decide.sqlite", **decide)))
            return stack.enter_context(Client(base_url=url, timeout=30))

        yield start


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Client]]:
    """Start the service on a free port with options of ``decide``, as ``exclaim decide`` runs it; gives a client."""
    with _serving(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def serve_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Client]]:
    """As ``serve``, for tests that share one service because they leave nothing in it."""
    with _serving(tmp_path_factory.mktemp("decide")) as start:
        yield start


@pytest.fixture
def serve_at(tmp_path: Path) -> Callable[[int], AbstractContextManager[Client]]:
    """Serve at a port for the time of a block, over one store: a service that goes away and comes back."""

    @contextmanager
    def serve(port: int) -> Iterator[Client]:
        with _serving(tmp_path) as start:
            yield start(port=port)

    return serve
