"""How often somebody may ask: token buckets, and the size and time of a request's body, before it is parsed."""

import asyncio
from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exclaim.decide.responses import error_response

__all__ = ["BodyLimit", "Buckets"]

_BODY_SECONDS = 20.0
_REMEMBERED = 4096


class Buckets:
    """Token buckets by key: ``burst`` at once, ``rate`` a second in the long run; for a bounded number of keys."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float]) -> None:
        """Take the rate (1/s), the burst, and a clock in seconds that never goes back."""
        self._rate, self._burst, self._clock = rate, burst, clock
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, key: str) -> bool:
        """Whether one more is allowed now."""
        now = self._clock()
        left, since = self._left.pop(key, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._rate)
        allowed = left >= 1
        self._left[key] = (left - 1 if allowed else left, now)  # the newest is last
        if len(self._left) > _REMEMBERED:
            del self._left[next(iter(self._left))]
        return allowed


class BodyLimit:
    """Reads a request's whole body, no longer than its path allows, before the application sees any of it."""

    def __init__(self, app: ASGIApp, limit_of: Callable[[str], int]) -> None:
        """Wrap ``app``; ``limit_of`` gives the bytes that a path's body may have."""
        self._app, self._limit_of = app, limit_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413 to what is too long and 408 to what takes too long."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        limit = self._limit_of(scope["path"])
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                body = None if not declared.isdigit() or int(declared) > limit else await _read(receive, limit)
        except TimeoutError:
            refusal = error_response(408, "too_slow", f"the body did not arrive within {_BODY_SECONDS:.0f} s")
            await refusal(scope, receive, send)
            return
        if body is None:
            await error_response(413, "too_large", f"the body is over {limit} bytes")(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)


async def _read(receive: Receive, limit: int) -> bytes | None:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(parts)
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            return None
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Any:
        return waiting.pop() if waiting else await receive()

    return replay
