"""Two that must not share, one that nobody knows, and sound that would lie open: each ends with one sentence."""

import hashlib

import numpy as np
import pytest
import soundfile

from exclaim.cli import main

from .conftest import House, Receiver


def refused(house: House, *arguments: str) -> str:
    """Return the sentence with which a command ends at once."""
    process = house.start(*arguments)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1, output
    assert "Traceback" not in output
    assert output.splitlines()[-1].startswith("exclaim: ")
    return output


def test_another_edge_uses_the_store(house: House) -> None:
    first = house.edge()
    house.options["edge"] = {"port": 0}
    assert "another process uses it" in refused(house, "edge", "--config", str(house.config()))
    assert first.poll() is None


def test_an_edge_takes_no_plain_http_to_a_cloud(house: House) -> None:
    house.options["edge"] = {"decide_url": "http://cloud.example:8742"}
    assert "expected https" in refused(house, "edge", "--config", str(house.config()))


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"edge_url": "https://edge.example:8741"}, "expected a credential"),
        ({"outbox": "frames.sqlite"}, "set sense.seal_key_file"),
        ({"outbox": "frames.sqlite", "seal_key_file": "absent.key"}, "openssl rand -hex 32"),
    ],
    ids=["nobody", "unsealed", "no-key"],
)
def test_a_device_that_cannot_start_says_why(
    house: House, options: dict, complaint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(house.folder)
    soundfile.write(house.folder / "good.wav", np.zeros(16_000), 16_000)
    house.options["sense"] = {"source": "good.wav", **options}
    with pytest.raises(SystemExit, match="1"):
        main(["sense", "--config", str(house.config())])
    assert complaint in capsys.readouterr().err


def test_a_device_with_a_wrong_credential_ends(house: House, receiver: Receiver) -> None:
    soundfile.write(house.folder / "good.wav", np.random.default_rng(0).normal(0, 0.1, 32_000), 16_000)
    house.options["edge"] = {"devices": {"kitchen": hashlib.sha256(b"right").hexdigest()}}
    house.edge()
    for infer in ("edge", "device"):
        house.options["sense"] = {"source": "good.wav", "credential": "wrong", "infer": infer}
        assert "401 unauthorised" in refused(house, "sense", "--config", str(house.config()))
    house.options["sense"] = {"source": "good.wav", "credential": "right"}
    process = house.sense()
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
