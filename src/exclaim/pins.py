"""Whether a model file is the one that was meant: pins (a SHA-256 kept elsewhere) and Ed25519 signatures.

A card's own hash detects damage; against a file that was replaced on purpose only a pin or a signature helps.
Pins stand in a ``models.json`` of the form {file name: SHA-256} beside the files; those of shipped models are
part of the release.
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from exclaim.errors import ModelError

__all__ = [
    "PINS_FILE",
    "check_trust",
    "pin",
    "pin_of",
    "read_pins",
    "sign",
    "verify_signature",
    "write_atomically",
]

PINS_FILE = "models.json"
_SIGNATURE_BYTES = 64


def pin_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal.

    Raises:
        ModelError: when it cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error


def read_pins(folder: Path) -> dict[str, str]:
    """Return the pins of a folder's ``models.json``, none when it has no such file.

    Raises:
        ModelError: when the file is not of the form {file name: SHA-256}.
    """
    path = Path(folder) / PINS_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        raise ModelError(f"pins {path}: {error}; expected JSON of the form {{file name: SHA-256}}") from error


def pin(path: Path) -> str:
    """Write a file's SHA-256 into the ``models.json`` beside it, and return it.

    Raises:
        ModelError: when the file or the pins cannot be read, or the pins not written.
    """
    path = Path(path)
    digest = pin_of(path)
    pins = dict(sorted({**read_pins(path.parent), path.name: digest}.items()))
    write_atomically(path.parent / PINS_FILE, msgspec.json.format(msgspec.json.encode(pins)) + b"\n")
    return digest


def sign(path: Path, private_key: bytes) -> tuple[Path, str]:
    """Sign a file: ``FILE.sig`` holds the 64 bytes of an Ed25519 signature (RFC 8032) over the file's bytes.

    Args:
        path: the file.
        private_key: an Ed25519 private key in PEM (``openssl genpkey -algorithm ed25519``).

    Returns:
        The signature's path and the public key in hexadecimal, which those who load the file put among their
        trusted keys.

    Raises:
        ModelError: when the key is no such key, or a file cannot be read or written.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        key = serialization.load_pem_private_key(private_key, password=None)
    except (ValueError, TypeError) as error:
        raise ModelError(
            f"the signing key cannot be read ({error}); expected an unencrypted Ed25519 key in PEM"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ModelError(f"the signing key is of type {type(key).__name__}; expected Ed25519")
    signature_path = Path(f"{path}.sig")
    write_atomically(signature_path, key.sign(_read(path)))
    return signature_path, key.public_key().public_bytes_raw().hex()


def verify_signature(data: bytes, signature: bytes, trusted_keys: Iterable[str]) -> bool:
    """Return whether one of the trusted keys signed these bytes.

    Args:
        data: the file's bytes.
        signature: 64 bytes.
        trusted_keys: Ed25519 public keys, 64 hexadecimal digits each.

    Raises:
        ModelError: when a trusted key is malformed.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    for text in trusted_keys:
        try:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))
        except ValueError as error:
            raise ModelError(
                f"trusted key {text!r}: expected 64 hexadecimal digits of an Ed25519 public key"
            ) from error
        try:
            key.verify(signature, data)
        except InvalidSignature:
            continue
        return True
    return False


def check_trust(path: Path, data: bytes, pin: str | None, trusted_keys: Iterable[str]) -> str:
    """Refuse a file that neither a pin nor a signature vouches for.

    A pin that is given or stands in the ``models.json`` beside the file decides; a signature counts where
    there is none.

    Args:
        path: the file, to find its pins and signature.
        data: its bytes.
        pin: the SHA-256 that it must have, None to look beside it.
        trusted_keys: Ed25519 public keys in hexadecimal.

    Returns:
        The file's SHA-256.

    Raises:
        ModelError: when nothing vouches for it; the message says what to do.
    """
    found = hashlib.sha256(data).hexdigest()
    source = "the pin given" if pin is not None else f"the pin in {path.parent / PINS_FILE}"
    expected = pin if pin is not None else read_pins(path.parent).get(path.name)
    if expected is not None:
        if found != expected.lower():
            raise ModelError(
                f"{path}: its SHA-256 is {found}, {source} is {expected}: the file is damaged or was "
                "replaced; fetch it again"
            )
        return found
    signature_path, keys = Path(f"{path}.sig"), tuple(trusted_keys)
    if not signature_path.is_file():
        raise ModelError(
            f"{path}: nothing vouches for it: no pin was given, {path.parent / PINS_FILE} has none for it, "
            f"and there is no {signature_path.name}; if you trust the file, `exclaim model pin {path}`"
        )
    if not keys:
        raise ModelError(
            f"{path}: it is signed, but no trusted key was given; name the signer's public key, or pin the file"
        )
    signature = _read(signature_path)
    if len(signature) != _SIGNATURE_BYTES or not verify_signature(data, signature, keys):
        raise ModelError(
            f"{path}: {signature_path.name} is not a signature of this file by one of the {len(keys)} "
            "trusted keys: the file is damaged or was replaced, or another key signed it"
        )
    return found


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        ModelError: when it cannot be written.
    """
    partial = Path(f"{path}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise ModelError(f"{path}: cannot be written: {error.strerror}") from error


def _read(path: Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
