"""What the front door reads from the descriptors, over the whole contract."""

from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass

from gateway import contract
from gateway.access.facts import AccessRule
from gateway.contract import Method, disclosed, disclosed_paths, methods, walk
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import EntryHeader, PatientIdentifier, StatedAbsence
from kjernejournal.critical_info.v1 import critical_info_pb2 as ki
from kjernejournal.labs.v1 import labs_pb2
from kjernejournal.medications.v1 import medications_pb2
from kjernejournal.summary.v1 import summary_pb2

EVERY = pytest.mark.parametrize("method", list(methods().values()), ids=lambda method: str(method.path))
NO_PATIENT = {
    "DrugKnowledgeService/ImportDrugKnowledge",
    "PatientsService/RegisterPatient",
    "PatientsService/BulkImport",
    "AuditService/ListAccessesByPractitioner",
    "AuditService/ListReviews",
    "AuditService/ReviewAccess",
    "AuditService/GetUsageStatistics",
    "AuditService/ImportOrganisations",
    "AuditService/GetCheckpoint",
    "AuditService/GetInclusionProof",
    "AuditService/GetConsistencyProof",
}
"""Rpcs of outside callers that are bound to no patient. A new one has to be put here, which is a decision."""


@EVERY
def test_every_rpc_has_a_rule_that_somebody_can_meet(method: Method) -> None:
    assert method.rule == AccessRule.from_method(method.descriptor)
    assert bool(method.rule.callers) == (method.rule.action != common_pb2.ACTION_INTERNAL)


