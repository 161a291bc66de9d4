"""Which sounds the demo plays: recordings that are here, else ones that are fetched, else ones that are made."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exclaim.demo.fetching import fetch_clips
from exclaim.demo.scene import Scene, find_ambience, find_clips, recorded, synthesised
from exclaim.errors import AudioError, DeliveryError

__all__ = ["Sounds", "choose_sounds"]

FETCH_SECONDS = 30.0  # for each step of fetching: who has no network does not wait long


class Sounds(NamedTuple):
    """What each device hears."""

    waves: dict[str, np.ndarray]  # device to (samples,) float32 at 16 kHz in [-1, 1]
    synthesised: bool
    text: str  # where they are from, for people


def choose_sounds(scene: Scene, *, data: Path | None, cache: Path | None, say: Callable[[str], None]) -> Sounds:
    """Return the best sounds that can be had.

    Args:
        scene: what is to be heard and when.
        data: folder of the corpora, which need not exist; None: do not look.
        cache: where fetched clips are kept; None: do not fetch.
        say: called with a sentence for each source that gave nothing.
    """
    if data is not None:
        try:
            return _from_data(scene, data)
        except (AudioError, DeliveryError) as error:
            say(f"no recordings from {data}: {error}")
    if cache is not None:
        say(f"fetching a dozen EmoGator clips from {scene.repository} ...")
        try:
            return _from_repository(scene, cache)
        except (AudioError, DeliveryError) as error:
            say(f"no recordings from the network: {error}")
    text = "SYNTHESISED sounds, not recordings: what follows shows how exclaim works, not how well it hears"
    waves = {device.device: synthesised(device, scene.seconds) for device in scene.devices}
    return Sounds(waves, synthesised=True, text=text)


def _from_data(scene: Scene, data: Path) -> Sounds:
    clips = find_clips(data, scene.clips)
    if missing := [clip for clip in scene.clips if clip not in clips]:
        raise DeliveryError(f"{len(missing)} of the scene's {len(scene.clips)} EmoGator clips are not there")
    rooms = find_ambience(data, scene)
    waves = {
        device.device: recorded(device, scene.seconds, clips, rooms.get(device.ambience)) for device in scene.devices
    }
    return Sounds(waves, synthesised=False, text=f"recordings: EmoGator clips from {data}")


def _from_repository(scene: Scene, cache: Path) -> Sounds:
    clips = fetch_clips(
        scene.clips,
        cache,
        repository=scene.repository,
        commit=scene.commit,
        sha256=scene.sha256,
        timeout_seconds=FETCH_SECONDS,
    )
    waves = {device.device: recorded(device, scene.seconds, clips, None) for device in scene.devices}
    return Sounds(waves, synthesised=False, text=f"recordings: EmoGator clips, commit {scene.commit[:12]}")
