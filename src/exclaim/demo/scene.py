"""What the three devices of the demo hear: clips placed in time, over a soft ambience."""

from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import yaml

from exclaim.audio import read_audio
from exclaim.config import Profile
from exclaim.demo.synthesis import synthesise
from exclaim.features import SAMPLE_RATE
from exclaim.wire import Name

__all__ = [
    "Cue",
    "DeviceScene",
    "Scene",
    "find_ambience",
    "find_clips",
    "load_scene",
    "recorded",
    "synthesised",
]

# a scream is louder than what else a room holds
VOICE_PEAK = {"negative scream": 0.6, "positive scream": 0.6, "unclear scream": 0.6}
OTHER_PEAK = 0.25
AMBIENCE_RMS = 0.003  # -50 dB re full scale


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of what a scene is made of."""


class Cue(_Part):
    """One sound at one time."""

    at: Annotated[float, msgspec.Meta(ge=0)]  # seconds from the start
    sound: str  # a name in synthesis.SOUNDS
    clip: str  # name of an EmoGator file without its ending


class DeviceScene(_Part):
    """What one device hears."""

    device: Name
    profile: Profile
    ambience: str  # folder of the noise corpus
    cues: tuple[Cue, ...]


class Scene(_Part):
    """The whole scene, and where its clips are published."""

    seconds: Annotated[float, msgspec.Meta(gt=0)]
    repository: str
    commit: str
    sha256: dict[str, str]  # clip to SHA-256 of the official file, where known
    devices: tuple[DeviceScene, ...]

    @property
    def clips(self) -> tuple[str, ...]:
        """Names of all clips, each once."""
        return tuple(dict.fromkeys(cue.clip for device in self.devices for cue in device.cues))


def load_scene() -> Scene:
    """Return the scene that exclaim ships."""
    text = files("exclaim").joinpath("demo/scene.yaml").read_text("utf-8")
    return msgspec.convert(yaml.safe_load(text), Scene)


def find_clips(root: Path, clips: tuple[str, ...]) -> dict[str, Path]:
    """Return the clips that an EmoGator folder below ``root`` holds, of any format; some may be missing."""
    folder = root / "emogator" / "data"
    found = {clip: sorted(folder.glob(f"*/{clip}.*")) for clip in clips}
    return {clip: paths[0] for clip, paths in found.items() if paths}


def find_ambience(root: Path, scene: Scene) -> dict[str, Path]:
    """Return a file of the noise corpus below ``root`` for each ambience of a scene; some may be missing."""
    names = {device.ambience for device in scene.devices}
    found = {name: sorted((root / "noise" / name).glob("*.*")) for name in names}
    return {name: paths[0] for name, paths in found.items() if paths}


def recorded(device: DeviceScene, seconds: float, clips: Mapping[str, Path], ambience: Path | None) -> np.ndarray:
    """Return what a device hears, from recordings: (samples,) float32 at 16 kHz in [-1, 1].

    Args:
        device: its cues; a cue whose clip is not in ``clips`` is left out.
        seconds: length of the scene.
        clips: clip name to file.
        ambience: a file to lay softly below, or None for none.

    Raises:
        AudioError: when a file cannot be read.
    """
    sounds = {cue: read_audio(clips[cue.clip]) for cue in device.cues if cue.clip in clips}
    room = None if ambience is None else read_audio(ambience)
    return _mix(device, seconds, sounds.get, room)


def synthesised(device: DeviceScene, seconds: float) -> np.ndarray:
    """Return what a device hears, from sounds that are made: (samples,) float32 at 16 kHz in [-1, 1]."""
    seed = sum(map(ord, device.device))
    return _mix(
        device,
        seconds,
        lambda cue: synthesise(cue.sound, seed + int(cue.at)),
        synthesise("ambience", seed),
    )


def _mix(
    device: DeviceScene, seconds: float, sound: Callable[[Cue], np.ndarray | None], room: np.ndarray | None
) -> np.ndarray:
    out = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    if room is not None:
        laid = np.resize(room, out.size)
        out += laid * (AMBIENCE_RMS / max(1e-9, float(np.sqrt(np.mean(laid**2)))))
    for cue in device.cues:
        wave = sound(cue)
        if wave is None:
            continue
        begin = round(cue.at * SAMPLE_RATE)
        wave = wave[: max(0, out.size - begin)]
        peak = VOICE_PEAK.get(cue.sound, OTHER_PEAK)
        out[begin : begin + wave.size] += wave * (peak / max(1e-9, float(np.abs(wave).max(initial=0))))
    return np.clip(out, -1, 1)
