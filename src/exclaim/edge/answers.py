"""The one shape in which the edge refuses: ``{"error": {"code", "message"}}``, whatever the status."""

import logging
from collections.abc import Mapping

import msgspec
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from exclaim.errors import StoreError, WireError

__all__ = ["Refusal", "answer", "install"]

_log = logging.getLogger(__name__)

_CODES = {404: "not-found", 405: "method-not-allowed"}


class Refusal(Exception):
    """An answer that is no success."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, object] | None = None,
    ) -> None:
        """Answer ``status``; ``code`` is for programs, ``message`` for people, ``more`` beside them."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = dict(headers or {})
        self.more = dict(more or {})


def answer(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return ``content`` as a JSON response."""
    return Response(msgspec.json.encode(content), status, headers, media_type="application/json")


def _refuse(refusal: Refusal) -> Response:
    body = {"error": {"code": refusal.code, "message": str(refusal)}, **refusal.more}
    return answer(body, refusal.status, refusal.headers)


def install(app: FastAPI) -> None:
    """Give every failure of ``app`` the one shape."""

    @app.exception_handler(Refusal)
    async def refusal(_: Request, error: Refusal) -> Response:
        return _refuse(error)

    @app.exception_handler(WireError)
    async def malformed(_: Request, error: WireError) -> Response:
        return _refuse(Refusal(400, "malformed", str(error)))

    @app.exception_handler(StoreError)
    async def no_room(_: Request, error: StoreError) -> Response:
        _log.error("%s", error)
        return _refuse(Refusal(507, "store-failed", str(error), headers={"retry-after": "10"}))

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> Response:
        code = _CODES.get(error.status_code, "refused")
        return _refuse(Refusal(error.status_code, code, str(error.detail), headers=error.headers))

    @app.exception_handler(Exception)
    async def unexpected(_: Request, error: Exception) -> Response:
        return _refuse(Refusal(500, "internal", "the edge failed; its log says why"))
