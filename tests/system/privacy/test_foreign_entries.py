"""An entry id opens nothing without its patient: another patient's id is NOT_FOUND in every rpc that takes one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway.contract import Method
from kjernejournal.audit.v1 import audit_pb2
from kjernejournal.common.v1 import common_pb2
from kjernejournal.critical_info.v1 import critical_info_pb2
from kjernejournal.documents.v1 import documents_pb2
from kjernejournal.labs.v1 import labs_pb2
from kjernejournal.medications.v1 import medications_pb2
from kjernejournal.own_registrations.v1 import own_registrations_pb2
from kjernejournal.patients.v1 import patients_pb2
from kjernejournal.visits.v1 import visits_pb2
from tests.services.documents.calls import document
from tests.services.medications.feed import medicine
from tests.services.medications.list.lists import entry
from tests.services.own_registrations.calls import contact
from tests.support.client import Client, methods, refusal
from tests.support.filling import least
from tests.support.patients import CONTENT, Patient, new_patients, reaction
from tests.support.system import System

NOT_ENTRIES = {
    "request_id": "the caller's own",
    "source_id": "the source's own",
    "prescription_source_id": "the source's own",
    "treatment_id": "the prescriber's system's own, groups the patient's prescriptions",
    "client_id": "a machine",
    "resh_id": "an organisation",
    "her_id": "an address",
    "contract_id": "a general practitioner's list",
    "national_id": "a person",
    "patient_ref": "refused from outside",
    "alias_refs": "refused from outside",
    "merged_national_id": "a person",
    "separated_national_id": "a person",
}
IGNORED = {
    "header.id": "output only: the service gives ids",
    "medication_list.entries.id": "given by the author of the list; stored below the patient",
    "proposals.entry.id": "the same",
    "incoming_entries.id": "compared, never looked up",
    "incoming_entries.prescription_id": "the same",
    "other_list_id": "set when read, taken away from what is sent",
    "other_lists.list_id": "the same",
    "taken_over.list_id": "the same",
    "facts.facts.evidence.entry_id": "the gateway's own, put in from the patient's sections",
}
COMES_LATER: frozenset[str] = frozenset()
"""Take ids and answer UNIMPLEMENTED, so far, to whatever they are asked. Whoever serves one gives it a case below."""


@dataclass(frozen=True)
class Ids:
    """What belongs to the other patient."""

    critical_info: str
    prescription: str
    visit: str
    document: str
    lab_report: str
    own_registration: str
    list_entry: str
    proposal: str
    proxy: str
    access: str


@pytest.fixture(scope="module")
async def two(system: System, client: Client) -> tuple[Patient, Patient, Ids]:
    mine, theirs = await new_patients(system, 2)
    of = theirs.identifier
    grant = patients_pb2.GrantProxyRequest(
        patient=of,
        request_id=str(uuid4()),
        proxy=patients_pb2.NewProxy(national_id=mine.national_id, name="Nabo", areas=[patients_pb2.PROXY_AREA_INNSYN]),
    )
    settings = (await client.call("GrantProxy", grant, **theirs.asks())).settings
    critical = await client.call("ListCriticalInfo", critical_info_pb2.ListCriticalInfoRequest(patient=of))
    prescribed = await client.call("ListPrescriptions", medications_pb2.ListPrescriptionsRequest(patient=of))
    visited = await client.call("ListVisits", visits_pb2.ListVisitsRequest(patient=of))
    documents = await client.call("ListDocuments", documents_pb2.ListDocumentsRequest(patient=of))
    answered = await client.call("ListLabReports", labs_pb2.ListLabReportsRequest(patient=of))
    registered = await client.call(
        "ListOwnRegistrations", own_registrations_pb2.ListOwnRegistrationsRequest(patient=of)
    )
    on_list = entry()
    sent = medications_pb2.UpdateMedicationListRequest(
        patient=of,
        request_id=new_id(),
        lookup=(await medication_list(client, theirs)).lookup,
        medication_list=medications_pb2.MedicationList(entries=[on_list]),
    )
    await client.call("UpdateMedicationList", sent)
    proposal = medications_pb2.Proposal(
        action=medications_pb2.PROPOSAL_ACTION_DISCONTINUE, entry_id=on_list.id, reason="Svimmel"
    )
    change = medications_pb2.ProposeMedicationChangeRequest(patient=of, request_id=new_id(), proposals=[proposal])
    proposed = await client.call("ProposeMedicationChange", change)
    seen = audit_pb2.ListAccessesRequest(patient=of)
    ids = Ids(
        critical_info=critical.critical_info[0].header.id,
        prescription=prescribed.prescriptions[0].header.id,
        visit=visited.visits[0].header.id,
        document=documents.documents[0].header.id,
        lab_report=answered.reports[0].header.id,
        own_registration=registered.registrations[0].header.id,
        list_entry=on_list.id,
        proposal=proposed.proposals[0].header.id,
        proxy=settings.proxies[0].id,
        access=(await client.call("ListAccesses", seen, **theirs.asks())).accesses[0].access_id,
    )
    return mine, theirs, ids


def new_id() -> str:
    return str(uuid4())


async def medication_list(client: Client, patient: Patient) -> medications_pb2.GetMedicationListResponse:
    request = medications_pb2.GetMedicationListRequest(patient=patient.identifier)
    reply: medications_pb2.GetMedicationListResponse = await client.call("GetMedicationList", request)
    return reply


def sending(lookup: str, medicines: medications_pb2.MedicationList, **fields: Any) -> list[Any]:
    """Returns a medication list that is sent."""
    return [
        medications_pb2.UpdateMedicationListRequest(
            request_id=new_id(), lookup=lookup, medication_list=medicines, **fields
        )
    ]


def proposing(*proposals: medications_pb2.Proposal, **fields: Any) -> list[Any]:
    """Returns changes of it that are proposed, or taken back."""
    return [medications_pb2.ProposeMedicationChangeRequest(request_id=new_id(), proposals=proposals, **fields)]


def requests(ids: Ids, lookup: str) -> dict[str, list[Any]]:
    """Returns messages that name somebody else's entry, by rpc and field. The patient is put in by the test."""
    dispensed = medications_pb2.Dispensing(medication=medicine(), prescription_id=ids.prescription)
    dispensed.dispensed_at.GetCurrentTime()
    dispensed.header.provenance.source_id = "d-9"
    dispensed.header.provenance.source_system = "pharmacies"
    relation = documents_pb2.DocumentRelation(kind=documents_pb2.RELATION_KIND_APPENDS, document_id=ids.document)
    related = document()
    related.relations.append(relation)
    listed = medications_pb2.MedicationList(entries=[entry()])
    named = medications_pb2.MedicationList(entries=[entry(prescription_id=ids.prescription)])
    wrong = medications_pb2.MedicationList(
        entries=[entry()], in_error=[medications_pb2.EntryInError(entry_id=ids.list_entry, reason="feil")]
    )
    discontinue = medications_pb2.PROPOSAL_ACTION_DISCONTINUE
    recall = medications_pb2.Recall(reason=medications_pb2.RECALL_REASON_DISCONTINUED)
    return {
        "GetCriticalInfo id": [critical_info_pb2.GetCriticalInfoRequest(id=ids.critical_info)],
        "ListCriticalInfoVersions id": [critical_info_pb2.ListCriticalInfoVersionsRequest(id=ids.critical_info)],
        "UpdateCriticalInfo id": [
            critical_info_pb2.UpdateCriticalInfoRequest(
                request_id=new_id(), id=ids.critical_info, expected_version=1, critical_info=reaction("endret")
            )
        ],
        "DeleteCriticalInfo id": [
            critical_info_pb2.DeleteCriticalInfoRequest(request_id=new_id(), id=ids.critical_info, expected_version=1)
        ],
        "RecallPrescription id": [
            medications_pb2.RecallPrescriptionRequest(request_id=new_id(), id=ids.prescription, recall=recall)
        ],
        "RecordDispensing dispensing.prescription_id": [
            medications_pb2.RecordDispensingRequest(request_id=new_id(), dispensing=dispensed)
        ],
        "UpdateMedicationList medication_list.entries.prescription_id": sending(lookup, named),
        "UpdateMedicationList medication_list.in_error.entry_id": sending(lookup, wrong),
        "UpdateMedicationList answers.proposal_id": sending(
            lookup, listed, answers=[medications_pb2.ProposalAnswer(proposal_id=ids.proposal, accepted=True)]
        ),
        "ProposeMedicationChange proposals.entry_id": proposing(
            medications_pb2.Proposal(action=discontinue, entry_id=ids.list_entry, reason="Svimmel")
        ),
        "ProposeMedicationChange proposals.entry.prescription_id": proposing(
            medications_pb2.Proposal(action=medications_pb2.PROPOSAL_ACTION_ADD, entry=named.entries[0], reason="Ny")
        ),
        "ProposeMedicationChange withdrawn_proposal_ids": proposing(withdrawn_proposal_ids=[ids.proposal]),
        "ReportVisitError id": [visits_pb2.ReportVisitErrorRequest(request_id=new_id(), id=ids.visit, comment="feil")],
        "DownloadDocument id": [documents_pb2.DownloadDocumentRequest(id=ids.document)],
        "UploadDocument document.relations.document_id": [
            documents_pb2.UploadDocumentRequest(request_id=new_id(), document=related),
            documents_pb2.UploadDocumentRequest(chunk=CONTENT),
        ],
        "ReplaceDocument replaced_id": [
            documents_pb2.ReplaceDocumentRequest(
                request_id=new_id(), replaced_id=ids.document, expected_version=1, document=document()
            ),
            documents_pb2.ReplaceDocumentRequest(chunk=CONTENT),
        ],
        "ReplaceDocument document.relations.document_id": [
            documents_pb2.ReplaceDocumentRequest(
                request_id=new_id(), replaced_id=ids.document, expected_version=1, document=related
            ),
            documents_pb2.ReplaceDocumentRequest(chunk=CONTENT),
        ],
        "ListLabReportVersions id": [labs_pb2.ListLabReportVersionsRequest(id=ids.lab_report)],
        "ReleaseLabReport id": [
            labs_pb2.ReleaseLabReportRequest(request_id=new_id(), id=ids.lab_report, expected_version=1)
        ],
        "SaveOwnRegistration id": [
            own_registrations_pb2.SaveOwnRegistrationRequest(
                request_id=new_id(), id=ids.own_registration, expected_version=1, registration=contact()
            )
        ],
        "DeleteOwnRegistration id": [
            own_registrations_pb2.DeleteOwnRegistrationRequest(request_id=new_id(), id=ids.own_registration)
        ],
        "RequestReview access_id": [audit_pb2.RequestReviewRequest(request_id=new_id(), access_id=ids.access)],
        "ReconstructDisclosure access_id": [audit_pb2.ReconstructDisclosureRequest(access_id=ids.access)],
        "ReviewAccess id": [
            audit_pb2.ReviewAccessRequest(
                request_id=new_id(), id=ids.visit, verdict=audit_pb2.REVIEW_VERDICT_JUSTIFIED, comment="sett"
            )
        ],
        "RevokeProxy id": [patients_pb2.RevokeProxyRequest(request_id=new_id(), id=ids.proxy)],
    }


