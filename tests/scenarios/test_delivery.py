"""Nothing acknowledged is lost and nothing is inferred twice, whoever is killed, away or full."""

import resource
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile

from .conftest import RATE, House, Receiver, ended_well, kill, listened


@pytest.fixture
def quiet(tmp_path: Path) -> Path:
    """A second of a quiet room."""
    path = tmp_path / "quiet.wav"
    soundfile.write(path, np.random.default_rng(1).normal(0, 1e-4, RATE), RATE)
    return path


def whole(house: House) -> list[int]:
    """Return the ends of the windows that the edge inferred of its only stream."""
    inferred = house.inferred()
    assert len({stream for stream, _ in inferred}) == 1
    return [frame for _, frame in inferred]


def test_the_edge_is_killed_in_mid_stream_and_an_answer_is_lost(house: House, receiver: Receiver, scene: Path) -> None:
    edge = house.edge()
    road = house.with_road()
    before = []

    def power_cut(chunks: int) -> bool:
        if chunks == 3 and not before:
            kill(edge)
            before.extend(whole(house))
            house.edge()
        return chunks != 1  # the first chunk is on disk, but the device is never told

    road.arrived = power_cut
    ended_well(house.sense(source=str(scene)))
    receiver.wait(lambda r: [e["state"] for e in r.episodes()] == ["closed"] * 4)
    assert receiver.episodes() == listened(scene, house.models[0])
    house.end()
    after = whole(house)
    assert after[: len(before)] == before
    assert 0 < len(before) < len(after)
    assert after == list(range(31, after[-1] + 1, 31))


def test_the_device_goes_offline_and_comes_back(house: House, receiver: Receiver, scene: Path) -> None:
    house.edge()
    road = house.with_road()
    road.arrived = lambda chunks: setattr(road, "open", False) is None and chunks != 1
    device = house.sense(source=str(scene))
    road.wait(lambda r: r.attempts > 3)
    assert device.poll() is None
    road.arrived, road.open = (lambda chunks: True), True
    ended_well(device)
    receiver.wait(lambda r: [e["state"] for e in r.episodes()] == ["closed"] * 4)
    assert receiver.episodes() == listened(scene, house.models[0])


def test_every_chunk_arrives_twice(house: House, receiver: Receiver, scene: Path) -> None:
    house.edge()
    house.with_road().twice = True
    ended_well(house.sense(source=str(scene)))
    receiver.wait(lambda r: [e["state"] for e in r.episodes()] == ["closed"] * 4)
    assert receiver.episodes() == listened(scene, house.models[0])
    assert sorted(receiver.arrivals) == sorted(receiver.events)


def test_the_decision_service_is_away_for_a_while_and_the_edge_is_killed_meanwhile(
    house: House, receiver: Receiver, scene: Path
) -> None:
    receiver.down()
    edge = house.edge()
    ended_well(house.sense(source=str(scene)))
    waiting = httpx.get(f"{house.edge_url}/health", trust_env=False).json()["events_waiting"]
    assert waiting >= 8  # four episodes, opened and closed
    kill(edge)
    house.edge()
    receiver.up()
    receiver.wait(lambda r: len(r.events) == waiting)
    assert receiver.episodes() == listened(scene, house.models[0])


def test_a_device_that_infers_is_killed_with_results_that_wait(
    house: House, receiver: Receiver, scene: Path, quiet: Path
) -> None:
    road = house.with_road()
    road.open = False
    device = house.sense(source=str(scene), infer="device")
    road.wait(lambda r: r.attempts >= 1)  # so at least one result is on disk
    kill(device)
    house.edge()
    road.open = True
    ended_well(house.sense(source=str(quiet)))
    receiver.wait(lambda r: r.episodes() and all(e["state"] == "closed" for e in r.episodes()))
    wanted = {episode["onset_frame"] for episode in listened(scene, house.models[0])}
    assert {episode["onset_frame"] for episode in receiver.episodes()} <= wanted


def test_a_device_with_a_sealed_outbox_is_killed_with_frames_that_wait(
    house: House, receiver: Receiver, scene: Path, quiet: Path
) -> None:
    road = house.with_road()
    road.open = False
    (house.folder / "key").write_text("5a" * 32)
    sealed = {"outbox": str(house.folder / "frames.sqlite"), "seal_key_file": str(house.folder / "key")}
    device = house.sense(source=str(scene), **sealed)
    road.wait(lambda r: r.attempts >= 3)
    kill(device)
    house.edge()
    road.open = True
    ended_well(house.sense(source=str(quiet)))
    receiver.wait(lambda r: len(r.events) >= 2)
    assert receiver.episodes()[0]["onset_frame"] == listened(scene, house.models[0])[0]["onset_frame"]
    house.end()
    assert len({stream for stream, _ in house.inferred()}) == 2  # what was left, and what the second run heard


def test_the_edges_disk_is_full_until_somebody_makes_room(house: House, receiver: Receiver, scene: Path) -> None:
    no_room = 100_000  # bytes that any file may grow to: a few commits
    edge = house.edge(before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (no_room, no_room)))
    road = house.with_road()
    device = house.sense(source=str(scene))
    road.wait(lambda r: 507 in r.statuses)
    assert device.poll() is None
    kill(edge)
    house.edge()
    ended_well(device)
    receiver.wait(lambda r: [e["state"] for e in r.episodes()] == ["closed"] * 4)
    assert receiver.episodes() == listened(scene, house.models[0])
    house.end()
    frames = whole(house)
    assert frames == list(range(31, frames[-1] + 1, 31))
