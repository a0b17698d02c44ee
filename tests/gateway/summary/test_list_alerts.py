"""The answer to a new medication list, or to proposals, brings the alerts that it gives, and stands whatever becomes of
the check."""

from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.rpc import error_details_pb2

from gateway.summary.check_medication import CHECK, PROPOSE, UPDATE
from kjernejournal.audit.v1 import audit_pb2
from kjernejournal.common.v1 import common_pb2
from kjernejournal.medications.v1 import medications_pb2 as pb
from tests.gateway.safety.patients import KNOWLEDGE, Made, medication
from tests.gateway.summary.test_alerts import PIVMECILLINAM, about, made, said, short, told
from tests.support.client import refusal
from tests.support.gateway import Front
from tests.support.scripted.registers import BY_SERVICE, FAULTS
from tests.support.scripted.services import refusing, saying

__all__ = ["made"]  # a fixture

STORED = pb.UpdateMedicationListResponse(list_info=pb.MedicationListInfo(active_entries=1))


def request(patient: str) -> pb.UpdateMedicationListRequest:
    asked = pb.UpdateMedicationListRequest(patient=about(patient), request_id=str(uuid4()))
    asked.medication_list.entries.add(
        id=str(uuid4()), status=pb.ENTRY_STATUS_ACTIVE, medication=medication(PIVMECILLINAM)
    )
    return asked


async def updated(front: Front, patient: str, **caller: Any) -> Any:
    front.registers["medications"].unary(UPDATE, saying(STORED))
    return await front.client.call("UpdateMedicationList", request(patient), **caller)


async def test_a_new_list_answers_with_the_alerts_that_it_gives(front: Front, made: Made) -> None:
    got = await updated(front, front.people.add())
    assert got.list_info == STORED.list_info
    assert "ALLERGY" in short(got.alerts)
    assert got.alerts.knowledge_version == KNOWLEDGE.version
    [found] = [each for each in got.alerts.findings if each.kind == pb.CHECK_KIND_ALLERGY]
    assert found.severity == pb.SEVERITY_CONTRAINDICATED


async def test_its_alerts_are_on_record_as_a_check_beside_the_write(front: Front, made: Made) -> None:
    patient = front.people.add()
    before = len(front.log.records)
    await updated(front, patient)
    records = front.log.records[before:]
    assert [(each.kind, each.rpc) for each in records] == [
        (audit_pb2.RECORD_KIND_PERMIT, UPDATE),
        (audit_pb2.RECORD_KIND_OUTCOME, UPDATE),
        (audit_pb2.RECORD_KIND_DISCLOSURE, CHECK),
    ]


@pytest.mark.parametrize("service", ["critical_info", "medications"])
async def test_where_a_section_cannot_be_read_the_list_stands_and_what_was_not_checked_is_said(
    front: Front, made: Made, service: str
) -> None:
    told(front, service, FAULTS["down"][0](BY_SERVICE[service]))
    got = await updated(front, front.people.add())
    assert got.list_info == STORED.list_info
    assert ("ALLERGY", "SECTION_UNAVAILABLE") in said(got.alerts)


async def test_where_the_check_takes_too_long_the_list_stands(front: Front, made: Made) -> None:
    told(front, "critical_info", FAULTS["frozen"][0](BY_SERVICE["critical_info"]))
    got = await updated(front, front.people.add(), seconds=1.0)
    assert got.list_info == STORED.list_info
    assert ("ALLERGY", "SECTION_UNAVAILABLE") in said(got.alerts)


async def test_where_the_check_fails_the_list_stands(front: Front, made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.summary.check_medication.check", lambda *_: 1 / 0)
    got = await updated(front, front.people.add())
    assert got.list_info == STORED.list_info
    assert len(said(got.alerts)) == 5


async def test_restricted_critical_information_tells_nothing_through_a_new_list(front: Front, made: Made) -> None:
    got = await updated(front, front.people.add(restricted_sections=[common_pb2.SECTION_CRITICAL_INFO]))
    assert "ALLERGY" not in short(got.alerts)
    assert ("ALLERGY", "SECTION_WITHHELD") in said(got.alerts)


async def test_a_list_that_is_refused_is_not_checked(front: Front, made: Made) -> None:
    info = error_details_pb2.ErrorInfo(reason="STATE_CONFLICT", domain="kjernejournal")
    front.registers["medications"].unary(UPDATE, refusing(grpc.StatusCode.FAILED_PRECONDITION, "too old", info))
    before = len(front.log.records)
    refused = await refusal(front.client.call("UpdateMedicationList", request(front.people.add())))
    assert refused.reason == "STATE_CONFLICT"
    assert CHECK not in {each.rpc for each in front.log.records[before:]}


async def proposed(front: Front, *proposals: pb.Proposal, **caller: Any) -> Any:
    front.registers["medications"].unary(PROPOSE, saying(pb.ProposeMedicationChangeResponse(proposals=proposals)))
    asked = pb.ProposeMedicationChangeRequest(patient=about(front.people.add()), request_id=str(uuid4()))
    asked.proposals.extend(proposals)
    return await front.client.call("ProposeMedicationChange", asked, **caller)


async def test_a_proposal_answers_with_the_alerts_that_its_medicine_would_give(front: Front, made: Made) -> None:
    entry = pb.ListEntry(status=pb.ENTRY_STATUS_ACTIVE, medication=medication(PIVMECILLINAM))
    before = len(front.log.records)
    got = await proposed(front, pb.Proposal(action=pb.PROPOSAL_ACTION_ADD, entry=entry))
    assert len(got.proposals) == 1
    assert "ALLERGY" in short(got.alerts)
    assert [each.rpc for each in front.log.records[before:]] == [PROPOSE, PROPOSE, CHECK]


async def test_a_proposal_stands_where_the_check_cannot_be_made(front: Front, made: Made) -> None:
    told(front, "critical_info", FAULTS["down"][0](BY_SERVICE["critical_info"]))
    entry = pb.ListEntry(status=pb.ENTRY_STATUS_ACTIVE, medication=medication(PIVMECILLINAM))
    got = await proposed(front, pb.Proposal(action=pb.PROPOSAL_ACTION_ADD, entry=entry))
    assert len(got.proposals) == 1
    assert ("ALLERGY", "SECTION_UNAVAILABLE") in said(got.alerts)


async def test_a_proposal_to_discontinue_is_not_checked(front: Front, made: Made) -> None:
    got = await proposed(front, pb.Proposal(action=pb.PROPOSAL_ACTION_DISCONTINUE, entry_id=str(uuid4())))
    assert not got.HasField("alerts")
