"""What changed in the medication list, entry by entry, by whom and why. Pure functions."""

import itertools
from collections.abc import Iterator, Sequence

from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications.list import rules
from shared.convert import moment


def changes(versions: Sequence[pb.MedicationList]) -> list[pb.ListChange]:
    """Returns what each version changed in the one before it, newest first; `versions` are newest first too.

    Of the oldest one nothing is reported: the others are compared with it. An empty one stands for "no list yet".
    """
    return [change for after, before in itertools.pairwise(versions) for change in _between(before, after)]


def _between(before: pb.MedicationList, after: pb.MedicationList) -> Iterator[pb.ListChange]:
    was = {entry.id.lower(): entry for entry in before.entries}
    for entry in after.entries:
        of = was.get(entry.id.lower())
        if of is None or rules.really_changed(of, entry):
            yield _change(after, entry.id, _reason(of, entry), before=of, after=entry)
    errors, there = {error.entry_id.lower(): error.reason for error in after.in_error}, rules.entry_ids(after)
    sent = moment(after.header.provenance.recorded_at)
    for entry_id in (each for each in was if each not in there):
        # A discontinued entry whose time is up has left: nobody has changed anything.
        if entry_id in errors or rules.is_shown(was[entry_id], sent):
            yield _change(after, entry_id, errors.get(entry_id, ""), before=was[entry_id])


def _reason(before: pb.ListEntry | None, after: pb.ListEntry) -> str:
    """Returns why an entry was discontinued, else why it was changed. An older change's words may still stand in it."""
    ended = rules.DISCONTINUED
    if after.status == ended and (before is None or before.status != ended):
        return after.discontinuation.text or after.change_reason
    return after.change_reason


def _change(version: pb.MedicationList, entry_id: str, reason: str, **sides: pb.ListEntry | None) -> pb.ListChange:
    changed, number = version.header.provenance, version.header.version
    return pb.ListChange(entry_id=entry_id.lower(), version=number, changed=changed, reason=reason, **sides)
