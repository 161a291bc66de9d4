"""Child processes that are watched, started again when they fail, and always stopped."""

import logging
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType

from exclaim.errors import DeliveryError
from exclaim.transport import Backoff

__all__ = ["Child", "Supervisor", "exclaim_command", "stop_signals_interrupt"]

_log = logging.getLogger(__name__)

STOP_SECONDS = 10.0  # a child that has not ended this long after SIGTERM is killed
STEADY_SECONDS = 30.0  # a child that ran this long starts again without waiting longer than at first


def exclaim_command(*arguments: str) -> tuple[str, ...]:
    """Return the command that runs ``exclaim`` with these arguments in the Python that runs now."""
    return (sys.executable, "-m", "exclaim", *arguments)


@contextmanager
def stop_signals_interrupt() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the block as Ctrl-C does, so that what it opened is closed.

    SIGINT is named too: a script that starts us behind ``&`` has it ignored, and whoever sends it then means it.
    Only in the main thread, as signals are.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), interrupt) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


class Child:
    """One process under watch."""

    def __init__(self, name: str, command: Sequence[str], folder: Path | None, log: Path | None) -> None:
        """Remember what to run; :meth:`start` runs it."""
        self.name = name
        self.command = tuple(command)
        self.folder = folder
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        self.restart_at: float | None = None  # monotonic; None while it runs or has finished
        self.backoff = Backoff(first=0.5, most=30.0)

    def start(self, now: float) -> None:
        """Run it; its output goes to its log, or to standard error."""
        output = open(self.log, "ab") if self.log else None  # noqa: SIM115 - closed below, the child has its own
        try:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output or sys.stderr,
                stderr=output or sys.stderr,
                start_new_session=True,  # Ctrl-C is for the parent, which stops its children in order
            )
        finally:
            if output:
                output.close()
        self.started = now
        self.restart_at = None

    @property
    def running(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    @property
    def finished(self) -> bool:
        """Whether it ended by itself and well."""
        return self.process is not None and self.process.poll() == 0

    def last_words(self) -> str:
        """Return the last line of its log, or how it ended."""
        lines = self.log.read_text("utf-8", "replace").strip().splitlines() if self.log else []
        status = None if self.process is None else self.process.poll()
        return lines[-1] if lines else f"exit status {status}"


class Supervisor:
    """Runs children; leaving its context stops them, the last one started first."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Use ``clock`` (seconds, monotonic) to space restarts."""
        self.children: list[Child] = []
        self._clock = clock

    def __enter__(self) -> "Supervisor":
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop every child, whatever happened."""
        self.stop()

    def start(self, name: str, command: Sequence[str], *, folder: Path | None = None, log: Path | None = None) -> Child:
        """Start a child and watch it.

        Args:
            name: for messages.
            command: what to run.
            folder: its working folder.
            log: file that its output is added to; None: standard error.

        Raises:
            DeliveryError: when it cannot be started.
        """
        child = Child(name, command, folder, log)
        try:
            child.start(self._clock())
        except OSError as error:
            raise DeliveryError(f"{name} cannot be started: {error}") from error
        self.children.append(child)
        return child

    def watch(self) -> None:
        """Start again each child that failed, after a wait that doubles; one that ended well stays ended.

        Call it every half second or so.
        """
        now = self._clock()
        for child in self.children:
            if child.running or child.finished:
                continue
            if child.restart_at is None:
                if now - child.started > STEADY_SECONDS:
                    child.backoff.succeeded()
                wait = child.backoff.failed()
                child.restart_at = now + wait
                _log.warning("%s ended (%s); it starts again in %.1f s", child.name, child.last_words(), wait)
            elif now >= child.restart_at:
                child.start(now)

    def stop(self) -> None:
        """Stop every child and wait until each has ended."""
        with _deaf_to_interrupts():
            for child in reversed(self.children):
                _end(child, STOP_SECONDS)


def _end(child: Child, seconds: float) -> None:
    process = child.process
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        _log.warning("%s did not end within %g s and is killed", child.name, seconds)
        process.kill()
        process.wait()


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Hold back Ctrl-C and the like while children are stopped, which takes bounded time."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
