"""How many instructions a process takes, by whatever this machine counts them with."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

__all__ = ["instructions_each"]


def instructions_each(
    arguments: Callable[[int], Sequence[str]], counts: tuple[int, int], slowly: bool, environment: Mapping[str, str]
) -> tuple[int | None, str]:
    """Count the instructions of one round of work: what more rounds take more, divided by how many more they are.

    Args:
        arguments: of Python, given how many rounds the process is to do.
        counts: the fewer rounds and the more.
        slowly: whether valgrind may count, in minutes, where perf cannot.
        environment: of the process.

    Returns:
        The count, None where none is to be had; and how it was counted, or why not.
    """
    ways: list[tuple[str, list[str], Callable[[str], int | None]]] = []
    if shutil.which("perf"):
        ways.append(("perf stat, user mode", ["perf", "stat", "-x,", "-e", "instructions:u"], perf_count))
    if slowly and shutil.which("valgrind"):
        command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
        ways.append(("valgrind, on the processor that it emulates", command, cachegrind_count))
    for name, command, read in ways:
        found = []
        for rounds in counts:
            whole = [*command, sys.executable, *arguments(rounds)]
            done = subprocess.run(whole, capture_output=True, text=True, env=dict(environment), check=False)
            found.append(read(done.stderr) if done.returncode == 0 else None)
            if found[-1] is None:
                break
        if None not in found:
            return round((found[1] - found[0]) / (counts[1] - counts[0])), name
    return None, "this machine does not count instructions; --instructions counts them with valgrind, in minutes"


def perf_count(text: str) -> int | None:
    """Read what `perf stat -x,` tells."""
    counts = [line.split(",")[0] for line in text.splitlines() if "instructions" in line]
    return int(counts[0]) if counts and counts[0].isdecimal() else None


def cachegrind_count(text: str) -> int | None:
    """Read what valgrind's cachegrind tells."""
    counts = [line.rpartition(":")[2].strip().replace(",", "") for line in text.splitlines() if "refs:" in line]
    return int(counts[0]) if counts and counts[0].isdecimal() else None
