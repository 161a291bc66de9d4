"""``exclaim sense`` and ``exclaim edge`` where they cannot start: one sentence, status 1, nothing half-written."""

import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import soundfile
import yaml

from exclaim.config import Config, DecideOptions, EdgeOptions, SenseOptions, SiteOptions
from exclaim.demo.stage import free_port


@pytest.fixture
def site(tmp_path, make_model):
    """Write a configuration for one device; returns a way to change it and its path."""
    model = make_model(tmp_path / "tiny.onnx")

    def write(sense: SenseOptions | None = None, edge: EdgeOptions | None = None) -> Path:
        config = Config(
            site=SiteOptions(name="s", context="a test", purpose="to test"),
            sense=(sense or SenseOptions(device="one"),),
            edge=edge or EdgeOptions(port=free_port()),
            decide=DecideOptions(port=free_port()),
            models=(str(model),),
        )
        path = tmp_path / "exclaim.yaml"
        path.write_text(yaml.safe_dump(msgspec.to_builtins(config)), "utf-8")
        return path

    return write


def run(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "exclaim", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


def assert_sentence(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert done.returncode == 1, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("exclaim: ")
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in last


def test_an_edge_whose_port_is_taken(site, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(tmp_path, "edge", "--config", site(edge=EdgeOptions(port=port)))
    assert_sentence(done, str(port), "stop what uses the port")
    assert not list(tmp_path.glob("*.sqlite*"))


def test_an_edge_beyond_loopback_without_credentials(site, tmp_path):
    done = run(tmp_path, "edge", "--config", site(edge=EdgeOptions(host="0.0.0.0", port=free_port())))
    assert_sentence(done, "0.0.0.0 is beyond this machine")
    assert not list(tmp_path.glob("*.sqlite*"))


def test_an_edge_with_a_damaged_model(site, tmp_path):
    path = site()
    model = tmp_path / "tiny.onnx"
    model.write_bytes(model.read_bytes()[:-100])
    assert_sentence(run(tmp_path, "edge", "--config", path), "tiny.onnx")


def test_a_device_without_its_microphone(site, tmp_path):
    path = site(sense=SenseOptions(device="one", source="mic:no such microphone"))
    assert_sentence(run(tmp_path, "sense", "--config", path), "icrophone")


@pytest.mark.parametrize(
    ("name", "content"),
    [("none.wav", None), ("empty.wav", b""), ("words.wav", b"these are words, not sound"), ("cut.wav", b"RIFF")],
)
def test_a_device_whose_file_cannot_be_played(site, tmp_path, name, content):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    path = site(sense=SenseOptions(device="one", source=name))
    assert_sentence(run(tmp_path, "sense", "--config", path), name)


def test_a_device_that_is_not_in_the_file(site, tmp_path):
    assert_sentence(run(tmp_path, "sense", "--config", site(), "--device", "two"), "'two' is not among them", "one")


def test_a_device_that_would_send_frames_unencrypted(site, tmp_path):
    soundfile.write(tmp_path / "sound.wav", [0.0] * 1600, 16_000)
    path = site(sense=SenseOptions(device="one", source="sound.wav", edge_url="http://edge.example:8741"))
    assert_sentence(run(tmp_path, "sense", "--config", path), "plain http beyond this machine")
