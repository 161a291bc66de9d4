"""A file that breaks off in the middle: what was heard before arrives, and the device says what is wrong."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from .conftest import RATE, House, Receiver


@pytest.mark.parametrize("infer", ["edge", "device"])
def test_what_was_heard_before_a_file_breaks_arrives(
    house: House, receiver: Receiver, tmp_path: Path, infer: str
) -> None:
    random = np.random.default_rng(3)
    samples = random.normal(0, 1e-4, 12 * RATE)
    samples[4 * RATE : 6 * RATE] = random.normal(0, 0.2, 2 * RATE).clip(-1, 1)
    samples[11 * RATE] = np.nan
    soundfile.write(tmp_path / "broken.wav", samples, RATE, subtype="FLOAT")
    house.edge()
    device = house.sense(source=str(tmp_path / "broken.wav"), infer=infer)
    output, _ = device.communicate(timeout=120)
    assert device.returncode == 1, output
    assert "NaN" in output.splitlines()[-1]
    assert "Traceback" not in output
    receiver.wait(lambda r: [e["state"] for e in r.episodes()] == ["closed"])
