"""Leaves out of a patient's accesses what the one who reads them may not know of. No I/O.

An entry that is refused to a reader, or delayed, does not exist for them: neither its id, nor that somebody registered
or opened it. A look at a list or a summary stays: it says who looked, and shows the entry no more than the list does.
So does an attempt that was denied or failed, and a feed's stream: none of them names an entry, to anybody.
"""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from kjernejournal.audit.v1 import audit_pb2 as pb
from shared.convert import moment
from shared.register.paging import Page


class AccessPage(NamedTuple):
    """Accesses as they are shown, newest first."""

    accesses: list[pb.Access]
    more: bool
    total: int
    """Accesses that are shown, inside the window and outside."""
    older_exist: bool
    """Older accesses exist than the last one here, on further pages or outside the window."""


class ShownPage:
    """A page of a patient's accesses as if the hidden entries were not there, counts and tokens too.

    It is given all accesses in turn, newest first, and keeps no more of them than it shows.
    """

    def __init__(self, hidden: Collection[str], page: Page, since: datetime | None) -> None:
        self._hidden = hidden
        self._page = page
        self._since = since
        self._begun = page.after is None
        self._shown: list[pb.Access] = []
        self._total = self._inside = 0

    def add(self, access: pb.Access) -> None:
        """Takes the next access."""
        if is_shown(access, self._hidden):
            self._total += 1
            if self._since is None or moment(access.occurred_at) >= self._since:
                self._inside += 1
                if self._begun and len(self._shown) <= self._page.size:  # one more shows that there is another page
                    self._shown.append(access)
        if self._page.after is not None and access.receipts[0].record_id == self._page.after.id:
            self._begun = True

    def page(self) -> AccessPage:
        """Returns the page, once every access was added."""
        more = len(self._shown) > self._page.size
        return AccessPage(self._shown[: self._page.size], more, self._total, more or self._inside < self._total)


def is_shown(access: pb.Access, hidden: Collection[str]) -> bool:
    """Takes the hidden entries out of an access. Whether it is shown without them."""
    return not _strip(access, hidden) or _is_look(access) or _shows_entries(access)


def _strip(access: pb.Access, hidden: Collection[str]) -> bool:
    """Takes the hidden entries out of an access; whether there were any."""
    stripped = False
    for section in access.sections:
        shown = [entry for entry in section.entries if entry.id.lower() not in hidden]
        left_out = len(section.entries) - len(shown)
        if left_out:
            stripped = True
            section.entry_count -= left_out
            section.changed = section.changed and bool(shown)
            del section.entries[:]
            section.entries.extend(shown)
    return stripped


def _shows_entries(access: pb.Access) -> bool:
    return any(section.entries for section in access.sections)


def _is_look(access: pb.Access) -> bool:
    """Whether something was read by calls that name no entry: lists, summaries, checks. A download names one, and the
    history of an entry does."""
    names = [rpc.rpartition("/")[2] for rpc in access.rpcs]
    named = any(name.startswith("Download") or name.endswith("Versions") for name in names)
    return access.outcome == pb.ACCESS_OUTCOME_DISCLOSED and not named
