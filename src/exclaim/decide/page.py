"""The web page: rendered here, kept current by small scripts, usable without them. Forms answer with the page again."""

import asyncio
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from exclaim.config import Config
from exclaim.decide.access import session_cookie
from exclaim.decide.headline import is_ringing
from exclaim.decide.incidents import ACTIONS
from exclaim.decide.limits import Buckets
from exclaim.decide.passwords import hash_password, verify_password
from exclaim.decide.responses import NotFoundError
from exclaim.decide.sessions import end_session, start_session
from exclaim.errors import WireError

__all__ = ["Page", "router"]

router = APIRouter(include_in_schema=False)
MUTE_MINUTES = {15: "15 minutes", 60: "1 hour", 240: "4 hours", 480: "8 hours"}
_ATTEMPTS_PER_SECOND, _ATTEMPT_BURST = 1 / 12, 5


class Page:
    """Templates with the site's zone, and the login's limits."""

    def __init__(self, config: Config) -> None:
        """Prepare the templates."""
        self.config = config
        self.zone = ZoneInfo(config.site.time_zone)
        self.environment = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.environment.filters.update(at=self.at, iso=_iso, ago=_ago, left=_left, span=_span)
        self.environment.tests["ringing"] = is_ringing
        self.by_address = Buckets(_ATTEMPTS_PER_SECOND, _ATTEMPT_BURST, time.monotonic)
        self.by_name = Buckets(_ATTEMPTS_PER_SECOND, 4 * _ATTEMPT_BURST, time.monotonic)
        self.hashing = asyncio.Semaphore(2)  # scrypt takes memory by design
        self.nobody = hash_password("nobody has this password") if config.decide.people else ""

    def at(self, instant: datetime, now: datetime) -> str:
        """An instant on the site's clock; with the date where it is not today's."""
        local, today = instant.astimezone(self.zone), now.astimezone(self.zone)
        return local.strftime("%H:%M:%S") if local.date() == today.date() else local.strftime("%d %b %H:%M")

    def render(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A template as an answer."""
        values |= {"site": self.config.site, "options": self.config.decide, "zone": self.zone}
        return HTMLResponse(self.environment.get_template(template).render(values), status)


@router.get("/")
async def show(request: Request) -> Response:
    """The page."""
    state = request.app.state
    overview = await asyncio.to_thread(state.service.overview)
    trouble = state.background.trouble()
    who = request.state.principal
    return state.page.render("page.html", view=overview, who=who, trouble=trouble, mute_minutes=MUTE_MINUTES)


@router.post("/incidents/{identifier}/{action}")
async def act(request: Request, identifier: int, action: str) -> Response:
    """A button of an incident."""
    if action not in ACTIONS:
        raise NotFoundError(f"no action {action[:40]!r}")
    who = request.state.principal.name
    return await _done(request, request.app.state.service.act, min(identifier, 2**63 - 1), action, who)


@router.post("/devices/{name}/mute")
async def mute(request: Request, name: str) -> Response:
    """Mute for as long as the form says."""
    minutes = (await _form(request)).get("minutes", "")
    if not minutes.isdecimal() or int(minutes[:6]) not in MUTE_MINUTES:
        raise WireError(f"minutes {minutes[:20]!r} should be one of {', '.join(map(str, MUTE_MINUTES))}")
    service, who = request.app.state.service, request.state.principal.name
    return await _done(request, service.mute, name, who, minutes=int(minutes))


@router.post("/devices/{name}/unmute")
async def unmute(request: Request, name: str) -> Response:
    """End a mute."""
    return await _done(request, request.app.state.service.unmute, name, request.state.principal.name)


@router.post("/test-alarm")
async def test_alarm(request: Request) -> Response:
    """Ring a test alarm."""
    return await _done(request, request.app.state.service.test_alarm, request.state.principal.name)


@router.get("/login")
async def login_form(request: Request) -> Response:
    """The form to log in."""
    page = request.app.state.page
    if not page.config.decide.people:
        return RedirectResponse("/", 303)
    return page.render("login.html", message="")


@router.post("/login")
async def login(request: Request) -> Response:
    """Log in; slow on purpose, and seldom from one address or for one name."""
    state, page = request.app.state, request.app.state.page
    form = await _form(request)
    name, password = form.get("name", ""), form.get("password", "")
    people = page.config.decide.people
    address = request.client.host if request.client else ""
    if not page.by_address.take(address) or not page.by_name.take(name[:64]):
        return page.render("login.html", 429, message="Too many attempts. Wait a minute and try again.")
    async with page.hashing:
        right = await asyncio.to_thread(verify_password, password[:1024], people.get(name, page.nobody))
    if not right or name not in people:
        return page.render("login.html", 403, message="Name and password do not match.")

    def start() -> str:
        with state.service.store.write() as connection:
            return start_session(connection, name, state.service.clock())

    token = await asyncio.to_thread(start)
    answer = RedirectResponse("/", 303)
    secure = page.config.decide.tls_key is not None
    answer.set_cookie(session_cookie(page.config), token, httponly=True, samesite="strict", secure=secure, path="/")
    return answer


@router.post("/logout")
async def logout(request: Request) -> Response:
    """End the session."""
    state = request.app.state
    cookie = session_cookie(state.page.config)
    token = request.cookies.get(cookie, "")

    def end() -> None:
        with state.service.store.write() as connection:
            end_session(connection, token)

    await asyncio.to_thread(end)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(cookie, path="/", secure=state.page.config.decide.tls_key is not None, httponly=True)
    return answer


async def _form(request: Request) -> dict[str, str]:
    content = (await request.body()).decode("utf-8", "replace")
    try:
        return {name: values[0] for name, values in parse_qs(content, max_num_fields=20).items()}
    except ValueError as error:
        raise WireError(f"form: {error}") from error


async def _done(request: Request, work: Any, *args: Any, **kwargs: Any) -> Response:
    await asyncio.to_thread(work, *args, **kwargs)
    request.app.state.background.changed()
    return RedirectResponse("/", 303)


def _iso(instant: datetime) -> str:
    return instant.isoformat(timespec="milliseconds")


def _ago(instant: datetime, now: datetime) -> str:
    return f"{_span((now - instant).total_seconds())} ago"


def _left(instant: datetime, now: datetime) -> str:
    seconds = max(0, round((instant - now).total_seconds()))
    return f"{seconds // 60}:{seconds % 60:02d}"


def _span(seconds: float) -> str:
    """A length of time in its largest unit: "12 s", "5 min", "3 h", "2 days"."""
    seconds = max(0.0, seconds)
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min"
    return f"{seconds // 3600:.0f} h" if seconds < 2 * 86400 else f"{timedelta(seconds=seconds).days} days"
