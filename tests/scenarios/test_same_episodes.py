"""The same sound gives the same episodes, whether a file is listened to or goes through device, edge and cloud."""

from pathlib import Path

import pytest

from .conftest import House, Receiver, ended_well, listened


@pytest.mark.parametrize("infer", ["edge", "device"])
def test_a_file_gives_the_same_episodes_by_every_way(house: House, receiver: Receiver, scene: Path, infer: str) -> None:
    house.edge()
    ended_well(house.sense(source=str(scene), infer=infer))
    wanted = listened(scene, house.models[0])
    assert len(wanted) == 4
    receiver.wait(lambda r: [e["state"] for e in r.episodes()] == ["closed"] * 4)
    assert receiver.episodes() == wanted
    receiver.wait(lambda r: {("device", "kitchen"), ("edge", "edge")} <= r.heartbeats.keys())


@pytest.mark.parametrize("infer", ["edge", "device"])
def test_bursts_and_speech_are_the_same_by_every_way(
    house: House, receiver: Receiver, speech_model: Path, talk_scene: Path, infer: str
) -> None:
    house.models.append(str(speech_model))
    house.edge()
    ended_well(house.sense(source=str(talk_scene), infer=infer))
    wanted = listened(talk_scene, *house.models)
    told = [(e["detection"]["task"], e["type"]["label"]) for e in wanted]
    assert told[0] == ("speech-detection", "ANG")
    assert told[-1] == ("speech-detection", "SAD")
    assert [task for task, _ in told].count("scream-detection") == 2
    receiver.wait(lambda r: [e["state"] for e in r.episodes()] == ["closed"] * len(wanted))
    assert receiver.episodes() == wanted
