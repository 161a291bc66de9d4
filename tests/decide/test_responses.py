"""Errors have one shape, and who went away is no error of the service."""

import asyncio

from fastapi import FastAPI, Request, Response

from exclaim.decide.responses import install_error_handlers


def test_a_sender_that_goes_away_amid_its_body_is_no_error_of_the_service() -> None:
    app, answered = FastAPI(), []
    install_error_handlers(app)

    @app.post("/v1/events", response_model=None)
    async def events(request: Request) -> Response:
        return Response(await request.body())

    told = [{"type": "http.request", "body": b"half a", "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> dict:
        return told.pop(0)

    async def send(message: dict) -> None:
        answered.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/events", "query_string": b"", "headers": []}
    asyncio.run(app(scope | {"client": ("127.0.0.1", 5000), "root_path": "", "http_version": "1.1"}, receive, send))
    assert answered[0]["status"] == 400
