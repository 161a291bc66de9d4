"""The decision service is killed as by a power cut: nothing acknowledged is lost, nothing is decided twice."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import msgspec
import pytest
import yaml

from exclaim.transport import wait_until_ready
from exclaim.wire import EVENTS_TYPE, Detection, Episode, Event, StreamInfo, TypeEstimate

pytest.importorskip("fastapi", reason="needs the extra `serve`")


class Pager:
    """A webhook's receiver that notes every attempt, and can leave them unanswered."""

    def __init__(self):
        self.attempts = []
        self.answers = threading.Event()
        self.changed = threading.Condition()
        pager = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with pager.changed:
                    pager.attempts.append((self.headers["webhook-id"], body))
                    pager.changed.notify_all()
                pager.answers.wait(60)
                try:
                    self.send_response(204)
                    self.end_headers()
                except OSError:
                    return  # the sender was killed meanwhile

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/page"
        threading.Thread(target=self.server.serve_forever, args=(0.02,)).start()

    def wait(self, holds):
        with self.changed:
            assert self.changed.wait_for(lambda: holds(self.attempts), 60), self.attempts

    def close(self):
        self.answers.set()
        self.server.shutdown()
        self.server.server_close()


class Service:
    """``exclaim decide`` as a process, on one port and one store over its lives."""

    def __init__(self, folder, pager, **options):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        decide = {
            "port": int(self.url.rpartition(":")[2]),
            "store": f"sqlite:///{folder}/decide.sqlite",
            "webhook": {"url": pager.url, "secret": "whsec_" + "A" * 32},
            **options,
        }
        site = {"name": "house", "context": "a test", "purpose": "to test", "profile": "metro"}
        self.config = folder / "exclaim.yaml"
        self.config.write_text(yaml.safe_dump({"site": site, "decide": decide}))
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "exclaim", "decide", "--config", str(self.config)],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until_ready(self.url, alive=lambda: self.process.poll() is None)

    def kill(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def send(self, *episodes):
        """Deliver as an edge does; returns the ids that were acknowledged."""
        events = [
            Event(id=f"{one.episode}.{one.revision}", source="/devices/hall", time=one.onset, data=one)
            for one in episodes
        ]
        headers = {"content-type": EVENTS_TYPE}
        answer = httpx.post(f"{self.url}/v1/events", content=msgspec.json.encode(events), headers=headers, timeout=30)
        return answer.raise_for_status().json()["accepted"]

    def get(self, path, **parameters):
        return httpx.get(self.url + path, params=parameters, timeout=30).raise_for_status().json()


def episode(name, label="negative", ago=1.0):
    onset = datetime.now(UTC) - timedelta(seconds=ago)
    return Episode(
        episode=name,
        revision=1,
        state="closed",
        info=StreamInfo(stream="s", device="hall", started=onset),
        onset_frame=0,
        last_frame=187,
        onset=onset,
        detection=Detection(task="scream-detection", probability=0.9, threshold=0.7),
        type=TypeEstimate(task="scream-type", label=label, probabilities={"negative": 0.5}, windows=1),
        level_db=0.0,
    )


@pytest.fixture
def pager():
    pager = Pager()
    yield pager
    pager.close()


@pytest.fixture
def start(tmp_path, pager):
    services = []

    def make(**options):
        service = Service(tmp_path, pager, **options)
        services.append(service)
        service.start()
        return service

    yield make
    for service in services:
        service.kill()


def test_killed_between_events_it_loses_nothing_and_decides_nothing_twice(start, pager):
    pager.answers.set()
    service = start()
    episodes = [episode(f"e{number:02}") for number in range(40)]
    acknowledged, unsure = [], list(episodes)

    def deliver():
        while unsure:
            try:
                acknowledged.extend(service.send(unsure[0]))
            except httpx.HTTPError:
                return  # killed: it stays first, since the edge cannot know whether it was taken
            unsure.pop(0)

    for taken in (7, 23):
        sender = threading.Thread(target=deliver)
        sender.start()
        while len(acknowledged) < taken:
            time.sleep(0.001)
        service.kill()
        sender.join()
        service.start()
        known = {one["episode"] for one in service.get("/v1/decisions", limit=500)["decisions"]}
        assert {identifier.removesuffix(".1") for identifier in acknowledged} <= known
    deliver()
    service.send(*episodes)  # and all of it once more
    assert len(service.get("/v1/decisions", limit=500)["decisions"]) == 40
    incidents = service.get("/v1/incidents", limit=500)["incidents"]
    assert sorted(one["decision"]["episode"] for one in incidents) == [one.episode for one in episodes]
    assert all([step["action"] for step in one["history"]] == ["open"] for one in incidents)
    pager.wait(lambda attempts: len({body["data"]["incident"] for _, body in attempts}) == 40)
    assert len({identifier for identifier, _ in pager.attempts}) == 40  # one message each, whatever was repeated


def test_a_deadline_that_passed_while_it_was_dead_fires_when_it_is_back(start, pager):
    pager.answers.set()
    service = start(review_seconds=3.0)
    service.send(episode("unsure", label=None), episode("late", label=None, ago=3600))
    service.kill()
    time.sleep(3.0)
    assert pager.attempts == []
    service.start()
    pager.wait(lambda attempts: len(attempts) == 1)
    cases = {one["decision"]["episode"]: one for one in service.get("/v1/incidents")["incidents"]}
    assert (cases["unsure"]["severity"], cases["unsure"]["state"]) == ("alert", "open")
    assert (cases["late"]["severity"], cases["late"]["late"], cases["late"]["deadline"]) == ("review", True, None)
    assert pager.attempts[0][1]["data"]["call"] == "police"


def test_killed_while_it_pages_it_pages_again_under_the_same_id(start, pager):
    service = start()
    service.send(episode("e1"))
    pager.wait(lambda attempts: len(attempts) == 1)  # it arrived, and the receiver has not answered
    service.kill()
    pager.answers.set()
    service.start()
    pager.wait(lambda attempts: len(attempts) == 2)
    assert len({identifier for identifier, _ in pager.attempts}) == 1
    for _ in range(200):
        (case,) = service.get("/v1/incidents")["incidents"]
        if case["pages"][0]["delivered"]:
            break
        time.sleep(0.05)
    assert (len(case["pages"]), bool(case["pages"][0]["delivered"])) == (1, True)
