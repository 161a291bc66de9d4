"""Passwords of people as scrypt hashes (RFC 7914), ``scrypt:N:r:p:SALT:HASH`` with salt and hash in hexadecimal."""

import hashlib
import hmac
import secrets

from exclaim.errors import ConfigError

__all__ = ["SHORTEST", "check_hash", "hash_password", "verify_password"]

SHORTEST = 8  # characters
_N, _R, _P = 2**15, 8, 1  # 32 MiB and about a tenth of a second
_LARGEST_MEMORY = 256 * 2**20


def hash_password(password: str, salt: bytes | None = None) -> str:
    """The hash to put under ``decide.people``.

    Raises:
        ConfigError: when the password is too short.
    """
    if len(password) < SHORTEST:
        raise ConfigError(f"the password has {len(password)} characters; use {SHORTEST} or more")
    salt = secrets.token_bytes(16) if salt is None else salt
    return f"scrypt:{_N}:{_R}:{_P}:{salt.hex()}:{_digest(password, salt, _N, _R, _P).hex()}"


def check_hash(name: str, text: str) -> None:
    """Raise ConfigError when ``text`` is no hash that :func:`hash_password` makes."""
    try:
        n, r, p, _, digest = _parse(text)
        if n < 2**14 or n & (n - 1) or r < 1 or p < 1 or 128 * n * r > _LARGEST_MEMORY or len(digest) != 32:
            raise ValueError("its parameters are out of range")
    except ValueError as error:
        message = "should be the output of `exclaim decide --hash-password`"
        raise ConfigError(f"decide.people.{name} {message}: {error}") from error


def verify_password(password: str, text: str) -> bool:
    """Whether the password is the one that was hashed."""
    n, r, p, salt, digest = _parse(text)
    return hmac.compare_digest(_digest(password, salt, n, r, p), digest)


def _parse(text: str) -> tuple[int, int, int, bytes, bytes]:
    parts = text.split(":")
    if len(parts) != 6 or parts[0] != "scrypt":
        raise ValueError("it is no scrypt hash")
    return int(parts[1]), int(parts[2]), int(parts[3]), bytes.fromhex(parts[4]), bytes.fromhex(parts[5])


def _digest(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=_LARGEST_MEMORY + 2**20, dklen=32)
