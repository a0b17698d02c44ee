"""Encryption of content at rest, under the patient's key.

A row's associated data binds it to its patient, document, content and place, and says whether it is the last (as in
STREAM, Hoang, Reyhanitabar, Rogaway and Vizár, 2015), so that rows cannot be swapped, cut off or moved. How many there
will be is not known while they are stored; the seal, made at the end, binds their number, the size and the SHA-256 to
the document. A document's versions share content that is the same, so it is bound to the content's id and SHA-256
instead of a version's number; a version names its content by SHA-256.

Nonces are random: 2^32 rows of one patient are 1 PiB.
"""

import struct
from typing import NamedTuple
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.sealing import decrypt, encrypt

ROW = 256 * 1024
"""Bytes of content in a row; the last one holds what is left."""

_ROW = struct.Struct(">16s16s16sI?")
_SEAL = struct.Struct(">16s16s16sQI32s")


class Content(NamedTuple):
    """What is known of a document's stored content."""

    patient_ref: str
    document_id: str
    content_id: str
    size: int
    row_count: int
    sha256: bytes


class PatientKey:
    """Seals and opens the content of one patient's documents."""

    def __init__(self, patient_ref: str, key: bytes) -> None:
        self._ref = UUID(patient_ref).bytes
        self._cipher = AESGCM(key)

    def seal_row(self, document_id: str, content_id: str, number: int, data: bytes, *, last: bool) -> bytes:
        """Returns one row, encrypted."""
        return encrypt(self._cipher, data, self._place(document_id, content_id, number, last))

    def open_row(self, content: Content, number: int, sealed: bytes) -> bytes:
        """Returns one row, decrypted. Raises ContentDamagedError."""
        last = number == content.row_count - 1
        return decrypt(self._cipher, sealed, self._place(content.document_id, content.content_id, number, last))

    def seal(self, content: Content) -> bytes:
        """Proves that the content as a whole is what was stored."""
        return encrypt(self._cipher, b"", self._whole(content))

    def check(self, content: Content, seal: bytes) -> None:
        """Raises ContentDamagedError when the content's description is not what was sealed."""
        decrypt(self._cipher, seal, self._whole(content))

    def _place(self, document_id: str, content_id: str, number: int, last: bool) -> bytes:
        return b"kj-row-1" + _ROW.pack(self._ref, UUID(document_id).bytes, UUID(content_id).bytes, number, last)

    def _whole(self, content: Content) -> bytes:
        return b"kj-content-1" + _SEAL.pack(
            self._ref,
            UUID(content.document_id).bytes,
            UUID(content.content_id).bytes,
            content.size,
            content.row_count,
            content.sha256,
        )
