"""Leaves out of a patient's accesses what the one who reads them may not know of. Pure functions.

An entry that is refused to a reader, or delayed, does not exist for them: neither its id, nor that somebody registered
or opened it. A look at a list or a summary stays: it says who looked, and shows the entry no more than the list does.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from kjernejournal.audit.v1 import audit_pb2 as pb
from shared.convert import moment
from shared.register.paging import Page

EVERY = Page(1_000_000, None, b"")
"""More accesses than there are to a patient."""


class AccessPage(NamedTuple):
    """Accesses as they are shown, newest first."""

    accesses: list[pb.Access]
    more: bool
    total: int
    """Accesses that are shown, inside the window and outside."""
    older_exist: bool
    """Older accesses exist than the last one here, on further pages or outside the window."""


def page_without(every: Sequence[pb.Access], hidden: Collection[str], page: Page, since: datetime | None) -> AccessPage:
    """Returns a page of a patient's accesses as if the hidden entries were not there: counts and tokens too."""
    below = next(
        (access.receipts[0].index for access in every if page.after and _begins_at(access, page.after.id)), None
    )
    shown = without(every, hidden)
    inside = [access for access in shown if since is None or moment(access.occurred_at) >= since]
    rest = [
        access for access in inside if page.after is None or (below is not None and access.receipts[0].index < below)
    ]
    more = len(rest) > page.size
    return AccessPage(rest[: page.size], more, len(shown), more or len(inside) < len(shown))


def without(accesses: Iterable[pb.Access], hidden: Collection[str]) -> list[pb.Access]:
    """Returns the accesses that are shown, none with a hidden entry."""
    return [access for access in accesses if not _strip(access, hidden) or _is_look(access) or _shows_entries(access)]


def _begins_at(access: pb.Access, record_id: str) -> bool:
    return access.receipts[0].record_id == record_id


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
