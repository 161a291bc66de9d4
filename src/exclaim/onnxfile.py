"""The bytes of an ONNX file: metadata and weights' shapes, read and written without running or trusting it.

An ONNX file is one protobuf message (ModelProto). Reading the few fields that are needed here lets a card be
checked before a runtime sees the file, and lets a device do so with the base dependencies. Field numbers:
onnx/onnx.proto, stable by protobuf's rules.
"""

from collections.abc import Iterator
from typing import NamedTuple

from exclaim.errors import ModelError

__all__ = ["Weight", "metadata", "weights", "with_metadata"]

_GRAPH, _METADATA = 7, 14  # of ModelProto
_INITIALIZER = 5  # of GraphProto
_DIMS, _DATA_TYPE, _NAME, _DATA_LOCATION = 1, 2, 8, 14  # of TensorProto
_KEY, _VALUE = 1, 2  # of StringStringEntryProto
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # protobuf's wire types


class Weight(NamedTuple):
    """A constant tensor of the graph."""

    name: str
    shape: tuple[int, ...]
    data_type: int  # TensorProto.DataType: 1 float32, 7 int64, ...
    external: bool  # its values lie in another file


class _Field(NamedTuple):
    """One field of a message: where it begins (its tag) and ends, and its value."""

    number: int
    begin: int
    end: int
    value: int | memoryview


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ModelError("not an ONNX file: its bytes are no protobuf message")
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _fields(data: memoryview) -> Iterator[_Field]:
    """Walk the fields of one message.

    Raises:
        ModelError: when the bytes are no protobuf message, or end early.
    """
    at = 0
    while at < len(data):
        begin = at
        tag, at = _varint(data, at)
        number, wire_type = tag >> 3, tag & 7
        value: int | memoryview
        if wire_type == _VARINT:
            value, at = _varint(data, at)
        elif wire_type == _BYTES:
            length, at = _varint(data, at)
            value, at = data[at : at + length], at + length
        elif wire_type in (_FIXED64, _FIXED32):
            length = 8 if wire_type == _FIXED64 else 4
            value, at = data[at : at + length], at + length
        else:
            raise ModelError(f"not an ONNX file: protobuf wire type {wire_type} at byte {begin}")
        if number == 0 or at > len(data):
            raise ModelError(
                f"not an ONNX file, or cut short: a field at byte {begin} of {len(data)} runs past the end"
            )
        yield _Field(number, begin, at, value)


def _message(field: _Field) -> memoryview:
    if isinstance(field.value, int):
        raise ModelError(
            f"not an ONNX file: field {field.number} at byte {field.begin} is a number, expected a message"
        )
    return field.value


def _text(field: _Field) -> str:
    try:
        return bytes(_message(field)).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ModelError(f"not an ONNX file: field {field.number} is no UTF-8 text") from error


def _entry(field: _Field) -> tuple[str, str]:
    key = value = ""
    for part in _fields(_message(field)):
        if part.number == _KEY:
            key = _text(part)
        elif part.number == _VALUE:
            value = _text(part)
    return key, value


def metadata(data: bytes) -> dict[str, str]:
    """Return the metadata of an ONNX file.

    Args:
        data: the file's bytes.

    Raises:
        ModelError: when they are no ONNX file.
    """
    fields = list(_fields(memoryview(data)))
    if not any(field.number == _GRAPH for field in fields):
        raise ModelError("not an ONNX file: it holds no graph")
    return dict(_entry(field) for field in fields if field.number == _METADATA)


def with_metadata(data: bytes, key: str, value: str) -> bytes:
    """Return the bytes of an ONNX file with one metadata entry set; it becomes the last field of the file."""
    view = memoryview(data)
    kept = [view[f.begin : f.end] for f in _fields(view) if f.number != _METADATA or _entry(f)[0] != key]
    entry = _delimited(_KEY, key.encode()) + _delimited(_VALUE, value.encode())
    return b"".join([*kept, _delimited(_METADATA, entry)])


def _delimited(number: int, payload: bytes) -> bytes:
    return _coded(number << 3 | _BYTES) + _coded(len(payload)) + payload


def _coded(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def weights(data: bytes) -> list[Weight]:
    """Return the constant tensors (initializers) of an ONNX file's graph.

    Raises:
        ModelError: when the bytes are no ONNX file.
    """
    graphs = [_message(field) for field in _fields(memoryview(data)) if field.number == _GRAPH]
    return [_weight(_message(field)) for graph in graphs for field in _fields(graph) if field.number == _INITIALIZER]


def _weight(tensor: memoryview) -> Weight:
    shape: list[int] = []
    data_type, name, external = 0, "", False
    for field in _fields(tensor):
        if field.number == _DIMS and isinstance(field.value, int):
            shape.append(field.value)
        elif field.number == _DIMS:  # packed
            packed, at = _message(field), 0
            while at < len(packed):
                size, at = _varint(packed, at)
                shape.append(size)
        elif field.number == _DATA_TYPE and isinstance(field.value, int):
            data_type = field.value
        elif field.number == _NAME:
            name = _text(field)
        elif field.number == _DATA_LOCATION:
            external = field.value == 1
    return Weight(name, tuple(shape), data_type, external)
