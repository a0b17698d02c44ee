"""Encryption of content at rest: AES-256-GCM, a key for each patient, itself wrapped by a key outside the database.

A row's associated data binds it to its patient, document, content and place, and says whether it is the last (as in
STREAM, Hoang, Reyhanitabar, Rogaway and Vizár, 2015), so that rows cannot be swapped, cut off or moved. How many there
will be is not known while they are stored; the seal, made at the end, binds their number, the size and the SHA-256 to
the document. A document's versions share content that is the same, so it is bound to the content's id and SHA-256
instead of a version's number; a version names its content by SHA-256.

Nonces are random, 12 bytes: at 2^32 rows of one patient (1 PiB) two are alike with a chance of 2^-33.
"""

import os
import struct
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ROW = 256 * 1024
"""Bytes of content in a row; the last one holds what is left."""

_KEY = 32
_NONCE = 12
_ROW = struct.Struct(">16s16s16sI?")
_SEAL = struct.Struct(">16s16s16sQI32s")


class KeyFileError(Exception):
    """The file of the key-encryption key cannot be used; the text says why."""


class ContentDamagedError(Exception):
    """Stored content, or the key to it, is not what was stored. Nothing of it may be sent."""


class Content(NamedTuple):
    """What is known of a document's stored content."""

    patient_ref: str
    document_id: str
    content_id: str
    size: int
    row_count: int
    sha256: bytes


class KeyWrap:
    """Wraps and unwraps patients' keys."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    @classmethod
    def from_file(cls, path: Path) -> "KeyWrap":
        """The key-encryption key of a file of 32 bytes. Raises KeyFileError."""
        try:
            key = path.read_bytes()
        except OSError as error:
            raise KeyFileError(f"{path}: cannot be read ({error.strerror})") from None
        if len(key) != _KEY:
            raise KeyFileError(f"{path}: must hold {_KEY} random bytes, it holds {len(key)}")
        return cls(key)

    def new_key(self, patient_ref: str) -> bytes:
        """A fresh key for a patient, wrapped."""
        return _encrypt(self._cipher, AESGCM.generate_key(256), _wrapping(patient_ref))

    def unwrap(self, patient_ref: str, wrapped: bytes) -> "PatientKey":
        """The patient's key. Raises ContentDamagedError: another patient's, or wrapped by another key."""
        return PatientKey(patient_ref, _decrypt(self._cipher, wrapped, _wrapping(patient_ref)))


class PatientKey:
    """Seals and opens the content of one patient's documents."""

    def __init__(self, patient_ref: str, key: bytes) -> None:
        self._ref = UUID(patient_ref).bytes
        self._cipher = AESGCM(key)

    def seal_row(self, document_id: str, content_id: str, number: int, data: bytes, *, last: bool) -> bytes:
        """One row, encrypted."""
        return _encrypt(self._cipher, data, self._place(document_id, content_id, number, last))

    def open_row(self, content: Content, number: int, sealed: bytes) -> bytes:
        """One row, decrypted. Raises ContentDamagedError."""
        last = number == content.row_count - 1
        return _decrypt(self._cipher, sealed, self._place(content.document_id, content.content_id, number, last))

    def seal(self, content: Content) -> bytes:
        """Proves that the content as a whole is what was stored."""
        return _encrypt(self._cipher, b"", self._whole(content))

    def check(self, content: Content, seal: bytes) -> None:
        """Raises ContentDamagedError when the content's description is not what was sealed."""
        _decrypt(self._cipher, seal, self._whole(content))

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


def _wrapping(patient_ref: str) -> bytes:
    return b"kj-key-1" + UUID(patient_ref).bytes


def _encrypt(cipher: AESGCM, data: bytes, associated: bytes) -> bytes:
    nonce = os.urandom(_NONCE)
    return nonce + cipher.encrypt(nonce, data, associated)


def _decrypt(cipher: AESGCM, sealed: bytes, associated: bytes) -> bytes:
    try:
        return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], associated)
    except (InvalidTag, ValueError):
        raise ContentDamagedError("stored content does not open: damaged, moved, or another key") from None
