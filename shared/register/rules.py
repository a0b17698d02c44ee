"""What a register says of its entries: the functions that the store and the feeds ask."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from shared.database import Session
from shared.register.entry import NewEntry


class Beside(NamedTuple):
    """Rows of a table of the register's own that are stored with versions, in the same transaction."""

    table: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


class Version(NamedTuple):
    """A version of an entry, sent or stored, as far as it is compared with another."""

    message: Any
    """It has its EntryHeader in the field `header`."""
    deleted: bool
    stored_at: datetime
    """Now, of one that is not stored."""


async def _all(_session: Session, changed: list[NewEntry]) -> list[NewEntry]:
    return changed


def _nothing(_versions: Sequence[NewEntry]) -> Iterable[Beside]:
    return ()


def _as_sent(entry: NewEntry, _moved: Mapping[str, str]) -> NewEntry:
    return entry


def _no_less(_message: Any) -> int:
    return 0


@dataclass(frozen=True)
class RegisterRules:
    """A register's own say in how its entries are stored. Most registers need no more than the first."""

    message_type: Callable[[int], type[Any]]
    """The message that entries of a kind are. It has its EntryHeader in the field `header`."""

    to_follow: Callable[[Session, list[NewEntry]], Awaitable[list[NewEntry]]] = _all
    """Which of the versions that a feed brings are to be stored, as they then are. May refuse one."""

    order: Callable[[Version, Version, bool], int] | None = None
    """Compares what is sent (second) with what stands, where the time of the source is not enough: below 0, older.
    True: it is known as a version before. None: by time, as `lateness` says."""

    caution: Callable[[Any], int] = _no_less
    """How much a message leaves possible that can hurt: of two versions of one time the higher one holds."""

    corrected_here: Sequence[int] = ()
    """Kinds of entries in which people correct what a feed says: what they wrote stands against what is older."""

    beside: Callable[[Sequence[NewEntry]], Iterable[Beside]] = _nothing
    """What is stored beside these versions, in their transaction. The runtime role may INSERT there."""

    linked: Callable[[NewEntry, Mapping[str, str]], NewEntry] = _as_sent
    """An entry of a feed where others of its message are known by other ids than it names: new ids by old ones."""
