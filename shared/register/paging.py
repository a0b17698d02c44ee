"""Reads and writes where a page of a list begins, and how many entries it holds.

Tokens are opaque, bound to their question, and hold no identity. They are ours and not a signing library's: a token
says from where a list goes on and nothing about who may read it, which is decided anew for each page, so there is
nothing to sign and no key to keep.
"""

import base64
import binascii
import hashlib
import struct
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from kjernejournal.common.v1 import error_reason_pb2 as reasons
from shared.errors import Invalid

DEFAULT_SIZE = 100
LARGEST_SIZE = 500

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TOKEN = struct.Struct(">q16s8s")


class Position(NamedTuple):
    """The last entry of the page before: lists go from newest to oldest."""

    effective_at: datetime
    id: str


class Page(NamedTuple):
    """One page that is asked for."""

    size: int
    after: Position | None
    question: bytes
    """Digest of everything else that was asked: a token of another question is refused."""

    def token_after(self, position: Position) -> str:
        """Returns the token of the page that follows `position`."""
        micros = (position.effective_at - _EPOCH) // timedelta(microseconds=1)
        packed = _TOKEN.pack(micros, UUID(position.id).bytes, self.question)
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def page_of(page_size: int, page_token: str, *asked: object) -> Page:
    """Returns the page that a request asks for; `asked` is everything else that shapes the list.

    Raises Invalid on a negative or too large size, and on a token that is not ours or belongs to another question.
    """
    question = _digest(asked)
    position = _position(page_token, question) if page_token else None
    return Page(size_of(page_size), position, question)


def size_of(page_size: int) -> int:
    """Returns how many entries a page holds. Raises Invalid on a negative or too large size."""
    if not 0 <= page_size <= LARGEST_SIZE:
        raise Invalid("page_size", f"must be 0 to {LARGEST_SIZE}")
    return page_size or DEFAULT_SIZE


def version_below(page_token: str) -> int:
    """Returns the version that a page of an entry's history goes on under. Raises Invalid for another's token."""
    if not page_token:
        return 2**31 - 1
    if not page_token.isascii() or not page_token.isdigit() or len(page_token) > 9:
        raise _refused()
    return int(page_token)


def _refused() -> Invalid:
    return Invalid("page_token", "is not a page token of this list", reasons.ERROR_REASON_INVALID_PAGE_TOKEN)


def _digest(asked: Iterable[object]) -> bytes:
    return hashlib.sha256("\x1f".join(map(repr, asked)).encode()).digest()[:8]


def _position(token: str, question: bytes) -> Position:
    if len(token) > 64:
        raise _refused()
    try:
        packed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        micros, entry_id, asked = _TOKEN.unpack(packed)
        position = Position(_EPOCH + timedelta(microseconds=micros), str(UUID(bytes=entry_id)))
    except (binascii.Error, struct.error, OverflowError, ValueError):
        raise _refused() from None
    if asked != question:
        raise _refused()
    return position
