"""HTTP/2 frames by hand: what no client library sends."""

import asyncio
import struct
from collections.abc import Iterable

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
INITIAL_WINDOW = 4

Header = tuple[str, str]


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Returns one frame."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def settings(*values: tuple[int, int]) -> bytes:
    """Returns a SETTINGS frame."""
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *value) for value in values))


def request(path: str, extra: Iterable[Header] = ()) -> bytes:
    """Returns the header block of a gRPC call, each header a literal without an index (RFC 7541, 6.2.2)."""
    usual = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "gateway"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    ]
    return b"".join(b"\x00" + _text(name) + _text(value) for name, value in [*usual, *extra])


def message(content: bytes, *, compressed: bool = False) -> bytes:
    """Returns a gRPC message as it stands in DATA frames."""
    return bytes([compressed]) + struct.pack(">I", len(content)) + content


def data(stream: int, content: bytes, flags: int = END_STREAM) -> bytes:
    """Returns content as DATA frames of the size that every peer takes."""
    pieces = [content[at : at + 16384] for at in range(0, len(content), 16384)] or [b""]
    last = len(pieces) - 1
    return b"".join(frame(DATA, flags if at == last else 0, stream, piece) for at, piece in enumerate(pieces))


class Connection:
    """A connection to the gateway, whose frames are written as they are and read to be thrown away."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self.next_stream = 1
        self.closed = asyncio.ensure_future(self._read())

    @classmethod
    async def open(cls, port: int, *first: bytes) -> "Connection":
        """Connects, and sends the preface with these frames; without any, SETTINGS that ask for nothing."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(PREFACE + (b"".join(first) or settings()))
        return cls(reader, writer)

    def stream(self) -> int:
        """Returns the number of a new stream."""
        self.next_stream += 2
        return self.next_stream - 2

    async def send(self, content: bytes) -> bool:
        """Writes frames. False: the gateway has closed the connection."""
        try:
            self.writer.write(content)
            await self.writer.drain()
        except ConnectionError:
            return False
        return not self.closed.done()

    def close(self) -> None:
        """Ends the connection without a word."""
        self.closed.cancel()
        self.writer.transport.abort()

    async def _read(self) -> int:
        count = 0
        try:
            while content := await self._reader.read(65536):
                count += len(content)
        except ConnectionError:
            pass
        return count


def _text(text: str) -> bytes:
    """Returns a string literal (RFC 7541, 5.2), its length an integer of a 7-bit prefix (5.1)."""
    content = text.encode()
    if len(content) < 127:
        return bytes([len(content)]) + content
    rest, length = len(content) - 127, bytearray([127])
    while rest >= 128:
        length.append(rest % 128 + 128)
        rest //= 128
    return bytes(length) + bytes([rest]) + content
