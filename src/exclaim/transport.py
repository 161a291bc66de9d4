"""How one layer reaches the next: TLS beyond this machine, a bearer token, retries that back off."""

import ipaddress
import random
import ssl
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx

from exclaim.errors import ConfigError, DeliveryError

__all__ = ["Backoff", "check_url", "error_message", "is_loopback", "open_client", "wait_until_ready"]

TIMEOUT_SECONDS = 10.0


def is_loopback(host: str) -> bool:
    """Return whether ``host`` (a name or an address) is this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_url(url: str, *, credential: str | None, name: str) -> None:
    """Refuse a peer that frames or results must not be sent to.

    Args:
        url: base URL of the peer.
        credential: bearer token for it.
        name: the option that holds the URL, for the message.

    Raises:
        ConfigError: when no http(s) URL, or beyond loopback without TLS or without a credential.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"{name} is {url!r}; expected a URL such as https://edge.example:8741")
    if is_loopback(parts.hostname):
        return
    if parts.scheme != "https":
        raise ConfigError(
            f"{name} is {url!r}, plain http beyond this machine; expected https, since sound is personal data"
        )
    if not credential:
        raise ConfigError(f"{name} is {url!r}, beyond this machine; expected a credential (bearer token) for it")


def open_client(url: str, *, credential: str | None, ca_file: str | None, name: str) -> httpx.Client:
    """Return an HTTP client for a peer; close it when done.

    Args:
        url: base URL of the peer.
        credential: bearer token, or None on loopback.
        ca_file: certificate authority of the peer's TLS certificate, or None for the system's.
        name: the option that holds the URL, for messages.

    Raises:
        ConfigError: when the peer must not be reached so (see :func:`check_url`), or no ``ca_file`` is there.
    """
    check_url(url, credential=credential, name=name)
    verify: ssl.SSLContext | bool = True
    if urlsplit(url).scheme == "https":
        try:
            verify = ssl.create_default_context(cafile=ca_file)
        except OSError as error:
            raise ConfigError(f"ca_file {ca_file} cannot be read: {error}; expected a PEM certificate") from error
    headers = {"authorization": f"Bearer {credential}"} if credential else {}
    return httpx.Client(
        base_url=url,
        headers=headers,
        verify=verify,
        timeout=TIMEOUT_SECONDS,
        trust_env=not is_loopback(urlsplit(url).hostname or ""),  # no proxy to this very machine
    )


def error_message(response: httpx.Response) -> str:
    """Return what a service of ours says in its error shape, or the status alone."""
    try:
        error = response.json()["error"]
        return f"{response.status_code} {error['code']}: {error['message']}"
    except (ValueError, KeyError, TypeError):
        return f"status {response.status_code}"


class Backoff:
    """Seconds to wait before each further try: doubling, bounded, jittered lest a fleet marches in step."""

    def __init__(self, first: float = 0.25, most: float = 30.0, jitter: Callable[[], float] = random.random) -> None:
        """Wait about ``first`` seconds after a failure and ``most`` at the end; ``jitter`` is in [0, 1)."""
        self._first = first
        self._most = most
        self._jitter = jitter
        self._failures = 0

    @property
    def failures(self) -> int:
        """How many failures in a row there were."""
        return self._failures

    def failed(self) -> float:
        """Count a failure and return the wait in seconds: between half and all of the doubled time."""
        seconds = min(self._most, self._first * 2 ** min(self._failures, 32))
        self._failures += 1
        return seconds * (0.5 + 0.5 * self._jitter())

    def succeeded(self) -> None:
        """Start again from the shortest wait."""
        self._failures = 0


def wait_until_ready(url: str, *, seconds: float = 30.0, alive: Callable[[], bool] = lambda: True) -> None:
    """Wait until a service answers ``GET /health`` on loopback.

    Args:
        url: base URL of the service.
        seconds: how long to wait at most.
        alive: says whether the service's process still runs.

    Raises:
        DeliveryError: when it does not answer in time or ended.
    """
    deadline = time.monotonic() + seconds
    with httpx.Client(base_url=url, trust_env=False, timeout=2.0) as client:
        while time.monotonic() < deadline and alive():
            try:
                if client.get("/health").is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
    ended = "" if alive() else "; its process ended"
    raise DeliveryError(f"{url} did not answer /health within {seconds:g} s{ended}")
