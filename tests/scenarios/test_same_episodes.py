"""The same sound gives the same episodes, whether a file is listened to or goes through device, edge and cloud."""

from pathlib import Path

import pytest

from exclaim.listen import Analysis, listen_file
from exclaim.model import load_model

from .conftest import House, Receiver, comparable


def listened(path: Path, model: str) -> list[dict]:
    """Return the last revision of each episode that `exclaim listen` finds, as JSON has it."""
    import msgspec

    newest = {}
    for step in listen_file(path, Analysis([load_model(model)])):
        for episode in step.episodes:
            newest[episode.episode] = episode
    found = [comparable(msgspec.to_builtins(episode, str_keys=True)) for episode in newest.values()]
    return [msgspec.json.decode(msgspec.json.encode(episode)) for episode in sorted(found, key=lambda e: e["onset_frame"])]


@pytest.mark.parametrize("infer", ["edge", "device"])
def test_a_file_gives_the_same_episodes_by_every_way(house: House, receiver: Receiver, scene: Path, infer: str) -> None:
    house.options["sense"] = {"source": str(scene), "infer": infer}
    house.edge()
    device = house.sense()
    output, _ = device.communicate(timeout=60)
    assert device.returncode == 0, output
    wanted = listened(scene, house.models[0])
    assert len(wanted) == 4
    receiver.wait(lambda r: [e["state"] for e in r.episodes()] == ["closed"] * 4)
    assert receiver.episodes() == wanted
