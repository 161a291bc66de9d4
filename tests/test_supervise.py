"""Children start again when they fail, stay ended when they finished, and never outlive their supervisor."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from exclaim.errors import DeliveryError
from exclaim.supervise import Supervisor, stop_signals_interrupt


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def wait_until(condition, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_a_child_that_fails_starts_again_after_a_growing_wait(tmp_path):
    clock = Clock()
    with Supervisor(clock=clock) as supervisor:
        child = supervisor.start("sad", python("import sys; sys.exit('no luck')"), log=tmp_path / "log")
        waits = []
        for attempt in range(1, 4):
            wait_until(lambda: not child.running)
            supervisor.watch()
            waits.append(child.restart_at - clock.now)
            pid = child.process.pid
            clock.now = child.restart_at - 0.01
            supervisor.watch()
            assert child.process.pid == pid  # not before its time
            clock.now += 0.02
            supervisor.watch()
            assert child.process.pid != pid
            assert child.backoff.failures == attempt
        wait_until(lambda: not child.running)
    assert 0.25 <= waits[0] <= 0.5
    assert 1.0 <= waits[2] <= 2.0
    assert child.last_words() == "no luck"


def test_a_child_that_finished_is_left_alone():
    clock = Clock()
    with Supervisor(clock=clock) as supervisor:
        child = supervisor.start("done", python("pass"))
        wait_until(lambda: child.finished)
        pid = child.process.pid
        for clock.now in (1.0, 100.0):
            supervisor.watch()
        assert child.process.pid == pid


def test_children_are_stopped_in_reverse_order_also_on_an_error(tmp_path):
    code = (
        "import signal, sys, time; from pathlib import Path\n"
        "def end(*_):\n"
        "    with open('order', 'a') as file: file.write(sys.argv[1])\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end); Path(sys.argv[1]).touch(); time.sleep(60)"
    )
    supervisor = Supervisor()

    def fail() -> None:
        with supervisor:
            for name in "abc":
                supervisor.start(name, (*python(code), name), folder=tmp_path)
            wait_until(lambda: all((tmp_path / name).exists() for name in "abc"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert (tmp_path / "order").read_text() == "cba"
    assert not any(child.running for child in supervisor.children)


def test_a_child_that_does_not_listen_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr("exclaim.supervise.STOP_SECONDS", 0.2)
    code = (
        "import signal, time; from pathlib import Path; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "Path('ready').touch(); time.sleep(60)"
    )
    with Supervisor() as supervisor:
        child = supervisor.start("deaf", python(code), folder=tmp_path)
        wait_until((tmp_path / "ready").exists)
    assert child.process.returncode == -signal.SIGKILL


def test_what_cannot_be_started_is_a_sentence():
    with Supervisor() as supervisor, pytest.raises(DeliveryError, match="ghost cannot be started"):
        supervisor.start("ghost", ("/no/such/program",))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_no_signal_leaves_a_child_behind(tmp_path, number):
    code = """if True:
        import sys, time
        from exclaim.supervise import Supervisor, stop_signals_interrupt
        try:
            with stop_signals_interrupt(), Supervisor() as supervisor:
                child = supervisor.start("sleeper", (sys.executable, "-c", "import time; time.sleep(60)"))
                print(child.process.pid, flush=True)
                time.sleep(60)
        except KeyboardInterrupt:
            sys.exit(7)
    """
    # as a script starts it behind "&": with SIGINT ignored
    ignore = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    ignored = (sys.executable, "-c", ignore)
    with subprocess.Popen((*ignored, *python(code)), stdout=subprocess.PIPE, text=True, cwd=tmp_path) as parent:
        try:
            pid = int(parent.stdout.readline())
            assert is_alive(pid)
            parent.send_signal(number)
            assert parent.wait(20) == 7
        finally:
            parent.kill()
    assert not is_alive(pid)


def test_the_handlers_are_given_back():
    before = signal.getsignal(signal.SIGTERM)
    with stop_signals_interrupt():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_log_is_added_to_not_replaced(tmp_path: Path):
    log = tmp_path / "log"
    log.write_text("before\n")
    with Supervisor() as supervisor:
        child = supervisor.start("talker", python("print('after')"), log=log)
        wait_until(lambda: child.finished)
    assert log.read_text() == "before\nafter\n"