async def test_another_patients_entry_id_is_not_found_in_every_rpc_that_takes_one(
    client: Client, two: tuple[Patient, Patient, Ids]
) -> None:
    mine, theirs, ids = two
    cases = requests(ids, (await medication_list(client, mine)).lookup)
    # In a feed's import a reference may come before what it names: it is kept, and looked up for no one.
    fields = {
        f"{name.partition('/')[2]} {field}"
        for name, method in methods().items()
        if method.rule.action != common_pb2.ACTION_INTERNAL and not name.endswith("/BulkImport")
        for field in id_fields(method.descriptor.input_type)
    }
    without = {field for field in fields - set(cases) if field.partition(" ")[0] not in COMES_LATER}
    assert (without, set(cases) - fields) == (set(), set()), "every rpc that takes an entry id has its case here"
    for case, messages in cases.items():
        method = methods()[next(name for name in methods() if name.endswith(f"/{case.partition(' ')[0]}"))]
        if hasattr(messages[0], "patient"):
            messages[0].patient.CopyFrom(mine.identifier)
        caller = caller_of(method, mine)
        rpc = method.path.rpartition(".")[2]
        if method.descriptor.client_streaming:
            told = await refusal(client.send(rpc, messages, **caller))
        else:
            told = await refusal(client.any(method, messages[0], **caller))
        later = case.partition(" ")[0] in COMES_LATER
        expected = ("UNIMPLEMENTED", "NOT_SUPPORTED") if later else ("NOT_FOUND", "ENTRY_NOT_FOUND")
        assert told.short == expected, (case, told)
        assert all(each not in told.text for each in vars(ids).values())
    still = await client.call(
        "GetCriticalInfo",
        critical_info_pb2.GetCriticalInfoRequest(patient=theirs.identifier, id=ids.critical_info),
    )
    assert still.critical_info.header.version == 1, "nothing was changed"
    left = own_registrations_pb2.ListOwnRegistrationsRequest(patient=theirs.identifier)
    assert ids.own_registration in {
        each.header.id for each in (await client.call("ListOwnRegistrations", left)).registrations
    }, "nothing was deleted"


