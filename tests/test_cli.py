"""The command line as a whole: every verb is there, errors are one sentence, and help costs nothing heavy."""

import subprocess
import sys

import pytest

from exclaim import __version__
from exclaim.cli import VERBS, main


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "exclaim", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)


def status_of(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb, capsys):
    assert status_of(verb, "--help") == 0
    out = capsys.readouterr().out
    assert f"{verb} " in out.splitlines()[1] or f" {verb}" in out
    assert "--help" in out


def test_help_names_every_verb(capsys):
    assert status_of("--help") == 0
    out = capsys.readouterr().out
    assert all(verb in out for verb in VERBS)


def test_the_version_is_told(capsys):
    assert status_of("--version") == 0
    assert capsys.readouterr().out == f"exclaim {__version__}\n"


def test_an_unknown_verb_is_a_usage_error(capsys):
    assert status_of("sing") == 2
    assert "No such command 'sing'" in capsys.readouterr().err


def test_an_error_is_one_sentence_and_status_1():
    done = run("config", "check", "/no/such/file.yaml")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("exclaim: configuration /no/such/file.yaml cannot be read")
    assert len(done.stderr.splitlines()) == 1


def test_help_loads_nothing_heavy():
    code = "import sys; from exclaim.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    code += "print(sorted({'torch', 'onnxruntime', 'fastapi', 'sqlalchemy', 'soundfile'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
