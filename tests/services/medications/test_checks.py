"""What may be recorded."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications import checks
from shared.codes.systems import ATC
from shared.convert import timestamp
from shared.errors import Invalid, Reason

NOW = datetime(2026, 1, 15, tzinfo=UTC)
STATIN = pb.Medication(code=CodeableConcept(text="Lipitor 20 mg"))


def prescription() -> pb.Prescription:
    return pb.Prescription(
        state=pb.PRESCRIPTION_STATE_DISPENSABLE, medication=STATIN, prescribed_at=timestamp(NOW - timedelta(days=1))
    )


def order() -> pb.Prescription:
    source = pb.SourceRecord(resource_type="MedicationRequest", status="active")
    return pb.Prescription(medication=STATIN, source_record=source)


def test_a_prescription_of_the_register_and_an_order_of_another_source_are_fine() -> None:
    checks.fed(prescription(), NOW)
    checks.fed(order(), NOW)


@pytest.mark.parametrize(
    "field, change",
    [
        ("state", lambda p: p.ClearField("state")),
        ("state", lambda p: setattr(p, "state", pb.PRESCRIPTION_STATE_EXPIRED)),
        ("prescribed_at", lambda p: p.ClearField("prescribed_at")),
        ("prescribed_at", lambda p: p.prescribed_at.CopyFrom(timestamp(NOW + timedelta(days=3)))),
        ("prescribed_at", lambda p: p.prescribed_at.CopyFrom(timestamp(datetime(1899, 1, 1, tzinfo=UTC)))),
        ("valid_until", lambda p: p.valid_until.CopyFrom(timestamp(NOW - timedelta(days=2)))),
        ("reit", lambda p: setattr(p, "reit", -1)),
        ("reit", lambda p: setattr(p, "reit", 100)),
        ("dispensed", lambda p: setattr(p, "dispensed", -1)),
        ("packages", lambda p: setattr(p, "packages", "two")),
        ("medication.code", lambda p: p.medication.ClearField("code")),
        ("medication.atc.code", lambda p: p.medication.atc.CopyFrom(Coding(system=ATC, code="statin"))),
        ("recall.reason", lambda p: setattr(p, "state", pb.PRESCRIPTION_STATE_RECALLED)),
        ("recall", lambda p: p.recall.CopyFrom(pb.Recall(reason=pb.RECALL_REASON_OTHER))),
        ("state", lambda p: p.source_record.CopyFrom(order().source_record)),
    ],
)
def test_a_field_that_breaks_a_rule_is_named(field: str, change: Callable[[Any], None]) -> None:
    broken = prescription()
    change(broken)
    with pytest.raises(Invalid) as refused:
        checks.fed(broken, NOW)
    assert refused.value.field == field


def test_an_atc_code_of_another_system_is_refused() -> None:
    broken = prescription()
    broken.medication.atc.CopyFrom(Coding(system="http://www.nlm.nih.gov/research/umls/rxnorm", code="860975"))
    with pytest.raises(Invalid) as refused:
        checks.fed(broken, NOW)
    assert refused.value.reason == Reason.ERROR_REASON_UNKNOWN_CODE_SYSTEM


@pytest.mark.parametrize("code", ["C", "C10", "C10A", "C10AA", "C10AA05", "QJ01CE02"])
def test_every_level_of_an_atc_code_is_one(code: str) -> None:
    checks.medication(pb.Medication(atc=Coding(system=ATC, code=code)), "medication")


def test_a_source_without_status_is_refused() -> None:
    for broken in (order(), pb.Dispensing(medication=STATIN, source_record=order().source_record)):
        broken.source_record.ClearField("status")
        with pytest.raises(Invalid) as refused:
            checks.fed(broken, NOW)
        assert refused.value.field == "source_record.status"


def test_a_dispensing_of_the_register_has_a_time() -> None:
    with pytest.raises(Invalid) as refused:
        checks.fed(pb.Dispensing(medication=STATIN), NOW)
    assert refused.value.field == "dispensed_at"


def test_a_statement_that_none_is_known_needs_no_medicine() -> None:
    source = pb.SourceRecord(resource_type="MedicationStatement", status="active")
    checks.fed(pb.MedicationStatement(kind=pb.STATEMENT_KIND_NIL_KNOWN, source_record=source), NOW)
    with pytest.raises(Invalid) as refused:
        checks.fed(pb.MedicationStatement(kind=pb.STATEMENT_KIND_MEDICINE, source_record=source), NOW)
    assert refused.value.field == "medication.code"


def entry(**fields: Any) -> pb.ListEntry:
    values: dict[str, Any] = {"id": str(uuid4()), "status": pb.ENTRY_STATUS_ACTIVE, "medication": STATIN, **fields}
    return pb.ListEntry(**values)


def discontinued(**fields: Any) -> pb.ListEntry:
    ended = pb.Discontinuation(discontinued_at=timestamp(NOW))
    return entry(status=pb.ENTRY_STATUS_DISCONTINUED, discontinuation=ended, **fields)


def test_a_discontinued_entry_may_share_the_prescription_of_an_active_one() -> None:
    shared = str(uuid4())
    entries = [entry(prescription_id=shared), discontinued(prescription_id=shared), entry(), entry()]
    checks.medication_list(pb.MedicationList(entries=entries), NOW)


@pytest.mark.parametrize(
    "field, second",
    [
        ("entries[1].id", entry(id="6F0C2C6A-1B7C-4A3C-9D4C-0A4C7F2C9A11")),
        ("entries[1].prescription_id", entry(prescription_id="0b0c2c6a-1b7c-4a3c-9d4c-0a4c7f2c9a22")),
        ("entries[1].prescription_source_id", entry(prescription_source_id="R1")),
        ("entries[1].discontinuation.discontinued_at", entry(status=pb.ENTRY_STATUS_DISCONTINUED)),
        ("entries[1].discontinuation", entry(discontinuation=pb.Discontinuation(text="rash"))),
    ],
    ids=["id twice", "prescription on two", "its source id on two", "discontinued when?", "discontinued and active"],
)
def test_a_list_that_breaks_a_rule_names_the_entry(field: str, second: pb.ListEntry) -> None:
    first = entry(
        id="6f0c2c6a-1b7c-4a3c-9d4c-0a4c7f2c9a11",
        prescription_id="0b0c2c6a-1b7c-4a3c-9d4c-0a4c7f2c9a22",
        prescription_source_id="R1",
    )
    with pytest.raises(Invalid) as refused:
        checks.medication_list(pb.MedicationList(entries=[first, second]), NOW)
    assert refused.value.field == field
