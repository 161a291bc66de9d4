"""The demo as a newcomer meets it: three devices, one JSON line for each decision, and nothing left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

FIELDS = {"time", "device", "heard", "confidence", "decision", "recipient", "reason", "origin", "incident", "episode"}


@pytest.fixture(scope="module")
def model(tmp_path_factory, make_model) -> Path:
    return make_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "exclaim", *map(str, arguments)]


def environment(folder: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(folder), "XDG_CACHE_HOME": str(folder / "cache"), **more}


def processes_in(folder: Path) -> list[str]:
    """Return the command lines of all processes that name a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line:
            found.append(line)
    return found


def test_once_prints_a_line_for_each_decision_and_ends_well(model, tmp_path):
    done = subprocess.run(
        command("demo", "--once", "--synthesised", "--model", model),
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["device"] for line in lines} == {"home", "metro", "care"}
    for line in lines:
        assert line.keys() >= FIELDS
        assert line["decision"] in {"alert", "record", "review"}
        assert line["origin"] == "synthesised"
        assert 0 <= line["confidence"] <= 1
    assert "SYNTHESISED" in done.stderr
    assert list(tmp_path.glob("exclaim-demo-*")) == []
    assert processes_in(tmp_path) == []


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="processes are looked for in /proc")
def test_stopped_in_the_middle_it_leaves_nothing_behind(model, tmp_path):
    with subprocess.Popen(
        command("demo", "--port", 0, "--synthesised", "--model", model),
        env=environment(tmp_path, COLUMNS="200"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as demo:
        deadline = time.monotonic() + 120
        try:
            while sum(" sense " in line for line in processes_in(tmp_path)) < 3:
                assert demo.poll() is None, demo.stderr.read()
                assert time.monotonic() < deadline, "the devices did not start"
                time.sleep(0.1)
            demo.send_signal(signal.SIGINT)
            out, err = demo.communicate(timeout=30)
        finally:
            demo.terminate()
    assert demo.returncode == 0, err
    assert out == ""
    assert "the page is at http://127.0.0.1:" in err
    assert processes_in(tmp_path) == []
    assert list(tmp_path.glob("exclaim-demo-*")) == []


def test_a_model_that_is_not_there_is_a_sentence(tmp_path):
    done = subprocess.run(
        command("demo", "--once", "--synthesised", "--model", tmp_path / "none.onnx"),
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "none.onnx" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert processes_in(tmp_path) == []
