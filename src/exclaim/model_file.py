"""A model file's bytes before anything runs them: which file is meant, what it is, whether it is whole; and its
sealing.
"""

import hashlib
from importlib.resources import files
from pathlib import Path

import msgspec

from exclaim import onnxfile
from exclaim.card import CARD_KEY, ZERO_SHA256, Card, dump_card, parse_card
from exclaim.errors import ModelError
from exclaim.pins import read_pins, write_atomically

__all__ = [
    "MAX_BYTES",
    "card_in",
    "check_own_hash",
    "read_bounded",
    "read_card",
    "resolve_model",
    "seal",
    "shipped_models",
]

MAX_BYTES = 256 * 2**20  # a larger file is refused before it is read


def shipped_models() -> dict[str, Path]:
    """Return the shipped model files by name (the file's name without ``.onnx``)."""
    assets = Path(str(files("exclaim").joinpath("assets")))
    return {Path(name).stem: assets / name for name in read_pins(assets)}


def read_card(model: str | Path) -> Card:
    """Read a file's card and check for damage, but neither trust nor run the file: to look before one pins.

    Raises:
        ModelError: as :func:`load_model`.
    """
    path = resolve_model(model)
    data = read_bounded(path)
    try:
        card = card_in(data)
        check_own_hash(data, card)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    return card


def seal(path: Path, card: Card) -> Card:
    """Write a card into an ``.onnx`` file, in place of an older one, with the hash of the file.

    Args:
        path: an ONNX file; it is replaced whole or not at all.
        card: its ``sha256`` is set here.

    Returns:
        The card as written.

    Raises:
        ModelError: when the file is no ONNX file, or cannot be read or written, or the card does not hold
            together.
    """
    path = Path(path)
    data = read_bounded(path)
    try:
        blank = msgspec.structs.replace(card, sha256=ZERO_SHA256)
        parse_card(dump_card(blank))
        digest = hashlib.sha256(onnxfile.with_metadata(data, CARD_KEY, dump_card(blank))).hexdigest()
        sealed = msgspec.structs.replace(card, sha256=digest)
        write_atomically(path, onnxfile.with_metadata(data, CARD_KEY, dump_card(sealed)))
    except ModelError as error:
        raise error if str(error).startswith(str(path)) else ModelError(f"{path}: {error}") from error
    return sealed


def resolve_model(model: str | Path) -> Path:
    """Return the path of a model file, or of the shipped model of that name or task."""
    path = Path(model)
    if path.is_file() or path.parent != Path(".") or path.suffix:
        return path
    shipped = shipped_models()
    matches = (
        [shipped[str(model)]] if str(model) in shipped else [p for name, p in shipped.items() if str(model) in name]
    )
    if len(matches) != 1:
        raise ModelError(
            f"{model}: no such file, and {len(matches) or 'no'} shipped models have that name; "
            f"expected a model file or one of: {', '.join(sorted(shipped)) or '(this installation ships none)'}"
        )
    return matches[0]


def read_bounded(path: Path) -> bytes:
    """Return a file's bytes.

    Raises:
        ModelError: when it is absent, a folder, too large, or cannot be read.
    """
    if path.is_dir():
        raise ModelError(f"{path}: is a folder; expected a model file (.onnx)")
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ModelError(f"{path}: has {size} bytes, more than the {MAX_BYTES} that a model file may have")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ModelError(f"{path}: no such file; expected a model file (.onnx)") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error


def card_in(data: bytes) -> Card:
    """Return the card in a file's bytes.

    Raises:
        ModelError: when there is none; the message says plainly what the file is, and the caller names it.
    """
    if not data:
        raise ModelError("is empty; expected a model file (.onnx)")
    if data[:1] == b"\x80" or data[:4] == b"PK\x03\x04":
        raise ModelError(
            "is a pickle or an archive, as .pt and .pkl files are; exclaim opens none since they can run "
            "code; expected an .onnx file that `exclaim train` wrote"
        )
    try:
        text = onnxfile.metadata(data).get(CARD_KEY)
    except ModelError as error:
        kind = "a text file" if _is_text(data) else "damaged, or no ONNX file"
        raise ModelError(f"is {kind}; expected an .onnx file that `exclaim train` wrote ({error})") from error
    if text is None:
        raise ModelError("is an ONNX file without a card of exclaim's; expected one that `exclaim train` wrote")
    return parse_card(text)


def _is_text(data: bytes) -> bool:
    head = data[:4096]
    return all(byte >= 0x20 or byte in b"\t\n\r\f" for byte in head)


def check_own_hash(data: bytes, card: Card) -> None:
    """Compare a file's bytes with the SHA-256 in its card, which was taken with that field zeroed.

    Raises:
        ModelError: when they differ; the caller names the file.
    """
    mark = f'"sha256":"{card.sha256}"}}'.encode()
    at = data.rfind(mark)
    digits = at + len(b'"sha256":"')
    whole = hashlib.sha256(memoryview(data)[:digits])
    whole.update(ZERO_SHA256.encode())
    whole.update(memoryview(data)[digits + len(ZERO_SHA256) :])
    found = whole.hexdigest()
    if at < 0 or found != card.sha256:
        raise ModelError(
            f"is damaged: its SHA-256 without that field is {found}, its card says {card.sha256}; fetch it again"
        )
