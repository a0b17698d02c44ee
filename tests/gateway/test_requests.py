"""What the front door reads in a request: whom it is about."""

from uuid import uuid4

import pytest
from google.protobuf.message import Message

from gateway.requests import names_entry, national_id_of
from kjernejournal.common.v1.common_pb2 import PatientIdentifier
from kjernejournal.critical_info.v1.critical_info_pb2 import CreateCriticalInfoRequest, UpdateCriticalInfoRequest
from kjernejournal.documents.v1.documents_pb2 import ReplaceDocumentRequest
from kjernejournal.medications.v1.medications_pb2 import (
    Proposal,
    ProposeMedicationChangeRequest,
    UpdateMedicationListRequest,
)
from shared.errors import Invalid
from tests.services.patients.people import new_id


@pytest.mark.parametrize(
    "patient, field",
    [
        (PatientIdentifier(), "p.national_id"),
        (PatientIdentifier(national_id=""), "p.national_id"),
        (PatientIdentifier(national_id="01019012345"), "p.national_id"),
        (PatientIdentifier(patient_ref=str(uuid4())), "p.patient_ref"),
        (PatientIdentifier(national_id=new_id(), alias_refs=[str(uuid4())]), "p.alias_refs"),
        (PatientIdentifier(alias_refs=[str(uuid4())]), "p.alias_refs"),
    ],
)
def test_a_refused_identifier_is_named_by_its_field_and_never_repeated(patient: PatientIdentifier, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        national_id_of(patient, "p", production=False)
    assert refused.value.field == field
    for value in (patient.national_id, patient.patient_ref, *patient.alias_refs):
        assert not value or value not in refused.value.text


@pytest.mark.parametrize(
    "request_, named",
    [
        (CreateCriticalInfoRequest(), False),
        (UpdateCriticalInfoRequest(id="a"), True),
        (ReplaceDocumentRequest(replaced_id="a"), True),
        (UpdateMedicationListRequest(), False),
        (UpdateMedicationListRequest(expected_version=1), True),
        (ProposeMedicationChangeRequest(proposals=[Proposal()]), False),
        (ProposeMedicationChangeRequest(proposals=[Proposal(), Proposal(entry_id="a")]), True),
        (ProposeMedicationChangeRequest(withdrawn_proposal_ids=["a"]), True),
    ],
)
def test_a_write_is_about_an_entry_that_is_there_or_a_new_one(request_: Message, named: bool) -> None:
    assert names_entry(request_) is named
