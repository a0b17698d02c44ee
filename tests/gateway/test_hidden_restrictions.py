"""Restrictions that are hidden: a record with something restricted answers as one in which it was never registered."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from google.rpc import error_details_pb2

from gateway.contract import windows
from gateway.registers.sources import BY_SECTION, SOURCES
from gateway.summary.fanout import say_without_hidden
from kjernejournal.audit.v1 import audit_pb2
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import ListWindow, PatientIdentifier
from kjernejournal.critical_info.v1 import critical_info_pb2 as ki
from kjernejournal.labs.v1 import labs_pb2
from kjernejournal.medications.v1 import medications_pb2
from kjernejournal.summary.v1 import summary_pb2
from kjernejournal.summary.v1.summary_pb2 import (
    GetIndicatorRequest,
    GetPatientSummaryRequest,
    StreamPatientSummaryRequest,
)
from kjernejournal.visits.v1 import visits_pb2
from shared.errors import Denied, Reason, entry_not_found
from tests.gateway.summary.whole import CONTENT, KI, LABS, MEDICINES, OWN, VISITS, states
from tests.support.client import method, refusal
from tests.support.gateway import Front, running_gateway
from tests.support.patients import reaction
from tests.support.scripted.services import refusing, saying

CLINICAL = [each.section for each in SOURCES if each.section != common_pb2.SECTION_PATIENT]
NOT_SHOWN = 5
"""Status of the icon."""
ELEVATED = ["FORHOYET_SAMTYKKE", "FORHOYET_AKUTT"]
EMPTY: set[tuple[str, int]] = set()
"""References of patients of whom the register of a section holds nothing."""


@pytest.fixture(scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Front]:
    issuer: Path = tmp_path_factory.mktemp("issuer")
    async with running_gateway(issuer, restrictions="hidden") as front:
        yield front


@pytest.fixture
async def hidden(gateway: Front) -> Front:
    """A gateway that hides restrictions, in front of registers that hold entries of everybody who is registered."""
    gateway.new_breakers()
    for register in gateway.registers.values():
        register.forget()
    gateway.log.records.clear()
    for source in SOURCES:
        _answer(gateway, source.section)
    return gateway


def _holds(front: Front, refs: Any, section: Any) -> bool:
    """Whether the register of a section holds something under these references."""
    holds = {front.people.ref(patient) for patient in front.people.known}
    return any(ref in holds and (ref, section) not in EMPTY for ref in refs)


def _answer(front: Front, section: Any, content: Any = None) -> None:
    """Lets a register answer with its entry for those it knows, and with nothing for everybody else."""
    source = BY_SECTION[section]
    nothing = source.proto.SectionAnswer().section
    for name in windows(nothing.DESCRIPTOR):
        getattr(nothing, name).SetInParent()

    async def reply(data: bytes, _: Any) -> bytes:
        answers = [
            source.proto.SectionAnswer(
                access_id=each.access_id,
                section=(content or CONTENT[section]) if _holds(front, each.caller.patient_refs, section) else nothing,
            )
            for each in source.proto.BatchGetSectionsRequest.FromString(data).queries
        ]
        return bytes(source.proto.BatchGetSectionsResponse(answers=answers).SerializeToString())

    front.registers[source.service].unary(source.path, reply)


def asked(patient: str) -> GetPatientSummaryRequest:
    return GetPatientSummaryRequest(patient=PatientIdentifier(national_id=patient))


def plain(reply: Any) -> Any:
    """Returns the reply without what differs between any two calls."""
    reply.access_id = ""
    reply.ClearField("assembled_at")
    for section in reply.sections:
        section.ClearField("as_of")
        section.ClearField("duration")
    return reply


@pytest.mark.parametrize("section", CLINICAL)
@pytest.mark.parametrize("basis", ["AKUTT", "SAMTYKKE"])
async def test_a_restricted_section_looks_like_one_in_which_nothing_was_registered(
    hidden: Front, section: Any, basis: str
) -> None:
    patient, other = hidden.people.add(restricted_sections=[section]), hidden.people.add()
    EMPTY.add((hidden.people.ref(other), section))
    got = await hidden.client.answer("GetPatientSummary", asked(patient), basis=basis)
    assert states(got.reply.sections) == dict.fromkeys(CONTENT, "DATA") | {section: "NONE_RECORDED"}
    [record] = hidden.log.records
    [logged] = [each for each in record.sections if each.section == section]
    assert logged.decision == common_pb2.SECTION_DECISION_WITHHOLD, "the patient's log says what was done"
    assert not logged.entries
    nothing = await hidden.client.answer("GetPatientSummary", asked(other), basis=basis)
    assert plain(got.reply) == plain(nothing.reply)
    assert (got.headers.keys(), got.trailers.keys()) == (nothing.headers.keys(), nothing.trailers.keys())
    [mine] = [each for each in got.reply.sections if each.section == section]
    assert mine.explanation.code == "STATE_NONE_SHOWN"


@pytest.mark.parametrize(
    "caller",
    [{"basis": "AKUTT"}, {"basis": "SAMTYKKE", "kind": "nurse"}, {"basis": "FORHOYET_AKUTT"}],
    ids=["emergency", "nurse", "elevated"],
)
@pytest.mark.parametrize("restricted", [[], [KI], [MEDICINES, VISITS]], ids=["nothing", "critical", "two"])
async def test_every_reply_says_that_parts_may_be_hidden_and_none_is_complete(
    hidden: Front, restricted: list[Any], caller: dict[str, Any]
) -> None:
    patient = hidden.people.add(restricted_sections=restricted)
    got = await hidden.client.answer("GetPatientSummary", asked(patient), **caller)
    assert got.headers["kj-completeness"] == "MAY_BE_HIDDEN"
    assert got.reply.completeness == summary_pb2.COMPLETENESS_MAY_BE_HIDDEN
    assert [each.code for each in got.reply.notices] == ["NOTICE_MAY_BE_HIDDEN"]
    assert "skjult" in got.reply.notices[0].text
    assert got.trailers["kj-restrictions"] == "may-be-hidden"
    request = StreamPatientSummaryRequest(patient=PatientIdentifier(national_id=patient))
    parts = await hidden.client.stream("StreamPatientSummary", request, **caller)
    assert parts[0].start.notices == got.reply.notices == parts[-1].end.notices
    assert parts[-1].end.completeness == summary_pb2.COMPLETENESS_MAY_BE_HIDDEN
    streamed = [part.section for part in parts if part.HasField("section")]
    assert states(streamed) == states(got.reply.sections)


@pytest.mark.parametrize("basis", ELEVATED)
@pytest.mark.parametrize("restricted", [[], [KI]], ids=["nothing", "critical"])
async def test_an_elevated_basis_is_never_refused_as_not_needed(
    hidden: Front, restricted: list[Any], basis: str
) -> None:
    patient = hidden.people.add(restricted_sections=restricted)
    got = await hidden.client.answer("GetPatientSummary", asked(patient), basis=basis)
    assert states(got.reply.sections) == dict.fromkeys(CONTENT, "DATA")


async def test_a_list_of_a_restricted_section_is_asked_of_nobody(hidden: Front) -> None:
    path = method("ListVisits").path
    hidden.registers["visits"].unary(path, saying(visits_pb2.ListVisitsResponse(window=ListWindow())))
    told = []
    for restricted in ([VISITS], []):
        patient = hidden.people.add(restricted_sections=restricted)
        request = visits_pb2.ListVisitsRequest(patient=PatientIdentifier(national_id=patient))
        told.append(await hidden.client.answer("ListVisits", request))
        [call] = [each for each in hidden.registers["visits"].calls if each.path == path]
        sent = visits_pb2.ListVisitsRequest.FromString(call.messages[0]).patient.patient_ref
        assert (sent == hidden.people.ref(patient)) is (not restricted)
        assert call.caller.patient_refs[0] == sent
        assert _holds(hidden, call.caller.patient_refs, VISITS) is (not restricted)
        assert call.caller.decision == common_pb2.SECTION_DECISION_PERMIT
        hidden.registers["visits"].calls.clear()
    assert told[0].reply == told[1].reply
    assert told[0].trailers.keys() == told[1].trailers.keys()


async def test_no_count_says_that_single_entries_are_withheld(hidden: Front) -> None:
    labs = labs_pb2.LabsSection(window=ListWindow(withheld=2))
    medicines = medications_pb2.MedicationsSection()
    medicines.CopyFrom(CONTENT[MEDICINES])
    medicines.dispensings_window.withheld = 3
    _answer(hidden, LABS, labs)
    _answer(hidden, MEDICINES, medicines)
    got = await hidden.client.answer("GetPatientSummary", asked(hidden.people.add()))
    assert b"withheld" not in str(got.reply).encode()
    assert states(got.reply.sections)[LABS] == "NONE_RECORDED"
    assert got.headers["kj-completeness"] == "MAY_BE_HIDDEN"
    reply = labs_pb2.ListLabReportsResponse(window=ListWindow(withheld=2))
    hidden.registers["labs"].unary(method("ListLabReports").path, saying(reply))
    request = labs_pb2.ListLabReportsRequest(patient=PatientIdentifier(national_id=hidden.people.add()))
    assert not (await hidden.client.call("ListLabReports", request)).window.withheld


@pytest.mark.parametrize("said", ["NIL_KNOWN", "NOT_ASKED"])
def test_no_known_medicines_is_said_alike_beside_a_hidden_prescription_and_alone(said: str) -> None:
    kind = medications_pb2.StatementKind.Value(f"STATEMENT_KIND_{said}")
    alone = medications_pb2.MedicationsSection(
        statements=[medications_pb2.MedicationStatement(kind=kind)],
        statements_window=ListWindow(returned=1, total=1),
        prescriptions_window=ListWindow(),
        stated_absence=kind,
    )
    beside = medications_pb2.MedicationsSection()
    beside.CopyFrom(alone)
    beside.prescriptions_window.withheld = 1
    beside.ClearField("stated_absence")  # as the register answers: a medicine stands against it
    for content in (alone, beside):
        say_without_hidden(content)
        state = BY_SECTION[MEDICINES].state(content)
        assert state == summary_pb2.SECTION_STATE_DATA, "a statement, and no state of the section"
    assert alone == beside


async def test_a_side_of_a_reconciliation_that_was_withheld_is_not_named(hidden: Front) -> None:
    reply = medications_pb2.ReconcileMedicationsResponse(
        not_compared=[
            medications_pb2.NotCompared(source=medications_pb2.RECONCILIATION_SOURCE_DISPENSED, withheld=2),
            medications_pb2.NotCompared(source=medications_pb2.RECONCILIATION_SOURCE_STATEMENT, left_out=1),
        ]
    )
    hidden.registers["medications"].unary(method("ReconcileMedications").path, saying(reply))
    request = medications_pb2.ReconcileMedicationsRequest(patient=PatientIdentifier(national_id=hidden.people.add()))
    got = await hidden.client.call("ReconcileMedications", request)
    assert [each.left_out for each in got.not_compared] == [1]


async def test_a_single_entry_that_is_restricted_is_not_found(hidden: Front) -> None:
    told = []
    for error in (Denied(Reason.ERROR_REASON_SECTION_RESTRICTED, "restricted"), entry_not_found()):
        info = error_details_pb2.ErrorInfo(
            domain="kjernejournal", reason=Reason.Name(error.reason).removeprefix("ERROR_REASON_")
        )
        hidden.registers["labs"].unary(method("ListLabReportVersions").path, refusing(error.code, str(error), info))
        request = labs_pb2.ListLabReportVersionsRequest(
            patient=PatientIdentifier(national_id=hidden.people.add()), id=str(uuid4())
        )
        got = await refusal(hidden.client.call("ListLabReportVersions", request))
        told.append((got.short, got.text, got.details.keys()))
    assert told[0] == told[1]
    assert told[0][0] == ("NOT_FOUND", "ENTRY_NOT_FOUND")


async def test_the_icon_shows_nothing_of_what_is_restricted(hidden: Front) -> None:
    nothing = hidden.people.add()
    EMPTY.update((hidden.people.ref(nothing), each) for each in (KI, OWN))
    assert await icon(hidden, nothing) == NOT_SHOWN, "who has restricted nothing looks like who has"
    for restricted, status in (([], 4), ([KI], NOT_SHOWN), ([KI, OWN], NOT_SHOWN), ([VISITS], 4)):
        assert await icon(hidden, hidden.people.add(restricted_sections=restricted)) == status


async def icon(hidden: Front, patient: str) -> int:
    request = GetIndicatorRequest(patient=PatientIdentifier(national_id=patient))
    return int((await hidden.client.call("GetIndicator", request, basis="")).status)


async def test_a_status_without_critical_information_is_refused_alike_whether_restricted_or_not(hidden: Front) -> None:
    path = method("GetCriticalInfoStatus").path

    async def answer(data: bytes, context: Any) -> bytes:
        asked_about = ki.GetCriticalInfoStatusRequest.FromString(data).patient.patient_ref
        return ki.GetCriticalInfoStatusResponse(
            has_critical_information=_holds(hidden, [asked_about], KI)
        ).SerializeToString()

    hidden.registers["critical_info"].unary(path, answer)
    nothing, restricted, ill = hidden.people.add(), hidden.people.add(restricted_sections=[KI]), hidden.people.add()
    EMPTY.add((hidden.people.ref(nothing), KI))
    told = []
    for patient in (nothing, restricted):
        request = ki.GetCriticalInfoStatusRequest(patient=PatientIdentifier(national_id=patient))
        got = await refusal(hidden.client.call("GetCriticalInfoStatus", request, basis=""))
        told.append((got.short, got.text, got.details, got.trailers.keys()))
    assert told[0] == told[1]
    assert told[0][0] == ("PERMISSION_DENIED", "NO_ACCESS")
    request = ki.GetCriticalInfoStatusRequest(patient=PatientIdentifier(national_id=ill))
    assert (await hidden.client.call("GetCriticalInfoStatus", request, basis="")).has_critical_information


@pytest.mark.parametrize("restricted", [[], [KI]], ids=["nothing", "restricted"])
@pytest.mark.parametrize("basis, elevated", [("AKUTT", False), ("FORHOYET_AKUTT", True)])
async def test_a_write_about_an_entry_that_is_restricted_finds_none_and_a_new_one_is_stored(
    hidden: Front, restricted: list[Any], basis: str, elevated: bool
) -> None:
    patient = hidden.people.add(restricted_sections=restricted)
    base: dict[str, Any] = {"patient": PatientIdentifier(national_id=patient)}
    register = hidden.registers["critical_info"]
    about = ki.DeleteCriticalInfoRequest(**base, request_id=str(uuid4()), id=str(uuid4()), expected_version=1)
    new = ki.CreateCriticalInfoRequest(**base, request_id=str(uuid4()), critical_info=reaction())
    for rpc, request, response in (
        ("DeleteCriticalInfo", about, ki.DeleteCriticalInfoResponse()),
        ("CreateCriticalInfo", new, ki.CreateCriticalInfoResponse()),
    ):
        register.unary(method(rpc).path, saying(response))
        await hidden.client.call(rpc, request, basis=basis)
        [call] = [each for each in register.calls if each.path == method(rpc).path]
        found = hidden.people.ref(patient) in call.caller.patient_refs
        assert found is (elevated or not restricted or rpc == "CreateCriticalInfo")


@pytest.mark.parametrize("restricted", [[], [MEDICINES]], ids=["nothing", "restricted"])
async def test_a_first_medication_list_takes_an_elevated_basis_whoever_the_patient_is(
    hidden: Front, restricted: list[Any]
) -> None:
    """Somebody who was shown none may not have been shown it: theirs would take its place unseen."""
    patient = PatientIdentifier(national_id=hidden.people.add(restricted_sections=restricted))
    path = method("UpdateMedicationList").path
    register = hidden.registers["medications"]
    register.unary(path, saying(medications_pb2.UpdateMedicationListResponse()))
    request = medications_pb2.UpdateMedicationListRequest(
        patient=patient, request_id=str(uuid4()), lookup="any", medication_list=medications_pb2.MedicationList()
    )
    told = await refusal(hidden.client.call("UpdateMedicationList", request, basis="SAMTYKKE"))
    assert told.short == ("PERMISSION_DENIED", "SECTION_RESTRICTED")
    assert told.details["bases"] == "FORHOYET_SAMTYKKE,FORHOYET_AKUTT"
    assert not [each for each in register.calls if each.path == path]
    [record] = hidden.log.records
    assert record.kind == audit_pb2.RECORD_KIND_DENIAL
    await hidden.client.call("UpdateMedicationList", request, basis="FORHOYET_SAMTYKKE")
    assert [each for each in register.calls if each.path == path]
