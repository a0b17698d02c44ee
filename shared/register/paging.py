"""Reads and writes where a page of a list begins, and how many entries it holds: one rule for every list.

A token pins the time of the first page: the pages after it show the record as it was then, so that an entry whose time
is corrected meanwhile stands on one page and on no other. What is deleted or restricted meanwhile is left out all the
same. A page ends at LARGEST_PAGE bytes, whatever its size: clients refuse larger messages.

Tokens are opaque, bound to their question, and hold no identity. They are ours and not a signing library's: a token
says from where a list goes on and nothing about who may read it, which is decided anew for each page, so there is
nothing to sign and no key to keep.
"""

import base64
import binascii
import hashlib
import struct
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeVar
from uuid import UUID

from kjernejournal.common.v1 import error_reason_pb2 as reasons
from shared.errors import Invalid

DEFAULT_SIZE = 100
LARGEST_SIZE = 500

LARGEST_PAGE = 3 * 1024 * 1024
"""Bytes of entries after which a page ends: gRPC clients take 4 MiB unless they are told otherwise."""

Entry = TypeVar("Entry")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TOKEN = struct.Struct(">q16s8sq")


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
    at: datetime | None = None
    """When the first page was read; None: this is the first."""

    def pinned(self, as_of: datetime | None) -> datetime | None:
        """Returns the time as of which this page is read, where `as_of` is asked; None: now."""
        if self.at is None or as_of is None:
            return self.at or as_of
        return min(self.at, as_of)

    def token_after(self, position: Position, read_at: datetime) -> str:
        """Returns the token of the page that follows `position`; `read_at` is when this page was read."""
        packed = _TOKEN.pack(
            _micros(position.effective_at), UUID(position.id).bytes, self.question, _micros(self.at or read_at)
        )
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def page_of(page_size: int, page_token: str, *asked: object) -> Page:
    """Returns the page that a request asks for; `asked` is everything else that shapes the list.

    Raises Invalid on a negative or too large size, and on a token that is not ours or belongs to another question.
    """
    question = _digest(asked)
    position, at = _position(page_token, question) if page_token else (None, None)
    return Page(size_of(page_size), position, question, at)


def cut(entries: Sequence[Entry], size: int, bytes_of: Callable[[Entry], int]) -> tuple[list[Entry], bool]:
    """Returns the first entries that make a page: at most `size`, and at most LARGEST_PAGE bytes of more than one;
    whether others follow."""
    kept: list[Entry] = []
    total = 0
    for entry in entries[:size]:
        total += bytes_of(entry)
        if kept and total > LARGEST_PAGE:
            break
        kept.append(entry)
    return kept, len(entries) > len(kept)


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
        raise not_of_this_list()
    return int(page_token)


def not_of_this_list() -> Invalid:
    """Returns the refusal of a page token."""
    return Invalid("page_token", "is not a page token of this list", reasons.ERROR_REASON_INVALID_PAGE_TOKEN)


def _digest(asked: Iterable[object]) -> bytes:
    return hashlib.sha256("\x1f".join(map(repr, asked)).encode()).digest()[:8]


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _position(token: str, question: bytes) -> tuple[Position, datetime]:
    if len(token) > 64:
        raise not_of_this_list()
    try:
        packed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        micros, entry_id, asked, read_at = _TOKEN.unpack(packed)
        position = Position(_EPOCH + timedelta(microseconds=micros), str(UUID(bytes=entry_id)))
        at = _EPOCH + timedelta(microseconds=read_at)
    except (binascii.Error, struct.error, OverflowError, ValueError):
        raise not_of_this_list() from None
    if asked != question:
        raise not_of_this_list()
    return position, at
