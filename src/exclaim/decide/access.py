"""Who may do what, default-deny: edges by bearer token, people by session; open only on loopback and unconfigured."""

import asyncio
import hashlib
import hmac
import logging
import time
from collections.abc import Callable
from datetime import datetime
from ipaddress import ip_address
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from exclaim.config import Config
from exclaim.decide.limits import Buckets
from exclaim.decide.passwords import check_hash
from exclaim.decide.responses import error_response
from exclaim.decide.sessions import find_session, is_worth_touching, touch_session
from exclaim.decide.store import Store
from exclaim.decide.webhook import check_webhook
from exclaim.errors import ConfigError, StoreError
from exclaim.transport import is_loopback

__all__ = ["Access", "Forgery", "Principal", "check_access", "session_cookie"]

log = logging.getLogger(__name__)
EDGE_PATHS = frozenset({"/v1/events", "/v1/heartbeats"})
_OPEN_PATHS = frozenset({"/health", "/login"})
_LONGEST_NAME = 64
_REQUESTS_PER_SECOND, _REQUEST_BURST = 100.0, 400.0  # of one address, where it is not this machine


class Principal(msgspec.Struct, frozen=True):
    """Who asks. ``csrf`` is the token that this person's forms must carry; empty where there is no session."""

    kind: Literal["edge", "person", "nobody"]
    name: str
    csrf: str = ""


def check_access(config: Config) -> None:
    """Refuse a configuration that would open the service to others without TLS and credentials.

    Raises:
        ConfigError: says what is missing.
    """
    options = config.decide
    if (options.tls_certificate is None) != (options.tls_key is None):
        raise ConfigError("decide.tls_certificate and decide.tls_key belong together: give both or neither")
    if not is_loopback(options.host):
        needed = {
            "tls_certificate and tls_key": options.tls_key,
            "edges (a token's SHA-256 for each edge)": options.edges,
            "people (a password's hash for each person)": options.people,
        }
        missing = [f"decide.{name}" for name, value in needed.items() if not value]
        if missing:
            raise ConfigError(f"decide.host {options.host!r} is beyond loopback, which needs {', '.join(missing)}")
    for name in (*options.edges, *options.people):
        if not 0 < len(name) <= _LONGEST_NAME:
            raise ConfigError(f"decide: the name {name!r} should have 1 to {_LONGEST_NAME} characters")
    for name, digest in options.edges.items():
        if len(digest) != 64 or any(character not in "0123456789abcdef" for character in digest.lower()):
            raise ConfigError(f"decide.edges.{name} should be the SHA-256 of its token, 64 hexadecimal digits")
    for name, text in options.people.items():
        check_hash(name, text)
    if options.webhook is not None:
        check_webhook(options.webhook)


def session_cookie(config: Config) -> str:
    """The cookie's name; browsers hold the one with the prefix to this host over TLS."""
    return "__Host-exclaim" if config.decide.tls_key else "exclaim"


class Access:
    """Lets a request through with its :class:`Principal` in ``scope["state"]["principal"]``, or refuses it."""

    def __init__(self, app: ASGIApp, config: Config, store: Store, clock: Callable[[], datetime]) -> None:
        """Guard ``app``."""
        self._app, self._config, self._store, self._clock = app, config, store, clock
        self._edges = {name: digest.lower() for name, digest in config.decide.edges.items()}
        self._rates = Buckets(_REQUESTS_PER_SECOND, _REQUEST_BURST, time.monotonic)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Find out who asks; refuse what they may not."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            raise RuntimeError(f"no {scope['type']} here")
        request = Request(scope)
        refusal = self._foreign(request)
        if refusal is None:
            principal = await self._who(request)
            if principal is not None:
                request.state.principal = principal
                await self._app(scope, receive, send)
                return
            refusal = self._unknown(request)
        await refusal(scope, receive, send)

    def _foreign(self, request: Request):
        """Refuse what comes too often, or from another site through somebody's browser."""
        address = request.client.host if request.client else ""
        if not is_loopback(address) and not self._rates.take(address):
            return error_response(429, "too_many", "too many requests from this address")
        host = request.headers.get("host", "")
        if not self._config.decide.people and not is_loopback(_host_name(host)):
            # a name that an attacker points at loopback (DNS rebinding) would be same-origin with an open page
            return error_response(421, "wrong_host", f"host {host[:80]!r} is not this machine; use 127.0.0.1")
        if request.method not in ("GET", "HEAD"):
            origin = request.headers.get("origin")
            site = request.headers.get("sec-fetch-site", "same-origin")
            if site not in ("same-origin", "none") or (origin is not None and urlsplit(origin).netloc != host):
                return error_response(403, "other_site", "this request came from another site's page")
        return None

    async def _who(self, request: Request) -> Principal | None:
        path = request.url.path
        if path in EDGE_PATHS:
            return self._edge(request)
        if path in _OPEN_PATHS or path.startswith("/static/"):
            return Principal("nobody", "")
        if not self._config.decide.people:
            return Principal("person", "operator")
        return await asyncio.to_thread(self._person, request)

    def _edge(self, request: Request) -> Principal | None:
        if not self._edges:
            return Principal("edge", "edge") if not self._config.decide.people else None
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        digest = hashlib.sha256(token.strip().encode()).hexdigest()
        names = [name for name, known in self._edges.items() if hmac.compare_digest(known, digest)]
        return Principal("edge", names[0]) if scheme.lower() == "bearer" and names else None

    def _person(self, request: Request) -> Principal | None:
        token = request.cookies.get(session_cookie(self._config))
        if not token:
            return None
        now = self._clock()
        with self._store.read() as connection:
            session = find_session(connection, token, now)
        if session is None or session.person not in self._config.decide.people:
            return None
        if is_worth_touching(session, now):
            self._touch(token, now)
        return Principal("person", session.person, session.csrf)

    def _touch(self, token: str, now: datetime) -> None:
        try:
            with self._store.write() as connection:
                touch_session(connection, token, now)
        except StoreError as error:  # a full disk must not lock people out of the page that says so
            log.error("a session's use was not noted: %s", error)

    def _unknown(self, request: Request):
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            return RedirectResponse("/login", 303)
        if request.url.path in EDGE_PATHS:
            return error_response(401, "no_credential", "an edge's bearer token is needed here (decide.edges)")
        return error_response(401, "no_session", "log in first, at /login")


class Forgery:
    """Refuses a session's POST without the session's token, in the header X-CSRF-Token or the form field ``csrf``."""

    def __init__(self, app: ASGIApp) -> None:
        """Guard ``app``, behind :class:`Access` and a body limit."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the token of every request that changes something."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        message = await receive()  # the whole body: the limit before us read it
        wanted = scope["state"]["principal"].csrf
        if wanted and not hmac.compare_digest(wanted.encode(), _token(Request(scope), message.get("body", b""))):
            await error_response(403, "no_token", "the form's token is missing or old; load the page again")(
                scope, receive, send
            )
            return
        waiting = [message]

        async def replay():
            return waiting.pop() if waiting else await receive()

        await self._app(scope, replay, send)


def _token(request: Request, body: bytes) -> bytes:
    header = request.headers.get("x-csrf-token")
    if header is not None:
        return header.encode()
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return b""
    return parse_qs(body.decode("utf-8", "replace")).get("csrf", [""])[0].encode()


def _host_name(host: str) -> str:
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return str(ip_address(name))
    except ValueError:
        return name
