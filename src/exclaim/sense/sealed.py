"""Frames at rest on the device: each piece sealed by AES-256-GCM, the key in another file.

Log-mel frames can be turned back into intelligible speech. Whoever takes the device's storage without the
key finds stream ids and times, and no sound.
"""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from exclaim.database import MAX_BYTES, Database
from exclaim.errors import ConfigError, StoreError
from exclaim.sense.buffer import Kept
from exclaim.wire import Chunk, StreamInfo

__all__ = ["SealedVault", "read_key"]

_KEY_BYTES = 32
_NONCE_BYTES = 12  # NIST SP 800-38D, section 8.2.2: random nonces of 96 bits
_SCHEMA = """
CREATE TABLE streams (stream TEXT PRIMARY KEY, info BLOB NOT NULL);
CREATE TABLE pieces (
    stream TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    at REAL NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (stream, first)
);
"""


def read_key(path: Path) -> bytes:
    """Return the 32 bytes of a key file, which holds them in hexadecimal.

    Raises:
        ConfigError: when it cannot be read or holds something else.
    """
    advice = f"write one by `openssl rand -hex {_KEY_BYTES}`, and keep it on other storage than the outbox"
    try:
        key = bytes.fromhex(Path(path).read_text("ascii").strip())
    except (OSError, ValueError) as error:
        raise ConfigError(f"seal_key_file {path} cannot be read: {error}; {advice}") from error
    if len(key) != _KEY_BYTES:
        raise ConfigError(f"seal_key_file {path} holds {len(key)} bytes; expected {_KEY_BYTES}: {advice}")
    return key


class SealedVault:
    """Frames in an SQLite file that is of no use without the key."""

    def __init__(
        self,
        path: Path,
        key: bytes,
        *,
        max_bytes: int = MAX_BYTES,
        nonce: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """Open the file, or make it.

        Args:
            path: the SQLite file.
            key: 32 bytes, see :func:`read_key`.
            max_bytes: size that the file may grow to.
            nonce: gives so many random bytes.

        Raises:
            StoreError: when the file cannot be opened.
        """
        self._cipher = AESGCM(key)
        self._nonce = nonce
        self._database = Database(path, _SCHEMA, version=1, max_bytes=max_bytes)

    def begin(self, info: StreamInfo) -> None:
        """Note that a stream began."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO streams VALUES (?, ?)", (info.stream, msgspec.msgpack.encode(info))
            )

    def save(self, kept: Kept) -> None:
        """Seal and keep a piece; on disk when this returns."""
        chunk = kept.chunk
        nonce = self._nonce(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(
            nonce, msgspec.msgpack.encode(chunk), _bound_to(chunk.info.stream, chunk.first)
        )
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO pieces VALUES (?, ?, ?, ?, ?)",
                (chunk.info.stream, chunk.first, chunk.last, kept.at, sealed),
            )

    def delete(self, stream: str, below: int) -> None:
        """Forget the pieces whose frames all lie below."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM pieces WHERE stream = ? AND last < ?", (stream, below))

    def forget(self, stream: str) -> None:
        """Forget a stream altogether."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM pieces WHERE stream = ?", (stream,))
            connection.execute("DELETE FROM streams WHERE stream = ?", (stream,))

    def load(self) -> list[tuple[StreamInfo, list[Kept]]]:
        """Return what an earlier run left, in the order of its beginning.

        Raises:
            StoreError: when a piece cannot be opened by this key.
        """
        streams = []
        for stream, info in self._database.read("SELECT stream, info FROM streams ORDER BY rowid"):
            rows = self._database.read(
                "SELECT first, at, sealed FROM pieces WHERE stream = ? ORDER BY first", (stream,)
            )
            pieces = [Kept(at, self._open(stream, first, sealed)) for first, at, sealed in rows]
            streams.append((msgspec.msgpack.decode(info, type=StreamInfo), pieces))
        return streams

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _open(self, stream: str, first: int, sealed: bytes) -> Chunk:
        nonce, body = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            plain = self._cipher.decrypt(nonce, body, _bound_to(stream, first))
        except InvalidTag as error:
            raise StoreError(
                f"outbox {self._database.path} is not sealed by this key, or damaged; restore the key "
                "that it was written with, or move the outbox away"
            ) from error
        return msgspec.msgpack.decode(plain, type=Chunk)


def _bound_to(stream: str, first: int) -> bytes:
    """Return what a piece is bound to, so that none can be moved to another place."""
    return f"{stream}/{first}".encode()