async def test_what_comes_later_answers_so_after_the_access_steps(client: Client, patient: Patient) -> None:
    later = [method for name, method in methods().items() if name.partition("/")[2] in COMES_LATER]
    assert len(later) == len(COMES_LATER)
    for method in later:
        told = await refusal(
            client.any(method, least(method.descriptor.input_type, patient.identifier), **caller_of(method, patient))
        )
        assert told.short == ("UNIMPLEMENTED", "NOT_SUPPORTED"), method.path


def caller_of(method: Method, patient: Patient) -> dict[str, Any]:
    """Returns somebody who may call it."""
    callers = method.rule.callers
    if callers == {common_pb2.CALLER_KIND_CITIZEN}:
        return patient.asks()
    if method.rule.section == common_pb2.SECTION_PRIVACY:
        return patient.asks()
    if common_pb2.CALLER_KIND_CLINICIAN in callers:
        return {"kind": "doctor", "basis": "SAMTYKKE"}
    return {"kind": "system" if common_pb2.CALLER_KIND_SYSTEM in callers else "auditor"}


def id_fields(message: Descriptor, above: str = "", seen: tuple[str, ...] = ()) -> Iterator[str]:
    """Yields every field of a request that names an entry."""
    if message.full_name in seen:
        return
    for field in message.fields:
        name = f"{above}.{field.name}" if above else field.name
        if field.message_type is not None:
            if field.message_type.full_name.startswith("kjernejournal."):
                yield from id_fields(field.message_type, name, (*seen, message.full_name))
        elif _names_an_entry(field) and not any(name.endswith(each) for each in IGNORED):
            yield name


def _names_an_entry(field: FieldDescriptor) -> bool:
    if field.type != FieldDescriptor.TYPE_STRING or field.name in NOT_ENTRIES:
        return False
    uuid = field.GetOptions().Extensions[common_pb2.rules].uuid
    return bool(uuid) or field.name == "id" or field.name.endswith("_id")
