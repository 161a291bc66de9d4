"""`listen` on a long recording: how much faster than it plays, and how much memory.

The recording is generated: loud enough throughout that the gate never closes and every window is heard, which is the
worst case. ``python -m exclaim.evaluate.bench_listen FILE MODEL...`` is the process that is measured.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import soundfile

from exclaim.errors import ModelError
from exclaim.evaluate.bench_windows import peak_bytes
from exclaim.features import SAMPLE_RATE

__all__ = ["ListenCost", "heard", "listen_cost", "main", "write_recording"]

_SHORT = 0.1  # share of the recording that is heard besides, to see whether memory grows


class ListenCost(msgspec.Struct, frozen=True, kw_only=True):
    """What a whole process takes, from its start to its end, on one core."""

    minutes: float
    wall_seconds: float
    real_time_factor: float  # seconds of sound in a second
    peak_bytes: int | None
    short_minutes: float
    short_peak_bytes: int | None  # beside peak_bytes: memory that does not grow with length


def write_recording(path: Path, minutes: float, seed: int = 0) -> None:
    """Write a mono 16-bit WAV at 16 kHz: noise at -26 dB, and for a second in each ten a louder tone that wavers.

    Args:
        path: of the file.
        minutes: its length.
        seed: of the noise.
    """
    rng = np.random.default_rng(seed)
    t = np.arange(10 * SAMPLE_RATE) / SAMPLE_RATE
    tone = 0.4 * np.sin(2 * np.pi * 1200 * t + 20 * np.sin(2 * np.pi * 6 * t)) * (t % 10 < 1)
    with soundfile.SoundFile(path, "w", SAMPLE_RATE, 1, "PCM_16") as file:
        for begin in range(0, round(minutes * 60 * SAMPLE_RATE), len(t)):
            count = min(len(t), round(minutes * 60 * SAMPLE_RATE) - begin)
            file.write((0.05 * rng.standard_normal(count) + tone[:count]).astype(np.float32))


def listen_cost(models: Sequence[Path], minutes: float, environment: dict[str, str]) -> ListenCost:
    """Measure `listen` in a process of its own, pinned to one core.

    Args:
        models: files, exactly one of which detects.
        minutes: length of the recording.
        environment: added to the process's own.

    Raises:
        ModelError: when the process fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        peaks, walls = [], []
        for length in (_SHORT * minutes, minutes):
            path = Path(folder) / "recording.wav"
            write_recording(path, length)
            wall, peak = heard(path, models, environment)
            walls.append(wall)
            peaks.append(peak)
    return ListenCost(
        minutes=minutes,
        wall_seconds=walls[1],
        real_time_factor=60 * minutes / walls[1],
        peak_bytes=peaks[1],
        short_minutes=_SHORT * minutes,
        short_peak_bytes=peaks[0],
    )


def heard(
    path: Path,
    models: Sequence[Path],
    environment: dict[str, str],
    module: Sequence[str] = ("exclaim.evaluate.bench_listen",),
) -> tuple[float, int | None]:
    """Listen to a file in a process of its own; return its seconds and its peak memory in bytes.

    Args:
        path: of the recording.
        models: files.
        environment: added to the process's own.
        module: that the process runs, with what its arguments begin with.

    Raises:
        ModelError: when the process fails; the message holds its last words.
    """
    command = [sys.executable, "-m", *module, str(path), *map(str, models)]
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, env={**os.environ, **environment}, check=False)
    wall = time.perf_counter() - begun
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        raise ModelError(f"measuring `listen` failed: {words[-1] if words else 'it said nothing'}")
    return wall, json.loads(done.stdout)["peak_bytes"]


def main(arguments: list[str]) -> None:
    """Pin this process to one core, listen to ``FILE`` with the models, print JSON."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    from exclaim.config import GateOptions
    from exclaim.listen import Analysis, listen_file
    from exclaim.model import load_model, pin_of

    analysis = Analysis([load_model(path, pin=pin_of(Path(path))) for path in arguments[1:]])
    closed = sum(
        episode.state == "closed"
        for step in listen_file(Path(arguments[0]), analysis, GateOptions())
        for episode in step.episodes
    )
    print(json.dumps({"episodes": closed, "peak_bytes": peak_bytes()}))


if __name__ == "__main__":
    main(sys.argv[1:])
