"""The edge's HTTP interface: chunks, events and heartbeats in, acknowledgements out, once on disk."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import msgspec
from fastapi import FastAPI, Request, Response
from starlette.requests import ClientDisconnect

from exclaim.chunks import read_chunk
from exclaim.config import EdgeOptions
from exclaim.edge.access import Access, RateLimit
from exclaim.edge.answers import Refusal, answer, install
from exclaim.edge.checks import check_beat, check_event, check_times
from exclaim.edge.service import EdgeService
from exclaim.errors import WireError
from exclaim.transport import is_loopback
from exclaim.wire import CHUNK_TYPE, EVENTS_TYPE, WIRE_VERSION, Chunk, Event, EventsAck, Heartbeat

__all__ = ["create_app"]

_HEARTBEAT_BYTES = 16_384
_HEARTBEAT_TYPE = "application/json"
_BODY_SECONDS = 20.0  # a body may take this long to arrive
_MOST_EVENTS = 1000  # in one request

Message = TypeVar("Message")


def create_app(options: EdgeOptions, service: EdgeService) -> FastAPI:
    """Return the ASGI application of an edge.

    Args:
        options: credentials, bounds and rates.
        service: what is behind the interface; the application's lifespan starts and stops its threads.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.start()
        try:
            yield
        finally:
            await asyncio.to_thread(service.stop)

    documented = not options.devices  # nothing is shown to whom nothing is allowed
    app = FastAPI(
        title="exclaim edge",
        version=str(WIRE_VERSION),
        lifespan=lifespan,
        openapi_url="/openapi.json" if documented else None,
        docs_url=None,
        redoc_url=None,
    )
    install(app)
    access = Access(options.devices, RateLimit(options.max_requests_per_second))

    async def receive(request: Request, media: str, most: int, kind: type[Message]) -> tuple[Message, str | None]:
        """Return a message and who was let in; nothing is parsed before all bounds hold."""
        host = request.client.host if request.client else None
        admitted = access.admit(request.headers.get("authorization"), host)
        found = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if found != media:
            raise Refusal(415, "unsupported-media-type", f"content type is {found!r}; expected {media}")
        return _parse(await _read(request, most), media, kind), admitted

    @app.post("/v1/chunks", response_model=None)
    async def chunks(request: Request) -> Response:
        """Take a chunk of frames (MessagePack, wire.Chunk) and answer with a ChunkAck once on disk.

        409 where frames before it are missing: the answer's ``ack.expected`` says which comes next.
        """
        chunk, admitted = await receive(request, CHUNK_TYPE, options.max_body_bytes, Chunk)
        access.check(admitted, chunk.info.device)
        check_times(chunk.info)
        run = read_chunk(chunk)
        return answer(await asyncio.wrap_future(service.ingest.submit(chunk, run)))

    @app.post("/v1/events", response_model=None)
    async def events(request: Request) -> Response:
        """Take episode revisions (CloudEvents batch in JSON) and answer with an EventsAck once on disk."""
        batch, admitted = await receive(request, EVENTS_TYPE, options.max_body_bytes, list[Event])
        if len(batch) > _MOST_EVENTS:
            raise Refusal(413, "too-large", f"{len(batch)} events in one request; expected {_MOST_EVENTS} at most")
        for device in {event.data.info.device for event in batch}:
            access.check(admitted, device)
        for event in batch:
            check_event(event)
        await asyncio.to_thread(service.store.keep, batch)
        return answer(EventsAck(accepted=tuple(event.id for event in batch)))

    @app.post("/v1/heartbeats", response_model=None)
    async def heartbeats(request: Request) -> Response:
        """Take a device's heartbeat (JSON, wire.Heartbeat); the newest is passed on to the cloud."""
        beat, admitted = await receive(request, _HEARTBEAT_TYPE, _HEARTBEAT_BYTES, Heartbeat)
        access.check(admitted, beat.device)
        check_beat(beat)
        service.heartbeats.hear(beat)
        return Response(status_code=204)

    @app.get("/health", response_model=None)
    async def health(request: Request) -> Response:
        """Say that the edge runs; and to this very machine, what it infers by and how many events wait."""
        found = await asyncio.to_thread(service.health)
        local = request.client is not None and is_loopback(request.client.host)
        return answer(found if local else {"status": found["status"]})

    return app


async def _read(request: Request, most: int) -> bytes:
    """Return the body, never reading more than ``most`` bytes of it."""
    refusal = Refusal(413, "too-large", f"the body is larger than {most} bytes; send less at a time")
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > most:
        raise refusal
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > most:
                    raise refusal
    except TimeoutError as error:
        raise Refusal(408, "too-slow", f"the body did not arrive within {_BODY_SECONDS:g} s") from error
    except ClientDisconnect as error:  # nobody hears the answer, and whoever went away sends it again
        raise Refusal(400, "cut-short", "the sender went away before the body had arrived") from error
    return bytes(body)


def _parse(body: bytes, media: str, kind: type[Message]) -> Message:
    decode = msgspec.msgpack.decode if media == CHUNK_TYPE else msgspec.json.decode
    try:
        return decode(body, type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise WireError(f"the body is no message of wire version {WIRE_VERSION}: {error}") from error
