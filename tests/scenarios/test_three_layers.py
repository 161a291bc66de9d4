"""Device, edge and decision service, all real: each is killed once, and every scream is decided once."""

import subprocess
import time
from pathlib import Path

import httpx
import pytest
import yaml

from exclaim.transport import wait_until_ready

from .conftest import House, ended_well, free_port, kill, listened

pytest.importorskip("fastapi", reason="needs the extra `serve`")


class Cloud:
    """The decision service of a house."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.url = f"http://127.0.0.1:{free_port()}"
        house.options["edge"] = {"decide_url": self.url}

    def start(self) -> subprocess.Popen:
        path = self.house.config()
        config = yaml.safe_load(path.read_text())
        config["decide"] = {
            "port": int(self.url.rpartition(":")[2]),
            "store": f"sqlite:///{self.house.folder}/decide.sqlite",
        }
        path = path.with_name("decide.yaml")
        path.write_text(yaml.safe_dump(config))
        process = self.house.start("decide", "--config", str(path))
        wait_until_ready(self.url, seconds=60, alive=lambda: process.poll() is None)
        return process

    def decisions(self) -> list[tuple[int, float]]:
        """Return revision and confidence of each decision, in the order of the sounds."""
        found = httpx.get(f"{self.url}/v1/decisions", trust_env=False, timeout=30).json()["decisions"]
        return [(d["revision"], d["confidence"]) for d in sorted(found, key=lambda d: d["onset"])]


def test_every_layer_is_killed_and_every_scream_is_decided_once(house: House, scene: Path) -> None:
    cloud = Cloud(house)
    road = house.with_road()
    running = {"edge": house.edge()}  # the cloud is not there yet

    def fate(chunks: int) -> bool:
        if chunks == 1 and "decide" not in running:
            running["decide"] = cloud.start()
        if chunks == 2 and running:
            kill(running["decide"])
            kill(running["edge"])
            running.clear()
            cloud.start()
            house.edge()
        return True

    road.arrived = fate
    ended_well(house.sense(source=str(scene)))
    wanted = [
        (episode["revision"], episode["detection"]["probability"]) for episode in listened(scene, house.models[0])
    ]
    deadline = time.monotonic() + 60
    while (found := cloud.decisions()) != wanted and time.monotonic() < deadline:
        time.sleep(0.1)
    assert found == wanted
