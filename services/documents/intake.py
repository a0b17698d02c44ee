"""Content on its way in: cut into rows, counted, hashed, never more than a row and a chunk in memory."""

import hashlib
from collections.abc import Iterator

from services.documents.sealing import ROW
from shared.errors import Invalid, Reason

LARGEST_CHUNK = 1024 * 1024
"""Bytes of content in one message of an upload."""


class Intake:
    """One document's content as it comes."""

    def __init__(self, largest: int) -> None:
        self.size = 0
        self.rows = 0
        self._largest = largest
        self._hash = hashlib.sha256()
        self._held = bytearray()

    @property
    def sha256(self) -> bytes:
        """SHA-256 of what has come so far."""
        return self._hash.digest()

    def take(self, chunk: bytes) -> Iterator[tuple[int, bytes]]:
        """Takes the next bytes; gives the rows, by number, that are full and have something after them.

        Raises Invalid on an empty or too large chunk, and as soon as the content is more than is taken here.
        """
        if not chunk:
            raise Invalid("chunk", "is empty")
        if len(chunk) > LARGEST_CHUNK:
            raise Invalid("chunk", f"is larger than {LARGEST_CHUNK} bytes", Reason.ERROR_REASON_TOO_LARGE)
        check_size(self.size + len(chunk), self._largest, "chunk")
        self.size += len(chunk)
        self._hash.update(chunk)
        self._held += chunk
        while len(self._held) > ROW:
            row = bytes(self._held[:ROW])
            del self._held[:ROW]
            self.rows += 1
            yield self.rows - 1, row

    def end(self) -> tuple[int, bytes]:
        """Returns the last row. Raises Invalid when there is no content."""
        if not self._held:
            raise Invalid("chunk", "the document has no content")
        row = bytes(self._held)
        self._held.clear()
        self.rows += 1
        return self.rows - 1, row


def check_size(size: int, largest: int, field: str) -> None:
    """Raises Invalid (TOO_LARGE) for content that is more than is taken here."""
    if size > largest:
        raise Invalid(field, f"a document holds at most {largest} bytes", Reason.ERROR_REASON_TOO_LARGE)
