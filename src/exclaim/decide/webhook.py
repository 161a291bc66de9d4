"""A webhook signed as Standard Webhooks 1.0 (standardwebhooks.com): the message, and whether the receiver took it."""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime
from urllib.parse import urlsplit

import httpx

from exclaim.config import WebhookOptions
from exclaim.decide.paging import Waiting
from exclaim.errors import ConfigError, DeliveryError
from exclaim.transport import is_loopback

__all__ = ["check_webhook", "post", "signed_headers"]

_PREFIX = "whsec_"
_SHORTEST_SECRET_BYTES = 24  # as the standard has it


def check_webhook(options: WebhookOptions) -> bytes:
    """The key of the webhook's secret.

    Raises:
        ConfigError: when the secret is none, or the URL is neither https nor loopback.
    """
    try:
        parts = urlsplit(options.url)
        host = parts.hostname or ""
    except ValueError as error:
        raise ConfigError(f"decide.webhook.url {options.url!r}: {error}") from error
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))):
        raise ConfigError(f"decide.webhook.url {options.url!r} should be https://..., or http:// on loopback")
    try:
        if not options.secret.startswith(_PREFIX):
            raise ValueError("it does not begin so")
        key = base64.b64decode(options.secret.removeprefix(_PREFIX), validate=True)
        if len(key) < _SHORTEST_SECRET_BYTES:
            raise ValueError(f"it holds {len(key)} bytes")
    except (ValueError, binascii.Error) as error:
        expected = f'"{_PREFIX}" and {_SHORTEST_SECRET_BYTES} or more random bytes in base64'
        raise ConfigError(f"decide.webhook.secret should be {expected}: {error}") from error
    return key


def signed_headers(key: bytes, identifier: str, now: datetime, body: bytes) -> dict[str, str]:
    """The headers of one attempt: the id stays over attempts, time and signature are of this one."""
    timestamp = str(int(now.timestamp()))
    signature = hmac.new(key, b".".join((identifier.encode(), timestamp.encode(), body)), hashlib.sha256).digest()
    return {
        "content-type": "application/json",
        "webhook-id": identifier,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
    }


async def post(client: httpx.AsyncClient, url: str, key: bytes, message: Waiting, now: datetime) -> None:
    """Send one message.

    Raises:
        DeliveryError: when the receiver cannot be reached or does not answer with 2xx.
    """
    body = message.body.encode()
    try:
        answer = await client.post(url, content=body, headers=signed_headers(key, message.id, now, body))
    except httpx.HTTPError as error:
        raise DeliveryError(f"webhook: {str(error) or type(error).__name__}") from error
    if not answer.is_success:
        raise DeliveryError(f"webhook answered {answer.status_code} {answer.reason_phrase}")
