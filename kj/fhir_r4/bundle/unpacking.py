"""Bytes of a file, unpacked piece by piece and never further than the limits: a few bytes can unpack to gigabytes."""

import bz2
from collections.abc import Iterator
from typing import BinaryIO

from kj.fhir_r4.bundle.refusals import Refused

LARGEST_FILE = 256 * 1024 * 1024
"""Bytes of one bundle when it is unpacked. The largest patient of our test data has 6.4 MB."""
HIGHEST_RATIO = 1000
"""Bytes unpacked for a packed one. Health records shrink to a tenth or a thirtieth; nothing real comes near this."""
MOST_STREAMS = 10_000
"""Parts that packers in parallel make of a file: one for 900 kB. Empty ones cost time and hold nothing."""

PIECE = 256 * 1024

_OTHERS = {b"\x1f\x8b": "gzip", b"PK": "zip", b"\xfd7": "xz", b"(\xb5": "zstd"}
"""How files of other packings begin: they are named, since what bz2 does one may expect of them."""


def pieces(file: BinaryIO) -> Iterator[bytes]:
    """Yields the bytes of a plain or bz2-packed file; its first bytes say which.

    Raises Refused for a damaged file, for one packed in another way, and for one over a limit.
    """
    start = file.read(PIECE)
    if not start:
        raise Refused("", "it is empty")
    if (name := _OTHERS.get(start[:2])) is not None:
        raise Refused("", f"it is packed with {name}: .json and .json.bz2 are read")
    packed = start.startswith(b"BZh")
    size = 0
    for piece in _unpack(file, start) if packed else _plain(file, start):
        size += len(piece)
        if size > LARGEST_FILE:
            raise Refused("", f"it is larger than {LARGEST_FILE} bytes{' when unpacked' if packed else ''}")
        yield piece


def _plain(file: BinaryIO, piece: bytes) -> Iterator[bytes]:
    while piece:
        yield piece
        piece = file.read(PIECE)


def _unpack(file: BinaryIO, packed: bytes) -> Iterator[bytes]:
    unpacker = bz2.BZ2Decompressor()
    taken, given, streams = len(packed), 0, 1
    while True:
        try:
            piece = unpacker.decompress(packed, PIECE)
        except (OSError, ValueError):
            raise Refused("", "its bz2 packing is damaged") from None
        given += len(piece)
        if given > PIECE and given > taken * HIGHEST_RATIO:
            raise Refused("", f"it unpacks to more than {HIGHEST_RATIO} times its size")
        yield piece
        packed = b""
        if unpacker.eof:
            packed = unpacker.unused_data or file.read(PIECE)
            if not packed:
                return
            if not unpacker.unused_data:
                taken += len(packed)
            streams += 1
            if streams > MOST_STREAMS:
                raise Refused("", f"it is packed in more than {MOST_STREAMS} parts")
            unpacker = bz2.BZ2Decompressor()
        elif unpacker.needs_input:
            packed = file.read(PIECE)
            taken += len(packed)
            if not packed:
                raise Refused("", "its bz2 packing is cut off")
