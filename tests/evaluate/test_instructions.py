"""Instructions are counted by what the machine has, and where it has nothing that is said."""

import os
import subprocess

from exclaim.evaluate import instructions
from exclaim.evaluate.instructions import cachegrind_count, instructions_each, perf_count


def test_counts_are_read_as_the_tools_write_them():
    assert perf_count("12345678,,instructions:u,1000,100.00,,\n") == 12_345_678
    assert perf_count("<not supported>,,instructions:u,0,100.00,,\n") is None
    assert perf_count("") is None
    assert cachegrind_count("==1== I   refs:      1,234,567\n") == 1_234_567
    assert cachegrind_count("==1== brk segment overflow\n") is None


def test_a_machine_that_counts_no_instructions_says_what_to_do(monkeypatch):
    monkeypatch.setattr(instructions.shutil, "which", lambda name: None)
    count, note = instructions_each(lambda rounds: ["-c", ""], (1, 2), True, os.environ)
    assert count is None
    assert "--instructions" in note


def test_a_round_is_what_more_rounds_take_more(monkeypatch):
    def run(command, **options):
        rounds = int(command[-1])
        return subprocess.CompletedProcess(command, 0, "", f"{1000 + 70 * rounds},,instructions:u,1,100.00,,")

    monkeypatch.setattr(instructions.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(instructions.subprocess, "run", run)
    assert instructions_each(lambda rounds: [str(rounds)], (2, 12), False, {}) == (70, "perf stat, user mode")


def test_what_perf_cannot_count_valgrind_may(monkeypatch):
    told = {"perf": "<not supported>,,instructions:u,0,100.00,,", "valgrind": "==1== I   refs:      {}"}

    def run(command, **options):
        return subprocess.CompletedProcess(command, 0, "", told[command[0]].format(50 * int(command[-1])))

    monkeypatch.setattr(instructions.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(instructions.subprocess, "run", run)
    assert instructions_each(lambda rounds: [str(rounds)], (2, 12), True, {})[0] == 50
    assert instructions_each(lambda rounds: [str(rounds)], (2, 12), False, {})[0] is None
