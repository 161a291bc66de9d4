"""The demo's stage: a folder with sound files and the configuration of a site on loopback."""

import socket
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import soundfile
import yaml

from exclaim.config import Config, DecideOptions, EdgeOptions, SenseOptions, SiteOptions
from exclaim.demo.scene import Scene
from exclaim.demo.sounds import Sounds
from exclaim.errors import StoreError
from exclaim.features import SAMPLE_RATE

__all__ = ["free_port", "set_stage", "stage_config"]

CONFIG_NAME = "exclaim.yaml"


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that nothing listens on now."""
    with socket.socket() as attempt:
        attempt.bind((host, 0))
        return attempt.getsockname()[1]


def stage_config(
    scene: Scene,
    sounds: Sounds,
    *,
    page_port: int,
    edge_port: int,
    real_time: bool,
    models: Sequence[str] = (),
) -> Config:
    """Return the configuration of the demo's site; its paths start in the stage's folder.

    Args:
        scene: the devices and their profiles.
        sounds: says whether they are synthesised.
        page_port: of the decision service and its page.
        edge_port: of the edge server.
        real_time: at the sounds' own speed, or as fast as it goes.
        models: model files; none: the shipped ones.
    """
    edge_url = f"http://127.0.0.1:{edge_port}"
    devices = tuple(
        SenseOptions(
            device=device.device,
            source=f"{device.device}.wav",
            synthesised=sounds.synthesised,
            real_time=real_time,
            edge_url=edge_url,
            heartbeat_seconds=2.0,
        )
        for device in scene.devices
    )
    site = SiteOptions(
        name="demo",
        context="three places that exist only in this demo",
        purpose="to show the way from a sound to a decision",
        profiles={device.device: device.profile for device in scene.devices},
    )
    edge = EdgeOptions(port=edge_port, decide_url=f"http://127.0.0.1:{page_port}", heartbeat_seconds=2.0)
    config = Config(site=site, sense=devices, edge=edge, decide=DecideOptions(port=page_port))
    return msgspec.structs.replace(config, models=tuple(models)) if models else config


def set_stage(folder: Path, config: Config, sounds: Sounds) -> Path:
    """Write the sound files and the configuration into ``folder``; return the configuration's path.

    Raises:
        StoreError: when they cannot be written, for instance because the disk is full.
    """
    path = folder / CONFIG_NAME
    try:
        for device, wave in sounds.waves.items():
            pcm = np.round(np.clip(wave, -1, 1) * 32767).astype(np.int16)
            soundfile.write(folder / f"{device}.wav", pcm, SAMPLE_RATE, subtype="PCM_16")
        path.write_text(yaml.safe_dump(msgspec.to_builtins(config), sort_keys=False), "utf-8")
    except (OSError, soundfile.SoundFileError) as error:
        text = f"the demo's files cannot be written to {folder}: {error}; make room, or set TMPDIR"
        raise StoreError(text) from error
    return path
