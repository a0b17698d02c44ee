"""What clients heard while processes died, and whether what is stored agrees."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

Entry = tuple[str, int]
"""Id and version."""


@dataclass
class Write:
    """One request_id, however often it was sent."""

    service: str
    request_id: str
    answers: list[tuple[Entry, ...]] = field(default_factory=list)
    """The entries that each acknowledgement named."""
    refusals: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Reply:
    """A reply with content of a patient, and where it says that its record stands."""

    rpc: str
    trace_id: str
    audit_index: str


@dataclass(frozen=True)
class Record:
    """One record of the access log."""

    index: int
    trace_id: str
    kind: str
    request_id: str = ""
    refused: bool = False


@dataclass
class Ledger:
    """Everything that clients noted."""

    writes: list[Write] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)
    """How calls ended."""
    wrong: list[str] = field(default_factory=list)
    """Replies that no client should have got."""


Stored = Mapping[str, Sequence[Entry]]
"""The entries in a register, by request_id."""


def lost_or_doubled(writes: Iterable[Write], stored: Mapping[str, Stored]) -> list[str]:
    """Returns what is wrong with the writes that are stored.

    Acknowledged ones may not be missing, be there more than once, or differ from what was acknowledged. Nothing may be
    stored that nobody sent.
    """
    found = []
    sent: Counter[str] = Counter()
    for write in writes:
        name = f"{write.service} {write.request_id}"
        sent[write.service] += 1
        entries = list(stored[write.service].get(write.request_id, ()))
        if len(entries) > 1:
            found.append(f"{name} is stored {len(entries)} times")
        if len(set(write.answers)) > 1:
            found.append(f"{name} was answered in {len(set(write.answers))} ways")
        if write.answers and not entries:
            found.append(f"{name} was acknowledged and is lost")
        if write.answers and entries and any(told not in ((), (entries[0],)) for told in write.answers):
            found.append(f"{name} was told as {write.answers[0]} and is stored as {entries[0]}")
    for service, entries_of in stored.items():
        if len(entries_of) > sent[service]:
            found.append(f"{service} holds {len(entries_of)} entries of {sent[service]} requests")
    return found


def unrecorded(ledger: Ledger, records: Sequence[Record]) -> list[str]:
    """Returns the replies and acknowledged writes without their record, and gaps in the log."""
    by_index = {record.index: record for record in records}
    found = []
    if sorted(by_index) != list(range(len(records))):
        found.append("the log has gaps, or an index twice")
    for reply in ledger.replies:
        record = by_index.get(int(reply.audit_index)) if reply.audit_index else None
        if record is None or record.trace_id != reply.trace_id or record.kind != "DISCLOSURE":
            found.append(f"{reply.rpc} {reply.trace_id} was answered without a record at {reply.audit_index or '-'}")
    permitted = {record.request_id for record in records if record.kind == "PERMIT"}
    done = {record.request_id for record in records if record.kind == "OUTCOME" and not record.refused}
    for write in ledger.writes:
        for kind, having in (("permit", permitted), ("outcome", done)):
            if write.answers and write.request_id not in having:
                found.append(f"{write.service} {write.request_id} was acknowledged without its {kind} on record")
    return found
