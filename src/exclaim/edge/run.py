"""Runs the edge server in this process, until it is told to stop."""

import logging
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import uvicorn

from exclaim.config import EdgeOptions
from exclaim.edge.app import create_app
from exclaim.edge.service import EdgeService
from exclaim.edge.store import EdgeStore
from exclaim.errors import ConfigError
from exclaim.listen import Analysis
from exclaim.model import load_model
from exclaim.transport import is_loopback, open_client

__all__ = ["run_edge"]

_log = logging.getLogger(__name__)

_DRAIN_SECONDS = 5  # how long open requests may take when it stops


class _Server(uvicorn.Server):
    """Says when it answers."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()


def run_edge(
    options: EdgeOptions,
    *,
    models: Sequence[str],
    pins: Mapping[str, str] | None = None,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        options: of the edge; port 0 takes any free one.
        models: shipped names, tasks, or paths of model files.
        pins: path to SHA-256, for models that are not shipped.
        on_ready: called with the base URL as soon as requests are answered.

    Raises:
        ConfigError: when it would listen beyond loopback without TLS or credentials, or the port is taken.
        ModelError: when a model is missing or not to be trusted.
        StoreError: when the store cannot be opened.
    """
    _check(options)
    with ExitStack() as stack:
        listener = stack.enter_context(_listen(options))
        loaded = [load_model(name, pin=(pins or {}).get(name)) for name in models]
        client = stack.enter_context(
            open_client(
                options.decide_url,
                credential=options.credential,
                ca_file=options.ca_file,
                name="edge.decide_url",
            )
        )
        store = EdgeStore(Path(options.store))
        stack.callback(store.close)
        app = create_app(options, EdgeService(options, store, Analysis(loaded), client))
        url = _url(options, listener)
        server = _Server(_server_config(options, app), lambda: on_ready(url) if on_ready else None)
        _log.info("edge server listens on %s", url)
        server.run(sockets=[listener])


def _check(options: EdgeOptions) -> None:
    if bool(options.tls_certificate) != bool(options.tls_key):
        raise ConfigError("edge: tls_certificate and tls_key go together; set both or none")
    if is_loopback(options.host):
        return
    if not options.tls_certificate or not options.devices:
        raise ConfigError(
            f"edge.host {options.host} is beyond this machine; set edge.tls_certificate, edge.tls_key and the "
            "credentials in edge.devices"
        )


def _listen(options: EdgeOptions) -> socket.socket:
    """Bind the port before anything else is opened."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    # TCP by name: only of such a socket does asyncio switch off the delay that would hold each answer back by 40 ms
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((options.host, options.port))
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"the edge server cannot listen on {options.host} port {options.port}: {error.strerror}; "
            "stop what uses the port, or set another edge.port"
        ) from error
    return listener


def _server_config(options: EdgeOptions, app: object) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        lifespan="on",
        server_header=False,
        ssl_certfile=options.tls_certificate,
        ssl_keyfile=options.tls_key,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    try:
        config.load()
    except OSError as error:
        raise ConfigError(
            f"edge: tls_certificate {options.tls_certificate} or tls_key {options.tls_key} cannot be used: "
            f"{error}; expected PEM files that belong together"
        ) from error
    return config


def _url(options: EdgeOptions, listener: socket.socket) -> str:
    host = f"[{options.host}]" if ":" in options.host else options.host
    scheme = "https" if options.tls_certificate else "http"
    return f"{scheme}://{host}:{listener.getsockname()[1]}"
