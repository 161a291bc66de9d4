"""Running the service: the port, the certificate, and a stop that does not wait for open pages."""

import asyncio
import errno
import logging
import os
import socket
import ssl
import threading
from collections.abc import Callable

import uvicorn

from exclaim.config import Config, DecideOptions
from exclaim.decide.access import check_access
from exclaim.decide.app import create_app
from exclaim.decide.store import open_store
from exclaim.errors import ConfigError

__all__ = ["run_decide"]

log = logging.getLogger(__name__)
_GRACE_SECONDS = 5


class _Server(uvicorn.Server):
    """Ends the live streams first when it stops; they never would by themselves."""

    def __init__(self, config: uvicorn.Config, before_shutdown: Callable[[], None]) -> None:
        super().__init__(config)
        self._before_shutdown = before_shutdown

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._before_shutdown()
        await super().shutdown(sockets)


def run_decide(
    config: Config, *, ready: Callable[[str], None] | None = None, stop: threading.Event | None = None
) -> None:
    """Run the decision service until SIGINT or SIGTERM (in the main thread), or until ``stop`` is set.

    Args:
        config: the whole configuration; port 0 takes a free one.
        ready: called with the service's URL once it answers, in the server's thread.
        stop: ends the service when set, from any thread.

    Raises:
        ConfigError: when the port is in use, or the configuration does not hold together.
        StoreError: when the store cannot be opened.
    """
    check_access(config)
    options = config.decide
    _check_certificate(options)
    with _listen(options) as listener, open_store(options.store) as store:
        app = create_app(config, store)
        settings = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            ssl_certfile=options.tls_certificate,
            ssl_keyfile=options.tls_key,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            ws="none",
            proxy_headers=False,
        )
        server = _Server(settings, lambda: app.state.live.close())
        asyncio.run(_serve(server, listener, _url(options, listener), ready, stop))


async def _serve(
    server: uvicorn.Server,
    listener: socket.socket,
    url: str,
    ready: Callable[[str], None] | None,
    stop: threading.Event | None,
) -> None:
    async def watch() -> None:
        while not server.started:
            await asyncio.sleep(0.02)
        log.info("decision service at %s", url)
        if ready is not None:
            ready(url)
        while stop is not None and not stop.is_set():
            await asyncio.sleep(0.05)
        server.should_exit = server.should_exit or stop is not None

    watching = asyncio.create_task(watch())
    try:
        await server.serve(sockets=[listener])
    finally:
        watching.cancel()


def _listen(options: DecideOptions) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((options.host, options.port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        place = f"port {options.port} on {options.host}"
        if error.errno == errno.EADDRINUSE:
            hint = "stop the program that holds it, or set decide.port to another"
            raise ConfigError(f"decide: {place} is in use; {hint}") from error
        raise ConfigError(f"decide: {place} cannot be opened: {error.strerror or error}") from error
    return listener


def _url(options: DecideOptions, listener: socket.socket) -> str:
    host = f"[{options.host}]" if ":" in options.host else options.host
    return f"{'https' if options.tls_key else 'http'}://{host}:{listener.getsockname()[1]}"


def _check_certificate(options: DecideOptions) -> None:
    if options.tls_certificate is None:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(options.tls_certificate, options.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"decide.tls_certificate {options.tls_certificate!r}: {error}") from error
