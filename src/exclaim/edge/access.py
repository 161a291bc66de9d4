"""Who may send what, and how much: decided before a body is read where a credential says who it is."""

import hashlib
import hmac
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

from exclaim.edge.answers import Refusal
from exclaim.transport import is_loopback

__all__ = ["Access", "RateLimit"]

_MOST_KEYS = 4096  # buckets kept; the one that was idle longest goes first


class RateLimit:
    """A token bucket for each key: so many requests per second, and two seconds' worth at once."""

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Allow ``per_second`` requests on average; ``clock`` gives seconds."""
        self._rate = per_second
        self._burst = max(1.0, 2 * per_second)
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # key: (tokens, when)

    def take(self, key: str) -> None:
        """Count a request.

        Raises:
            Refusal: 429 with the seconds to wait, when the key sends too many.
        """
        now = self._clock()
        tokens, then = self._buckets.pop(key, (self._burst, now))
        tokens = min(self._burst, tokens + (now - then) * self._rate)
        allowed = tokens >= 1
        self._buckets[key] = (tokens - 1 if allowed else tokens, now)
        if len(self._buckets) > _MOST_KEYS:
            self._buckets.popitem(last=False)
        if not allowed:
            message = f"{key} sends more than {self._rate:g} requests per second; wait a second"
            raise Refusal(429, "too-many-requests", message, headers={"retry-after": "1"})


class Access:
    """Credentials and rates of the devices. Without credentials only this very machine is let in."""

    def __init__(self, devices: Mapping[str, str], rate: RateLimit) -> None:
        """Let in ``devices``: name to the SHA-256 of its bearer token, in hexadecimal."""
        self._devices = dict(devices)
        self._rate = rate

    def admit(self, authorization: str | None, host: str | None) -> str | None:
        """Return the device that a request comes from, by its headers alone; None for any, on loopback.

        Args:
            authorization: the header.
            host: the address that the request came from.

        Raises:
            Refusal: 401, 403 or 429.
        """
        if not self._devices:
            if host is None or not is_loopback(host):
                message = "without credentials for devices only loopback is served; set edge.devices"
                raise Refusal(403, "forbidden", message)
            return None
        scheme, _, token = (authorization or "").partition(" ")
        digest = hashlib.sha256(token.strip().encode()).hexdigest()
        found = None
        for name, expected in self._devices.items():  # all of them, so that time tells nothing
            if hmac.compare_digest(digest, expected.lower()):
                found = name
        if scheme.lower() != "bearer" or found is None:
            message = "the bearer token is missing or belongs to no device; set sense.credential"
            raise Refusal(401, "unauthorised", message, headers={"www-authenticate": "Bearer"})
        self._rate.take(found)
        return found

    def check(self, admitted: str | None, device: str) -> None:
        """Refuse a message that names another device than the one that was let in.

        Raises:
            Refusal: 403; or 429, where only the message says which device sent it.
        """
        if admitted is None:
            self._rate.take(device)
        elif admitted != device:
            message = f"the credential is {admitted}'s, the message says {device}"
            raise Refusal(403, "forbidden", message)
