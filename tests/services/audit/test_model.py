"""What may stand in the log."""

from uuid import UUID

import pytest

from kjernejournal.audit.v1 import audit_pb2 as pb
from kjernejournal.common.v1 import common_pb2
from services.audit import model
from shared.errors import Invalid
from tests.services.audit.records import record


def test_a_whole_record_is_taken() -> None:
    model.check(record("3f6f2f9e-1111-4222-8333-123456789012"))


@pytest.mark.parametrize(
    "field, change",
    [
        ("kind", {"kind": 0}),
        ("rpc", {"rpc": "kjernejournal.visits.v1.VisitsService/ListVisits"}),
        ("actor.kind", {"actor": pb.Actor(client_id="x")}),
        ("trace_id", {"trace_id": "0" * 31}),
        ("trace_id", {"trace_id": "Z" * 32}),
        ("status_code", {"kind": pb.RECORD_KIND_DENIAL}),
        ("status_code", {"kind": pb.RECORD_KIND_PERMIT, "status_code": 7}),
        ("status_code", {"kind": pb.RECORD_KIND_OUTCOME, "status_code": 17}),
        ("personal.patient_ref", {"personal": pb.PersonalPart(patient_ref="13875499818")}),
        (
            "personal.other_refs[1]",
            {"personal": pb.PersonalPart(other_refs=[str(UUID(int=1)), "13875499818"])},
        ),
        ("personal.actor_ref", {"personal": pb.PersonalPart(actor_ref="13875499818")}),
        ("sections[0].sha256", {"sections": [pb.SectionRecord(sha256=b"short")]}),
    ],
)
def test_a_broken_record_is_refused_by_its_field(field: str, change: dict[str, object]) -> None:
    with pytest.raises(Invalid) as refused:
        model.check(record("", **change))
    assert refused.value.field == field


def test_identifiers_of_our_own_are_not_taken_for_national_ids() -> None:
    sent = record(request_id="3f6f2f9e-1111-4222-8333-12345678901a")
    sent.sections[0].entries[0].id = "00000000-0000-4000-8000-012345678901"
    before = sent.SerializeToString(deterministic=True)
    model.redact_identities(sent)
    assert sent.SerializeToString(deterministic=True) == before


def test_what_was_shown_before_a_denial_was_shown() -> None:
    shown, denied = record(), record(kind=pb.RECORD_KIND_DENIAL, status_code=7)
    assert model.access_end([shown, denied]).outcome == pb.ACCESS_OUTCOME_DISCLOSED


def test_a_write_that_was_made_once_is_made() -> None:
    permit = record(kind=pb.RECORD_KIND_PERMIT, action=common_pb2.ACTION_WRITE)
    failed = record(kind=pb.RECORD_KIND_OUTCOME, status_code=14)
    made = record(kind=pb.RECORD_KIND_OUTCOME)
    assert model.access_end([permit, failed, made]).outcome == pb.ACCESS_OUTCOME_CHANGED
    assert model.access_end([permit, made, failed]).outcome == pb.ACCESS_OUTCOME_CHANGED
    assert model.access_end([permit, failed]).outcome == pb.ACCESS_OUTCOME_FAILED
