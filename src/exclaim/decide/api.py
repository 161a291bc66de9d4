"""The JSON interface: events and heartbeats in, decisions, incidents and devices out, and the live feed."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query, Request
from fastapi.sse import EventSourceResponse
from starlette.responses import Response

from exclaim.decide.live import Ping
from exclaim.decide.responses import answer, error_response
from exclaim.errors import WireError
from exclaim.wire import EVENTS_TYPE

__all__ = ["router"]

router = APIRouter()
_MOST_FOLLOWERS = 100
_LARGEST_KEY = 2**63 - 1
Limit = Annotated[int, Query(ge=1, le=500)]


class _MuteBody(msgspec.Struct, forbid_unknown_fields=True):
    until: datetime


@router.get("/health")
async def health(request: Request) -> Response:
    """Whether the service answers, its store can be read, and deadlines are kept."""
    await asyncio.to_thread(request.app.state.service.newest_change)
    trouble = request.app.state.background.trouble()
    return error_response(503, "not_well", trouble) if trouble else answer({"status": "ok"})


@router.post("/v1/events")
async def take_events(request: Request) -> Response:
    """A batch of CloudEvents; answered when they are on disk."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != EVENTS_TYPE:
        return error_response(415, "wrong_type", f"content-type {kind!r} should be {EVENTS_TYPE!r}")
    source = request.state.principal.name
    return answer(await _change(request, request.app.state.service.take_events, await request.body(), source))


@router.post("/v1/heartbeats")
async def take_heartbeats(request: Request) -> Response:
    """One heartbeat, or a list of them."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        return error_response(415, "wrong_type", f"content-type {kind!r} should be 'application/json'")
    service, live = request.app.state.service, request.app.state.live
    beats = await asyncio.to_thread(service.take_heartbeats, await request.body())
    for beat in beats:
        live.publish("heartbeat", {"device": beat.device, "layer": beat.layer, "at": service.clock()})
    return answer({"accepted": len(beats)})


@router.get("/v1/decisions")
async def decisions(request: Request, limit: Limit = 50, before: datetime | None = None) -> Response:
    """Decisions, newest first; ``before`` (time of receipt) pages back."""
    found = await asyncio.to_thread(request.app.state.service.decisions, limit=limit, before=before)
    return answer({"decisions": found})


@router.get("/v1/incidents")
async def incidents(
    request: Request, state: Literal["unresolved", "resolved"] = "unresolved", limit: Limit = 50
) -> Response:
    """Incidents, newest first."""
    resolved = state == "resolved"
    found = await asyncio.to_thread(request.app.state.service.incidents, resolved=resolved, limit=limit)
    return answer({"incidents": found})


@router.get("/v1/incidents/{identifier}")
async def incident(request: Request, identifier: int) -> Response:
    """One incident with its history and why it rang."""
    return answer(await asyncio.to_thread(request.app.state.service.incident, min(identifier, _LARGEST_KEY)))


@router.post("/v1/incidents/{identifier}/{action}")
async def act(
    request: Request, identifier: int, action: Literal["acknowledge", "resolve", "confirm", "dismiss"]
) -> Response:
    """A person acts on an incident."""
    person = request.state.principal.name
    service = request.app.state.service
    return answer(await _change(request, service.act, min(identifier, _LARGEST_KEY), action, person))


@router.get("/v1/devices")
async def devices(request: Request) -> Response:
    """Devices and edges: alive, silent or dead, hearing, muted."""
    return answer({"devices": await asyncio.to_thread(request.app.state.service.devices)})


@router.post("/v1/devices/{name}/mute")
async def mute(request: Request, name: str) -> Response:
    """Mute a device: ``{"until": "2025-01-31T03:00:00Z"}``."""
    try:
        body = msgspec.json.decode(await request.body(), type=_MuteBody)
    except msgspec.MsgspecError as error:
        raise WireError(f"mute: {error}") from error
    person = request.state.principal.name
    return answer(await _change(request, request.app.state.service.mute, name, person, until=body.until))


@router.post("/v1/devices/{name}/unmute")
async def unmute(request: Request, name: str) -> Response:
    """End a device's mute."""
    await _change(request, request.app.state.service.unmute, name, request.state.principal.name)
    return answer({"mute": None})


@router.post("/v1/test-alarm")
async def test_alarm(request: Request) -> Response:
    """Ring a test alarm that goes the whole way."""
    return answer(await _change(request, request.app.state.service.test_alarm, request.state.principal.name), 201)


@router.get("/v1/live")
async def live(request: Request, after: Annotated[int | None, Query(ge=0)] = None) -> Response:
    """Server-sent events: ``decision``, ``incident`` and ``device`` by number, ``heartbeat`` and ``ping`` in passing.

    Goes on after the entry that ``Last-Event-ID`` (or ``after``) names; without either, from now on.
    """
    state = request.app.state
    if len(state.live) >= _MOST_FOLLOWERS:
        return error_response(503, "too_many", f"{_MOST_FOLLOWERS} pages follow already; close some")
    last = request.headers.get("last-event-id", "")
    newest = await asyncio.to_thread(state.service.newest_change)
    start = int(last) if last.isascii() and last.isdigit() and len(last) < 19 else after
    allowed = state.may_follow(request)

    async def read(seq: int, limit: int):
        return await asyncio.to_thread(state.service.changes, seq, limit)

    async def pulse() -> Ping | None:
        return Ping(state.service.clock(), state.background.trouble()) if await allowed() else None

    stream = state.live.follow(newest if start is None or start > newest else start, read, pulse)
    return EventSourceResponse(stream, headers={"x-accel-buffering": "no"})


async def _change(request: Request, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Run what changes the store in a thread, and wake what follows it."""
    result = await asyncio.to_thread(work, *args, **kwargs)
    request.app.state.background.changed()
    return result
