"""The scripts fail with a sentence that helps, and do no work twice. Pythons and pip are stand-ins of a few lines."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"
TOOLS = ("bash", "dirname", "cat", "df", "awk", "cksum", "grep", "tee", "rm", "mkdir", "chmod", "cp", "printf")

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")

GOOD_PYTHON = """#!{bash}
case "$*" in
    *"-m venv"*) for last; do :; done
        {mkdir} -p "$last/bin"; {cp} "$0" "$last/bin/python"; {cp} "$0" "$last/bin/pip"
        echo "venv" >> "{folder}/calls" ;;
    *"-m pip"*) echo "pip $*" >> "{folder}/calls"; {pip} ;;
    *"-m exclaim"*) echo "ran $*" ;;
esac
exit 0
"""
OLD_PYTHON = "#!{bash}\ncase \"$*\" in *--version*) echo 'Python 3.9.1' ;; *version_info*) exit 1 ;; esac\n"
BROKEN_SHIM = "#!{bash}\necho 'shim: command not found' >&2; exit 127\n"
NO_VENV = '#!{bash}\ncase "$*" in *ensurepip*) exit 1 ;; esac\nexit 0\n'


class Machine:
    """A clone in a folder of its own, and a PATH that holds only what the test puts there."""

    def __init__(self, folder: Path) -> None:
        self.clone = folder / "clone"
        self.bin = folder / "bin"
        self.folder = folder
        self.bin.mkdir()
        (self.clone / "scripts").mkdir(parents=True)
        for name in ("demo", "environment.sh"):
            shutil.copy(SCRIPTS / name, self.clone / "scripts")
        (self.clone / "pyproject.toml").write_text("[project]\n")
        for tool in TOOLS:
            if found := shutil.which(tool):
                (self.bin / tool).symlink_to(found)

    def put(self, name: str, text: str, pip: str = ":") -> None:
        paths = {tool: shutil.which(tool) for tool in ("bash", "mkdir", "cp")}
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(text.format(folder=self.folder, pip=pip, **paths) if "{" in text else text)
        path.chmod(0o755)

    def demo(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.clone / "scripts/demo"), *arguments],
            env={"PATH": str(self.bin), "HOME": str(self.folder), **environment},
            capture_output=True,
            text=True,
            timeout=60,
            cwd=self.folder,
        )

    def calls(self) -> list[str]:
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def machine(tmp_path) -> Machine:
    made = Machine(tmp_path)
    real = shutil.which("env")
    if real:
        (made.bin / "env").symlink_to(real)
    return made


def test_no_python_is_a_sentence(machine):
    done = machine.demo()
    assert done.returncode == 1
    assert "Python 3.11, 3.12 or 3.13 is needed and was not found (no working python3)" in done.stderr
    assert done.stdout == ""


def test_an_old_python_is_named(machine):
    machine.put("python3", OLD_PYTHON)
    done = machine.demo()
    assert done.returncode == 1
    assert "was not found (Python 3.9.1); install one, or set PYTHON" in done.stderr


def test_a_shim_that_runs_nothing_is_passed_over(machine):
    machine.put("python3.13", BROKEN_SHIM)
    machine.put("python3", GOOD_PYTHON)
    done = machine.demo("--once")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "ran -m exclaim demo --once\n"


def test_a_python_of_ones_own_goes_first(machine):
    machine.put("python3", OLD_PYTHON)
    machine.put("mine", GOOD_PYTHON)
    assert machine.demo(PYTHON=str(machine.bin / "mine")).returncode == 0


def test_a_python_without_venv_says_what_to_install(machine):
    machine.put("python3", NO_VENV)
    done = machine.demo()
    assert done.returncode == 1
    assert "python3 has no venv module; install it" in done.stderr


def test_a_second_run_does_no_work_twice(machine):
    machine.put("python3.11", GOOD_PYTHON)
    assert machine.demo().returncode == 0
    first = machine.calls()
    assert first[0] == "venv"
    assert any("--editable" in call and "[serve]" in call for call in first)
    assert not any("torch" in call for call in first)
    again = machine.demo()
    assert again.returncode == 0
    assert machine.calls() == first
    assert again.stderr == ""


def test_a_changed_project_is_installed_again(machine):
    machine.put("python3.11", GOOD_PYTHON)
    machine.demo()
    before = len(machine.calls())
    (machine.clone / "pyproject.toml").write_text("[project]\nname = 'other'\n")
    machine.demo()
    assert len(machine.calls()) == before + 1


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("Temporary failure in name resolution", "no network: the packages could not be fetched"),
        ("No matching distribution found for numpy", "no network: the packages could not be fetched"),
        ("OSError: [Errno 28] No space left on device", "no disk: the packages do not fit"),
        ("error: something else", "the packages could not be installed; the whole output is in"),
    ],
)
def test_packages_that_cannot_be_had_are_a_sentence(machine, output, sentence):
    machine.put("python3.11", GOOD_PYTHON, pip=f"echo '{output}' >&2; exit 1")
    done = machine.demo()
    assert done.returncode == 1
    assert sentence in done.stderr
    assert done.stdout == ""
    assert not (machine.clone / ".venv-demo/stamp").exists()


def test_an_interrupted_installation_is_taken_up_again(machine):
    machine.put("python3.11", GOOD_PYTHON, pip="echo 'connection broken' >&2; exit 1")
    machine.demo()
    for python in (machine.bin / "python3.11", machine.clone / ".venv-demo/bin/python"):
        machine.put(str(python), GOOD_PYTHON)
    assert machine.demo().stdout == "ran -m exclaim demo\n"
    assert machine.calls().count("venv") == 1


def test_a_full_disk_is_a_sentence(machine):
    machine.put("python3.11", GOOD_PYTHON)
    machine.put("df", "#!/bin/sh\necho Filesystem; echo 'disk 100 99 2048 99% /'\n")
    done = machine.demo()
    assert done.returncode == 1
    assert "has 2 MiB free, 700 are needed" in done.stderr


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_clone_that_cannot_be_written_is_a_sentence(machine):
    machine.put("python3.11", GOOD_PYTHON)
    machine.clone.chmod(0o555)
    try:
        assert "cannot be written; clone to a folder of your own" in machine.demo().stderr
    finally:
        machine.clone.chmod(0o755)
