"""Edge, decision service and device are killed one after the other: every scream is decided, and once."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from .conftest import RATE, House, ended_well, kill, listened
from .test_three_layers import Cloud

pytest.importorskip("fastapi", reason="needs the extra `serve`")


def heard_to_its_end(house: House) -> None:
    """Wait until the device, whose answers are held back, has sealed all that it heard of its file."""
    sealed = [house.folder / "frames.sqlite", house.folder / "frames.sqlite-wal"]
    sizes, since, deadline = None, time.monotonic(), time.monotonic() + 60
    while time.monotonic() - since < 1.5:
        found = [path.stat() for path in sealed]
        if found != sizes:
            sizes, since = found, time.monotonic()
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_every_layer_is_killed_in_turn_and_every_scream_is_decided_once(
    house: House, scene: Path, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "quiet.wav", np.random.default_rng(1).normal(0, 1e-4, RATE), RATE)
    (tmp_path / "key").write_text("5a" * 32)
    cloud = Cloud(house)
    road = house.with_road()
    running = {"decide": cloud.start(), "first edge": house.edge()}
    cut = threading.Event()

    def fate(chunks: int) -> bool:
        if chunks == 1 and "first edge" in running:  # the device is told, and then asked for the same frames again
            heard_to_its_end(house)
            kill(running.pop("first edge"))
            house.edge()
        elif chunks == 2 and not cut.is_set():  # the device is never told
            kill(running["decide"])
            running["decide"] = cloud.start()
            kill(running["sense"])
            cut.set()
        return not cut.is_set()

    road.arrived = fate
    sealed = {"outbox": str(tmp_path / "frames.sqlite"), "seal_key_file": str(tmp_path / "key")}
    running["sense"] = house.sense(source=str(scene), **sealed)
    assert cut.wait(120)
    road.arrived = lambda chunks: True
    ended_well(house.sense(source=str(tmp_path / "quiet.wav")))
    wanted = [
        (episode["revision"], episode["detection"]["probability"]) for episode in listened(scene, house.models[0])
    ]
    deadline = time.monotonic() + 60
    while (found := cloud.decisions()) != wanted and time.monotonic() < deadline:
        time.sleep(0.1)
    assert found == wanted
    house.end()
    inferred = house.inferred()
    first = inferred[0][0]
    frames = [frame for stream, frame in inferred if stream == first]
    assert frames == list(range(31, frames[-1] + 1, 31))
    assert frames[-1] >= 3720  # all of the minute, most of which waited sealed while the device was dead
