"""``exclaim up``: a site with one command; what dies is started again, Ctrl-C stops all of it."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import soundfile
import yaml

from exclaim.config import Config, DecideOptions, EdgeOptions, SenseOptions, SiteOptions
from exclaim.demo.stage import free_port

pytestmark = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="processes are looked for in /proc")


def processes(path: Path) -> dict[str, int]:
    """Return verb to process id of the children that run a configuration file."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if str(path) in words and "exclaim" in words:
            found[words[words.index("exclaim") + 1]] = int(entry.name)
    return found


def get(url: str) -> Any:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=5) as response:
        return json.load(response)


def wait_for(condition, up: subprocess.Popen, seconds: float = 100.0) -> Any:
    deadline = time.monotonic() + seconds
    while True:
        assert up.poll() is None, "exclaim up ended"
        try:
            if found := condition():
                return found
        except OSError:
            pass
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def test_a_site_runs_restarts_what_was_killed_and_stops(tmp_path, make_model):
    model = make_model(tmp_path / "tiny.onnx")
    wave = np.concatenate([np.zeros(16_000), np.random.default_rng(0).uniform(-0.5, 0.5, 48_000), np.zeros(64_000)])
    soundfile.write(tmp_path / "sound.wav", wave, 16_000)
    edge_port, decide_port = free_port(), free_port()
    config = Config(
        site=SiteOptions(name="s", context="a test", purpose="to test"),
        sense=(SenseOptions(device="one", source="sound.wav", edge_url=f"http://127.0.0.1:{edge_port}"),),
        edge=EdgeOptions(port=edge_port, decide_url=f"http://127.0.0.1:{decide_port}"),
        decide=DecideOptions(port=decide_port),
        models=(str(model),),
    )
    path = tmp_path / "exclaim.yaml"
    path.write_text(yaml.safe_dump(msgspec.to_builtins(config)), "utf-8")
    command = [sys.executable, "-m", "exclaim", "up", "--config", str(path)]
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=log, start_new_session=True) as up,
    ):
        try:
            decided = wait_for(lambda: get(f"http://127.0.0.1:{decide_port}/v1/decisions")["decisions"], up)
            assert {decision["device"] for decision in decided} == {"one"}
            first = processes(path)["edge"]
            os.kill(first, signal.SIGKILL)
            again = wait_for(lambda: processes(path).get("edge", first) != first and processes(path)["edge"], up)
            wait_for(lambda: get(f"http://127.0.0.1:{edge_port}/health"), up)
            assert again != first
        finally:
            up.send_signal(signal.SIGINT)
        out, _ = up.communicate(timeout=60)
    assert up.returncode == 0
    assert f"the page is at http://127.0.0.1:{decide_port}" in out.decode()
    assert processes(path) == {}
    said = (tmp_path / "log").read_text()
    assert "edge ended" in said
    assert "it starts again in" in said
    assert "Traceback" not in said


def test_a_service_that_cannot_start_is_a_sentence(tmp_path):
    port = free_port()
    config = Config(
        site=SiteOptions(name="s", context="a test", purpose="to test"),
        edge=EdgeOptions(port=free_port(), decide_url=f"http://127.0.0.1:{port}"),
        decide=DecideOptions(port=port, store="mysql://nowhere"),
    )
    path = tmp_path / "exclaim.yaml"
    path.write_text(yaml.safe_dump(msgspec.to_builtins(config)), "utf-8")
    command = [sys.executable, "-m", "exclaim", "up", "--config", str(path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=150)
    assert done.returncode == 1
    assert "decide.store" in done.stderr
    assert "decide did not start" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert processes(path) == {}
