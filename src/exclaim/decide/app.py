"""The application: interface, page and background work over an open store."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from fastapi import FastAPI, Request
from starlette.middleware import Middleware
from starlette.staticfiles import StaticFiles

from exclaim.config import Config
from exclaim.decide import api, page
from exclaim.decide.access import EDGE_PATHS, Access, Forgery, check_access, session_cookie
from exclaim.decide.background import Background
from exclaim.decide.headers import SecurityHeaders
from exclaim.decide.limits import BodyLimit
from exclaim.decide.live import Live
from exclaim.decide.responses import install_error_handlers
from exclaim.decide.service import Service
from exclaim.decide.sessions import find_session
from exclaim.decide.store import Store

__all__ = ["create_app", "utc_now"]

_FORM_BYTES = 16 * 1024


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def create_app(config: Config, store: Store, *, clock: Callable[[], datetime] = utc_now) -> FastAPI:
    """The decision service as an ASGI application; its lifespan owns the background work, its caller the store.

    Args:
        config: the whole configuration.
        store: an open store.
        clock: the time in UTC.

    Raises:
        ConfigError: when the configuration would open the service to others without TLS and credentials.
    """
    check_access(config)
    service = Service(store, config, clock)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.live = Live(asyncio.get_running_loop())
        app.state.background = Background(store, config, app.state.live, clock)
        async with app.state.background.running():
            yield
        app.state.live.close()

    def limit_of(path: str) -> int:
        return config.decide.max_body_bytes if path in EDGE_PATHS else _FORM_BYTES

    guards = [
        Middleware(SecurityHeaders, tls=config.decide.tls_key is not None),
        Middleware(Access, config=config, store=store, clock=clock),
        Middleware(BodyLimit, limit_of=limit_of),
        Middleware(Forgery),
    ]
    app = FastAPI(
        title="exclaim decide", openapi_url="/v1/openapi.json", docs_url=None, redoc_url=None, lifespan=lifespan,
        middleware=guards,
    )  # fmt: skip
    app.state.service = service
    app.state.may_follow = _follow_check(service)
    app.state.page = page.Page(config)
    install_error_handlers(app)
    app.include_router(api.router)
    app.include_router(page.router)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    return app


def _follow_check(service: Service) -> Callable[[Request], Callable[[], Awaitable[bool]]]:
    """Whether a stream that is open may go on: its session may have ended since."""
    cookie = session_cookie(service.config)

    def check_of(request: Request) -> Callable[[], Awaitable[bool]]:
        token = request.cookies.get(cookie, "")

        def holds() -> bool:
            if not service.config.decide.people:
                return True
            with service.store.read() as connection:
                session = find_session(connection, token, service.clock())
            return session is not None and session.person in service.config.decide.people

        async def allowed() -> bool:
            return await asyncio.to_thread(holds)

        return allowed

    return check_of
