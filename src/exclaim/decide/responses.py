"""How the service answers: JSON by msgspec, and one shape for every error."""

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from exclaim.decide.incidents import IncidentError
from exclaim.errors import StoreError, WireError

__all__ = ["NotFoundError", "answer", "error_response", "install_error_handlers"]

_CODES = {404: "not_found", 405: "method_not_allowed"}


class NotFoundError(WireError):
    """What was asked for is not there."""


def answer(content: object, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(content), status, media_type="application/json")


def error_response(status: int, code: str, message: str) -> Response:
    """The one shape of an error: ``{"error": {"code": ..., "message": ...}}``."""
    headers = {"retry-after": "1"} if status in (429, 503) else None
    content = msgspec.json.encode({"error": {"code": code, "message": message}})
    return Response(content, status, headers, media_type="application/json")


def install_error_handlers(app: FastAPI) -> None:
    """Give every error of the application the one shape."""

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: HTTPException) -> Response:
        code = _CODES.get(error.status_code, "refused")
        response = error_response(error.status_code, code, str(error.detail))
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(RequestValidationError)
    async def _parameters(_request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return error_response(400, "malformed", f"{place}: {first['msg']}")

    @app.exception_handler(NotFoundError)
    async def _absent(_request: Request, error: NotFoundError) -> Response:
        return error_response(404, "not_found", str(error))

    @app.exception_handler(WireError)
    async def _malformed(_request: Request, error: WireError) -> Response:
        return error_response(400, "malformed", str(error))

    @app.exception_handler(IncidentError)
    async def _conflict(_request: Request, error: IncidentError) -> Response:
        return error_response(409, "not_allowed_now", str(error))

    @app.exception_handler(StoreError)
    async def _store(_request: Request, error: StoreError) -> Response:
        return error_response(503, "store_unavailable", str(error))

    @app.exception_handler(ClientDisconnect)
    async def _gone(_request: Request, _error: ClientDisconnect) -> Response:
        """Answer nobody: a sender went away amid its body, and sends it again."""
        return error_response(400, "cut_short", "the sender went away before the body had arrived")

    @app.exception_handler(Exception)
    async def _unexpected(_request: Request, _error: Exception) -> Response:
        return error_response(500, "internal", "something went wrong here; the log says what")
