"""Bytes of a file to its JSON, within limits: what comes from outside may be damaged, huge or made to hurt.

The parser of Python's own library is used whole, not as a stream: it is ten times as fast, and the limits on bytes and
values keep what it holds in bounds.
"""

import bz2
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, BinaryIO

from gateway.fhir.reasons import Refused

LARGEST_FILE = 128 * 1024 * 1024
"""Bytes of one bundle when it is unpacked. The largest patient of our test data has 6.4 MB."""
MOST_VALUES = 6_000_000
"""Values in one bundle, counted by what separates them: bounds the memory that small values cost."""
DEEPEST = 64
"""Levels of nesting. FHIR resources need about 15."""

_PIECE = 256 * 1024
_SUSPECT = re.compile(rb"\\u(?:0000|d[89a-f])", re.IGNORECASE)
_SURROGATE = re.compile("[\ud800-\udfff]")


def read(file: BinaryIO) -> Any:
    """The JSON in a plain or bz2-packed file, told apart by their first bytes. Numbers keep their written precision.

    Raises Refused for what is not whole, not JSON, not UTF-8, over a limit, or has a key twice in one object.
    """
    return parse(_unpacked(file))


def parse(data: bytes) -> Any:
    """The JSON in `data`. Raises Refused as `read` does."""
    if data.count(b",") + data.count(b"{") + data.count(b"[") > MOST_VALUES:
        raise Refused("", f"it has more than {MOST_VALUES} values")
    try:
        value = json.loads(
            data.decode("utf-8-sig"), object_pairs_hook=_object, parse_float=Decimal, parse_constant=_no_constant
        )
    except UnicodeDecodeError:
        raise Refused("", "it is not UTF-8") from None
    except RecursionError:
        raise Refused("", f"it is nested deeper than {DEEPEST} levels") from None
    except ValueError:  # JSONDecodeError, and integers of thousands of digits
        raise Refused("", "it is not JSON, or it is cut off") from None
    _check_depth(value)
    if _SUSPECT.search(data):
        _check_texts(value, "")
    return value


def _unpacked(file: BinaryIO) -> bytes:
    start = file.read(_PIECE)
    if not start:
        raise Refused("", "it is empty")
    packed = start.startswith(b"BZh")
    pieces = _unpack(file, start) if packed else _plain(file, start)
    data = bytearray()
    for piece in pieces:
        data += piece
        if len(data) > LARGEST_FILE:
            raise Refused("", f"it is larger than {LARGEST_FILE} bytes{' when unpacked' if packed else ''}")
    return bytes(data)


def _plain(file: BinaryIO, piece: bytes) -> Iterator[bytes]:
    while piece:
        yield piece
        piece = file.read(_PIECE)


def _unpack(file: BinaryIO, packed: bytes) -> Iterator[bytes]:
    """Never more than a piece at a time: a few bytes can unpack to gigabytes."""
    unpacker = bz2.BZ2Decompressor()
    while True:
        try:
            piece = unpacker.decompress(packed, _PIECE)
        except (OSError, ValueError):
            raise Refused("", "its bz2 packing is damaged") from None
        yield piece
        packed = b""
        if unpacker.eof:
            packed = unpacker.unused_data or file.read(_PIECE)
            if not packed:
                return
            unpacker = bz2.BZ2Decompressor()
        elif unpacker.needs_input:
            packed = file.read(_PIECE)
            if not packed:
                raise Refused("", "its bz2 packing is cut off")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise Refused("", "an object has the same key twice")
    return result


def _no_constant(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity are Python's, not JSON


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [child for each in level for child in _children(each)]
        if not level:
            return
    raise Refused("", f"it is nested deeper than {DEEPEST} levels")


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [each for each in value.values() if isinstance(each, dict | list)]
    return [each for each in value if isinstance(each, dict | list)] if isinstance(value, list) else []


def _check_texts(value: Any, path: str) -> None:
    if isinstance(value, str):
        if "\0" in value:
            raise Refused(path, "holds a NUL character")
        if _SURROGATE.search(value):
            raise Refused(path, "holds half of a character")
    elif isinstance(value, dict):
        for key, child in value.items():
            _check_texts(key, path)
            _check_texts(child, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for position, child in enumerate(value):
            _check_texts(child, f"{path}[{position}]")