def test_an_rpc_without_a_rule_is_refused_at_start() -> None:
    file = descriptor_pb2.FileDescriptorProto(name="planted.proto", package="kjernejournal.planted.v1")
    file.message_type.add(name="M")
    file.service.add(name="S").method.add(
        name="Open", input_type=".kjernejournal.planted.v1.M", output_type=".kjernejournal.planted.v1.M"
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    planted = pool.FindServiceByName("kjernejournal.planted.v1.S").methods[0]
    with pytest.raises(ValueError, match="has no access option"):
        AccessRule.from_method(planted)


@EVERY
def test_every_patient_in_a_request_is_found(method: Method) -> None:
    """Against a search of its own: every field of the type, wherever it stands."""
    found = {".".join(name for name, _ in path) for path in method.patients}
    assert found == set(_standing(method.request.DESCRIPTOR, PatientIdentifier.DESCRIPTOR.full_name))


@EVERY
def test_patient_bound_rpcs_name_a_patient(method: Method) -> None:
    name = method.path.rpartition(".")[2]
    if method.rule.action == common_pb2.ACTION_INTERNAL:
        return
    assert bool(method.patients) == (name not in NO_PATIENT)
    one_at_the_top = method.patients == ((("patient", False),),)
    assert one_at_the_top or method.rule.multi_patient or name in NO_PATIENT


@EVERY
def test_every_entry_in_a_reply_is_disclosed_by_its_header(method: Method) -> None:
    """Each place where an entry's header stands is one that the access log names."""
    header = EntryHeader.DESCRIPTOR.full_name
    found = {".".join(name for name, _ in path) for path in method.disclosed}
    assert set(_standing(method.response.DESCRIPTOR, header)) <= found


@EVERY
def test_ids_of_entries_carry_the_option(method: Method) -> None:
    """A field called `id`, or `..._id`, in a reply is one that the access log must name, unless it is listed here."""
    if not method.rule.callers:
        return
    unmarked = {each for each in _unmarked_ids(method.response.DESCRIPTOR) if each not in NO_ENTRY_IDS}
    assert not unmarked


NO_ENTRY_IDS = {
    # Of the log itself, and of the calls that it is about.
    "kjernejournal.audit.v1.Access.trace_id",
    "kjernejournal.audit.v1.DecisionRef.id",
    "kjernejournal.audit.v1.DisclosedEntry.id",
    "kjernejournal.audit.v1.Receipt.record_id",
    "kjernejournal.summary.v1.GetPatientSummaryResponse.access_id",
    "kjernejournal.summary.v1.SummaryStart.access_id",
    # Numbers that others gave.
    "kjernejournal.common.v1.Machine.client_id",
    "kjernejournal.common.v1.Organisation.resh_id",
    "kjernejournal.common.v1.Provenance.source_id",
    "kjernejournal.labs.v1.Result.source_id",
    "kjernejournal.medications.v1.Dispensing.prescription_source_id",
    "kjernejournal.medications.v1.ListEntry.prescription_source_id",
    "kjernejournal.medications.v1.ListEntry.treatment_id",
    "kjernejournal.medications.v1.Prescription.treatment_id",
    "kjernejournal.patients.v1.FamilyRelation.national_id",
    "kjernejournal.patients.v1.Guardian.national_id",
    "kjernejournal.patients.v1.GeneralPractitionerAssignment.her_id",
    "kjernejournal.patients.v1.GeneralPractitionerContract.contract_id",
    # They point at an entry whose content is not in the message.
    "kjernejournal.documents.v1.DocumentRelation.document_id",
    "kjernejournal.medications.v1.Dispensing.prescription_id",
    "kjernejournal.medications.v1.ListEntry.prescription_id",
    "kjernejournal.medications.v1.Proposal.entry_id",
    "kjernejournal.medications.v1.ReconciledItem.draft_entry_id",
}


def test_a_planted_message_without_the_option_is_found() -> None:
    """The detector above sees a field that somebody forgot to mark."""
    file = descriptor_pb2.FileDescriptorProto(name="forgotten.proto", package="forgotten")
    entry = file.message_type.add(name="Entry")
    entry.field.add(name="id", number=1, type=FieldDescriptor.TYPE_STRING, label=1)
    reply = file.message_type.add(name="Reply")
    reply.field.add(name="entries", number=1, type=11, label=3, type_name=".forgotten.Entry")
    reply.field.add(name="report_id", number=2, type=FieldDescriptor.TYPE_STRING, label=1)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    planted = pool.FindMessageTypeByName("forgotten.Reply")
    assert _unmarked_ids(planted) == ["forgotten.Entry.id", "forgotten.Reply.report_id"]
    assert disclosed_paths(planted) == ()


def test_a_message_that_holds_itself_is_refused() -> None:
    file = descriptor_pb2.FileDescriptorProto(name="ring.proto", package="ring")
    ring = file.message_type.add(name="Ring")
    ring.field.add(name="inside", number=1, type=11, label=1, type_name=".ring.Ring")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    with pytest.raises(ValueError, match="holds itself"):
        disclosed_paths(pool.FindMessageTypeByName("ring.Ring"))


def test_what_a_reply_discloses_is_counted_entry_by_entry() -> None:
    reply = ki.ListCriticalInfoResponse(
        critical_info=[ki.CriticalInfo(header=EntryHeader(id="a", version=3)), ki.CriticalInfo()],
        absences=[ki.CategoryAbsence(header=EntryHeader(id="b", version=1))],
    )
    method = methods()["/kjernejournal.critical_info.v1.CriticalInfoService/ListCriticalInfo"]
    assert sorted(method.disclosed_in(reply)) == [("a", 3), ("b", 1)]


def test_a_result_is_disclosed_by_its_report_and_the_reports_version() -> None:
    results = [labs_pb2.ResultOfReport(report_id=each, report_version=3) for each in ("a", "b", "a")]
    method = methods()["/kjernejournal.labs.v1.LabsService/ListLabResults"]
    assert method.disclosed_in(labs_pb2.ListLabResultsResponse(results=results)) == [("a", 3), ("b", 3)]


def test_what_was_said_of_a_whole_section_is_disclosed() -> None:
    reply = labs_pb2.ListLabReportsResponse(absence=StatedAbsence(header=EntryHeader(id="s", version=1)))
    method = methods()["/kjernejournal.labs.v1.LabsService/ListLabReports"]
    assert method.disclosed_in(reply) == [("s", 1)]


def test_every_sections_entries_are_disclosed_in_a_summary() -> None:
    section = summary_pb2.SummarySection(
        medications=medications_pb2.MedicationsSection(
            prescriptions=[medications_pb2.Prescription(header=EntryHeader(id="p", version=1))],
            statements=[medications_pb2.MedicationStatement(header=EntryHeader(id="s", version=2))],
        )
    )
    reply = summary_pb2.GetPatientSummaryResponse(sections=[section])
    paths = methods()["/kjernejournal.summary.v1.SummaryService/GetPatientSummary"].disclosed
    assert sorted(disclosed(reply, paths)) == [("p", 1), ("s", 2)]


def test_a_walk_says_where_it_is() -> None:
    request = ki.BulkImportRequest(
        patients=[ki.PatientEntries(), ki.PatientEntries(patient=PatientIdentifier(national_id="1"))]
    )
    path = (("patients", True), ("patient", False))
    assert [where for where, _ in walk(request, path)] == ["patients[1].patient"]


def test_the_services_are_those_of_the_protos() -> None:
    assert set(contract.service_names()) == {path.split("/")[1] for path in methods()}


def _standing(message: Any, wanted: str, above: str = "") -> list[str]:
    found = []
    for field in message.fields:
        if field.message_type is None:
            continue
        where = f"{above}.{field.name}" if above else field.name
        if field.message_type.full_name == wanted:
            found.append(where)
        found.extend(_standing(field.message_type, wanted, where))
    return found


def _unmarked_ids(message: Any) -> list[str]:
    found = []
    for field in message.fields:
        if field.message_type is not None:
            found.extend(_unmarked_ids(field.message_type))
        elif (field.name == "id" or field.name.endswith("_id")) and not field.GetOptions().Extensions[
            common_pb2.disclosed_id
        ]:
            found.append(field.full_name)
    return found


def test_request_and_reply_types_are_those_of_the_contract() -> None:
    for method in methods().values():
        assert method.request is GetMessageClass(method.descriptor.input_type)
        assert method.response is GetMessageClass(method.descriptor.output_type)
