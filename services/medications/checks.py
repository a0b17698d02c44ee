"""What may be recorded: each check raises Invalid with the field that breaks a rule. Pure functions."""

import re
from datetime import UTC, datetime, timedelta

from google.protobuf.message import Message

from kjernejournal.common.v1.common_pb2 import Coding
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications.model import DISPENSABLE, EXPIRED, NEXT_STATES, NOT_OF_THE_REGISTER, RECALLED
from shared.codes import atc
from shared.convert import effective, moment
from shared.errors import Invalid, Reason
from shared.medicines.dosage_rules import check_contents, check_dosages, check_medicine

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
"""Before the first prescription that any source of ours can hold."""

AHEAD = timedelta(days=1)
"""How far a time may be after now, for clocks that differ."""

MOST_REIT = 99
"""More is a slip of the source."""

_DECIMAL = re.compile(r"\d{1,10}(\.\d{1,6})?")


def fed(message: pb.Prescription | pb.Dispensing | pb.MedicationStatement, now: datetime) -> None:
    if isinstance(message, pb.Prescription):
        prescription(message, now)
    elif isinstance(message, pb.Dispensing):
        dispensing(message, now)
    else:
        statement(message)


def prescription(message: pb.Prescription, now: datetime) -> None:
    """Checks a prescription. The register's has a state and a time; another source's has that source's status."""
    medication(message.medication, "medication")
    check_medicine(message)
    _number(message.packages, "packages")
    if not 0 <= message.reit <= MOST_REIT:
        raise Invalid("reit", f"must be 0 to {MOST_REIT}")
    if message.dispensed < 0:
        raise Invalid("dispensed", "must not be negative")
    _order(message, "prescribed_at", "valid_until")
    if message.HasField("source_record"):
        _source_record(message.source_record)
        if message.state != NOT_OF_THE_REGISTER:
            raise Invalid("state", "is of the prescription register alone: this one has a source_record")
        return
    if message.state == EXPIRED or message.state not in NEXT_STATES or message.state == NOT_OF_THE_REGISTER:
        raise Invalid("state", "must be E, U, R or T; F is computed")
    _past(message, "prescribed_at", now)
    if message.state == RECALLED and not message.recall.reason:
        raise Invalid("recall.reason", "is required for a recalled prescription")
    if message.state == DISPENSABLE and message.HasField("recall"):
        raise Invalid("recall", "does not go with a prescription that may be collected")


def recall(message: pb.Recall, now: datetime) -> None:
    """Checks a recall, which needs its reason (Volven 7500)."""
    if not message.reason:
        raise Invalid("reason", "is required")
    if message.HasField("recalled_at"):
        _past(message, "recalled_at", now)


def dispensing(message: pb.Dispensing, now: datetime) -> None:
    """Checks a dispensing. The register's has a time; another source's has that source's status."""
    medication(message.medication, "medication")
    check_medicine(message)
    _number(message.packages, "packages")
    if message.HasField("source_record"):
        _source_record(message.source_record)
    else:
        _past(message, "dispensed_at", now)
    if message.pharmacy_licence and not (message.pharmacy_licence.isascii() and message.pharmacy_licence.isdigit()):
        raise Invalid("pharmacy_licence", "must be digits")


def statement(message: pb.MedicationStatement) -> None:
    """Checks a statement: it is about a medicine, or about all of them, and has its source's status."""
    if message.kind == pb.STATEMENT_KIND_MEDICINE:
        medication(message.medication, "medication")
    check_medicine(message)
    _source_record(message.source_record)


def medication_list(message: pb.MedicationList, now: datetime) -> None:
    """Raises Invalid unless ids are unique and a prescription is on one active entry at most.

    Source: ERES, M25.1: no two equal ids in a message; a prescription id may be on only one active entry, though a
    discontinued entry may share it.
    """
    seen: set[str] = set()
    on_active: set[str] = set()
    for number, entry in enumerate(message.entries):
        path = f"entries[{number}]"
        list_entry(entry, path, now)
        if entry.id.lower() in seen:
            raise Invalid(f"{path}.id", "is there more than once")
        seen.add(entry.id.lower())
        if entry.status == pb.ENTRY_STATUS_DISCONTINUED:
            continue
        for name in ("prescription_id", "prescription_source_id"):
            value = getattr(entry, name).lower()
            if value and f"{name} {value}" in on_active:
                raise Invalid(f"{path}.{name}", "is on another active entry already")
            on_active.add(f"{name} {value}")


def list_entry(entry: pb.ListEntry, path: str, now: datetime) -> None:
    """Raises Invalid unless the entry has a medicine and, when it is discontinued and only then, a time of that."""
    medication(entry.medication, f"{path}.medication")
    check_contents(entry.medication, f"{path}.medication")
    check_dosages(entry.dosages, f"{path}.dosages")
    if entry.HasField("planned_end") and moment(entry.planned_end) < _earliest(entry):
        raise Invalid(f"{path}.planned_end", "is before started")
    if entry.status == pb.ENTRY_STATUS_DISCONTINUED:
        if not entry.discontinuation.HasField("discontinued_at"):
            raise Invalid(f"{path}.discontinuation.discontinued_at", "is required for a discontinued entry")
        _not_ahead(entry.discontinuation, "discontinued_at", now, f"{path}.discontinuation.")
    elif entry.HasField("discontinuation"):
        raise Invalid(f"{path}.discontinuation", "is for discontinued entries alone")


def medication(message: pb.Medication, path: str) -> None:
    """Raises Invalid unless the medicine has a coding or a name; an ATC code is a coding."""
    if not message.code.codings and not message.code.text and not message.atc.code:
        raise Invalid(f"{path}.code", "needs a coding, or the medicine in words")
    if message.HasField("atc"):
        _atc(message.atc, f"{path}.atc")


def _atc(coding: Coding, path: str) -> None:
    if not atc.is_atc(coding.system):
        raise Invalid(
            f"{path}.system",
            f"must be {atc.SYSTEM} or another name of ATC",
            Reason.ERROR_REASON_UNKNOWN_CODE_SYSTEM,
        )
    if not atc.plain(coding.code):
        raise Invalid(f"{path}.code", "is not an ATC code")


def _source_record(message: pb.SourceRecord) -> None:
    if not message.resource_type:
        raise Invalid("source_record.resource_type", "is required")
    if not message.status:
        raise Invalid("source_record.status", "is required: unknown, where the source states none")


def _earliest(entry: pb.ListEntry) -> datetime:
    """Returns the earliest time that the use of an entry can have begun."""
    return effective(entry.started, EARLIEST) if entry.HasField("started") else EARLIEST


def _number(value: str, field: str) -> None:
    if value and not _DECIMAL.fullmatch(value):
        raise Invalid(field, "must be a decimal number")


def _past(message: Message, field: str, now: datetime) -> None:
    if not message.HasField(field):
        raise Invalid(field, "is required")
    _not_ahead(message, field, now)


def _not_ahead(message: Message, field: str, now: datetime, path: str = "") -> None:
    time = moment(getattr(message, field))
    if time < EARLIEST:
        raise Invalid(path + field, "is before 1900")
    if time > now + AHEAD:
        raise Invalid(path + field, "is in the future")


def _order(message: Message, first: str, last: str) -> None:
    both = message.HasField(first) and message.HasField(last)
    if both and moment(getattr(message, last)) < moment(getattr(message, first)):
        raise Invalid(last, f"is before {first}")
