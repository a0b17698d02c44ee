"""The sides of a reconciliation, as its tests make them: a list, prescriptions, dispensings, statements."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from kjernejournal.common.v1.common_pb2 import Provenance
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications.knowledge.substances import SubstanceTable
from services.medications.reconciliation import sources
from services.medications.reconciliation.draft import Basis, Draft, drafted
from services.medications.reconciliation.items import Item, reconciled
from shared.convert import timestamp
from tests.services.medications import feed
from tests.services.medications.feed import NOW, medicine

ATORVA_40 = medicine(name="Lipitor 40 mg")
ATORVA_80 = medicine(name="Lipitor 80 mg")
PARACET = medicine("N02BE01", "Paracet 500 mg")


def listed(*entries: pb.ListEntry, days_ago: float = 10) -> pb.MedicationList:
    at = Provenance(recorded_at=timestamp(NOW - timedelta(days=days_ago)))
    made = pb.MedicationList(entries=entries, confirmed=at)
    made.header.version = 3
    return made


def prescribed(source_id: str = "r1", days_ago: float = 1, **fields: Any) -> pb.Prescription:
    made = feed.prescription(source_id, days_ago, **fields)
    made.header.id, made.header.version = str(uuid4()), 1
    if not made.HasField("source_record"):
        made.valid_until.CopyFrom(timestamp(NOW + timedelta(days=300)))
    return made


def dispensed(source_id: str = "d1", of: str = "", days_ago: float = 0.5, **fields: Any) -> pb.Dispensing:
    made = feed.dispensing(source_id, of, days_ago, **fields)
    made.header.id = str(uuid4())
    return made


def stated(source_id: str = "s1", status: str = "active", **fields: Any) -> pb.MedicationStatement:
    made = feed.statement(source_id, status, **fields)
    made.header.id = str(uuid4())
    return made


def reconcile(
    medicines: pb.MedicationList | None = None,
    *incoming: pb.ListEntry,
    prescriptions: list[pb.Prescription] | None = None,
    dispensings: list[pb.Dispensing] | None = None,
    statements: list[pb.MedicationStatement] | None = None,
    table: SubstanceTable | None = None,
) -> tuple[list[Item], Draft]:
    known = prescriptions or []
    gathered = sources.gathered(known, dispensings or [], statements or [], medicines, incoming, NOW)
    items = reconciled(gathered.sides, has_list=medicines is not None, substances_of=(table or SubstanceTable()).of)
    confirmed: datetime | None = None
    if medicines is not None:
        confirmed = medicines.confirmed.recorded_at.ToDatetime(NOW.tzinfo)
    by_id = {each.header.id: each for each in known}
    basis = Basis(pb.RECONCILIATION_OCCASION_REVIEW, confirmed, by_id, NOW, lambda: str(uuid4()))
    return items, drafted(items, basis)


def differences(items: list[Item]) -> list[tuple[int, set[int]]]:
    return [(item.difference, set(item.fields)) for item in items]
