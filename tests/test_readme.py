"""What the README shows works as it is written there."""

import csv
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from exclaim.model import shipped_models

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
LINES = [line.partition(" #")[0].strip() for block in BLOCKS for line in block.splitlines()]
RUN_ELSEWHERE = {  # what cannot run inside a test, and what runs it
    "scripts/demo": "tests/test_scripts.py and tests/scenarios/test_demo.py",
    "scripts/test": "this very run",
    "pip install '.[learn]'": "scripts/test",
    "export EXCLAIM_DATA=/path/to/corpora": "nothing to run",
    "exclaim corpora check": "tests/commands/test_corpora.py",
    "exclaim train recipes/scream-type.yaml": "tests/learn/test_train.py, every recipe in a small form",
    "exclaim up --config exclaim.yaml": "tests/scenarios/test_up.py",
    ".venv-demo/bin/exclaim listen mic --json": "needs a microphone",
}
RUN_HERE = [line for line in LINES if line and line not in RUN_ELSEWHERE]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with what the README's commands name: a recording, and a manifest of recordings."""
    made = tmp_path_factory.mktemp("readme")
    noise = np.random.default_rng(0).normal(size=32_000) * 0.1
    soundfile.write(made / "recording.wav", noise, 16_000)
    with (made / "recordings.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("path", "label", "speaker"))
        table.writerows(("recording.wav", label, f"s{i}") for i, label in enumerate(["negative", "positive"] * 3))
    return made


def test_the_scripts_that_the_readme_names_are_there():
    for name in ("scripts/demo", "scripts/test"):
        assert name in LINES
        assert os.access(ROOT / name, os.X_OK)


def test_the_two_commands_come_first():
    assert [line for line in LINES if line][:2] == ["scripts/demo", "scripts/test"]


def test_nothing_is_excused_that_is_not_there():
    assert set(RUN_ELSEWHERE) <= set(LINES)


@pytest.mark.parametrize("line", RUN_HERE)
def test_a_command_of_the_readme_runs(line, folder):
    words = shlex.split(line)
    assert words[0].endswith("exclaim"), f"{line}: nothing runs this"
    if words[1] in ("listen", "evaluate") and len(shipped_models()) < 2:
        pytest.skip("this checkout ships no models")
    command = [sys.executable, "-m", "exclaim", *words[1:]]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=150, stdin=subprocess.DEVNULL)
    if words[1:3] == ["config", "check"]:  # no microphone here, and perhaps taken ports: only they may fail
        failed = [row for row in done.stdout.splitlines() if row.startswith("FAIL")]
        assert all("mic" in row or "port" in row or "model" in row for row in failed), done.stdout
    else:
        assert done.returncode == 0, done.stderr


def test_no_number_in_the_readme_is_written_by_hand():
    prose = re.sub(r"<!-- results:.*?<!-- end -->", "", TEXT, flags=re.DOTALL)
    prose = re.sub(r"```.*?```", "", prose, flags=re.DOTALL)
    assert not re.findall(r"\d+(?:\.\d+)? ?(?:%|ms\b|x\b|MB\b|times\b)", prose)
