"""Loops in threads of their own, which their owner ends; what fails unexpectedly is logged and begun again."""

import logging
import threading
from collections.abc import Callable

__all__ = ["Loop"]

_log = logging.getLogger(__name__)

_PAUSE_SECONDS = 1.0  # before a loop that failed begins again


class Loop(threading.Thread):
    """Runs ``body(stop)`` until it returns, which it does soon after ``stop`` is set.

    A service that lost its sender without a word would look alive and deliver nothing.
    """

    def __init__(self, body: Callable[[threading.Event], None], stop: threading.Event, *, name: str) -> None:
        """Run ``body`` once started; ``name`` is for the log."""
        super().__init__(name=name)
        self._body = body
        self._stop_event = stop

    def run(self) -> None:
        """Run the body, again and again where it raises."""
        while not self._stop_event.is_set():
            try:
                return self._body(self._stop_event)
            except Exception:
                _log.exception("%s failed; it begins again", self.name)
                self._stop_event.wait(_PAUSE_SECONDS)
