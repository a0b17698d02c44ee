"""Signs and opens notes, as C2SP signed-note does, with Ed25519 keys.

A note is a text that ends with a new line, an empty line, and a line for each signature. A key is known by a name and
an id of four bytes; a line by a key that is not known is passed over, a wrong line by a known one refuses the note.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519 = 0x01
"""Type of a key that signs the text as it stands."""
COSIGNATURE = 0x04
"""Type of a witness's key: it signs a time before the text."""
LARGEST = 64 * 1024
"""Bytes of a note, at most."""
MOST_SIGNATURES = 100
_DASH = "\u2014 "
_ID_BYTES = 4
_TIME_BYTES = 8


class NoteRefused(Exception):
    """A note, key or line that is not in order, or not signed by who should have. The text says what is wrong."""


@dataclass(frozen=True)
class Verifier:
    """A public key: what it is called, of which type it is, and the key itself."""

    name: str
    kind: int
    key: bytes

    @property
    def id(self) -> bytes:
        """Returns the four bytes that stand in each of its lines."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.key).digest()[:_ID_BYTES]

    def __str__(self) -> str:
        """Returns the key as people pass it on: name+id+key."""
        key = base64.b64encode(bytes([self.kind]) + self.key).decode()
        return f"{self.name}+{self.id.hex()}+{key}"

    @classmethod
    def parse(cls, text: str) -> "Verifier":
        """Returns the key that a text of that form names. Raises NoteRefused."""
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        raw = _decoded(encoded)
        if not _is_name(name) or len(raw) != 1 + 32 or raw[0] not in (ED25519, COSIGNATURE):
            raise NoteRefused("a public key has the form name+id+key, for Ed25519")
        found = cls(name, raw[0], raw[1:])
        if found.id.hex() != key_id:
            raise NoteRefused(f"the id of the public key of {name} belongs to another key")
        return found


@dataclass(frozen=True)
class Signer:
    """A private key, and what it is called."""

    name: str
    kind: int
    key: Ed25519PrivateKey

    @property
    def verifier(self) -> Verifier:
        """Returns its public key."""
        return Verifier(self.name, self.kind, self.key.public_key().public_bytes_raw())

    def line(self, text: str, *, at: int = 0) -> str:
        """Returns the signature line over a text; of a witness, with the time `at` in seconds since 1970."""
        stamp = at.to_bytes(_TIME_BYTES, "big") if self.kind == COSIGNATURE else b""
        signature = self.key.sign(_signed(self.kind, text, at))
        encoded = base64.b64encode(self.verifier.id + stamp + signature).decode()
        return f"{_DASH}{self.name} {encoded}\n"


@dataclass(frozen=True)
class Signed:
    """One signature that holds: whose it is, and when it was made when it says so (seconds since 1970)."""

    verifier: Verifier
    at: int | None


def signer(name: str, kind: int, seed: bytes) -> Signer:
    """Returns the private key that 32 secret bytes make. Raises NoteRefused when the name cannot be one."""
    if not _is_name(name):
        raise NoteRefused("the name of a key is not empty and has neither spaces nor '+'")
    return Signer(name, kind, Ed25519PrivateKey.from_private_bytes(seed))


_PRIVATE = "PRIVATE+KEY+"


def secret_line(key: Signer) -> str:
    """Returns a private key as it is kept in a file: PRIVATE+KEY+name+id+key, and a new line."""
    seed = key.key.private_bytes_raw()
    encoded = base64.b64encode(bytes([key.kind]) + seed).decode()
    return f"{_PRIVATE}{key.name}+{key.verifier.id.hex()}+{encoded}\n"


def parse_signer(line: str) -> Signer:
    """Returns the private key that such a line holds. Raises NoteRefused, whose text never holds the key."""
    name, _, rest = line.strip().removeprefix(_PRIVATE).partition("+")
    key_id, _, encoded = rest.partition("+")
    raw = _decoded(encoded)
    if not line.startswith(_PRIVATE) or len(raw) != 1 + 32 or raw[0] not in (ED25519, COSIGNATURE):
        raise NoteRefused("must hold a line of the form PRIVATE+KEY+name+id+key, for Ed25519")
    found = signer(name, raw[0], raw[1:])
    if found.verifier.id.hex() != key_id:
        raise NoteRefused("holds a private key whose id belongs to another key")
    return found


def sign(text: str, signers: Sequence[Signer]) -> str:
    """Returns a note. Raises NoteRefused when the text does not end with a new line."""
    if not text.endswith("\n"):
        raise NoteRefused("the text of a note ends with a new line")
    return text + "\n" + "".join(each.line(text) for each in signers)


def open_note(note: str, verifiers: Sequence[Verifier]) -> tuple[str, list[Signed]]:
    """Returns a note's text and the signatures of known keys on it, in the order of the keys.

    Raises NoteRefused when the note is not in order, a known key's line is wrong, or no known key has signed it.
    """
    text, lines = split(note)
    found: dict[Verifier, Signed] = {}
    known = {(each.name, each.id): each for each in verifiers}
    for line in lines:
        name, raw = _parsed(line)
        verifier = known.get((name, raw[:_ID_BYTES]))
        if verifier is not None and verifier not in found:
            found[verifier] = _checked(verifier, text, raw[_ID_BYTES:])
    if not found:
        raise NoteRefused("nobody who is known has signed the note")
    return text, [found[each] for each in verifiers if each in found]


def split(note: str) -> tuple[str, list[str]]:
    """Returns a note's text and its signature lines, none of them checked. Raises NoteRefused."""
    text, parted, lines = note.rpartition("\n\n")
    orderly = parted and lines.endswith("\n") and len(note.encode()) <= LARGEST
    if not orderly or any(ord(each) < ord(" ") and each != "\n" for each in note):
        raise NoteRefused("a note is a text, an empty line and signature lines")
    found = lines.removesuffix("\n").split("\n")
    if len(found) > MOST_SIGNATURES:
        raise NoteRefused(f"a note has at most {MOST_SIGNATURES} signatures")
    return text + "\n", found


def _checked(verifier: Verifier, text: str, raw: bytes) -> Signed:
    """Returns the signature when it holds. Raises NoteRefused."""
    at = None
    if verifier.kind == COSIGNATURE:
        at, raw = int.from_bytes(raw[:_TIME_BYTES], "big"), raw[_TIME_BYTES:]
    try:
        Ed25519PublicKey.from_public_bytes(verifier.key).verify(raw, _signed(verifier.kind, text, at or 0))
    except InvalidSignature:
        raise NoteRefused(f"the signature of {verifier.name} is wrong") from None
    return Signed(verifier, at)


def _signed(kind: int, text: str, at: int) -> bytes:
    """Returns the bytes that a key of this type signs."""
    return (f"cosignature/v1\ntime {at}\n{text}" if kind == COSIGNATURE else text).encode()


def _parsed(line: str) -> tuple[str, bytes]:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    raw = _decoded(encoded)
    if not line.startswith(_DASH) or not _is_name(name) or len(raw) <= _ID_BYTES:
        raise NoteRefused("a signature line is a dash, a name and a signature in base64")
    return name, raw


def _decoded(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(each.isspace() for each in name)
