"""Whole summaries, unary and streamed: what is there, what is said of the rest, what may still be shown at the end."""

import asyncio
import hashlib
from typing import Any

import grpc
import pytest

from gateway.registers.sources import BY_SECTION
from gateway.summary.handlers import completeness
from kjernejournal.audit.v1 import audit_pb2
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import PatientIdentifier
from kjernejournal.summary.v1 import summary_pb2
from kjernejournal.summary.v1.summary_pb2 import StreamPatientSummaryRequest, SummarySection
from tests.gateway.summary.whole import (
    CONTENT,
    DOCUMENTS,
    KI,
    LABS,
    MEDICINES,
    OWN,
    PATIENT,
    VACCINATIONS,
    VISITS,
    answer,
    answer_all,
    asked,
    fail,
    states,
    streamed,
)
from tests.support.client import refusal
from tests.support.gateway import Front
from tests.support.scripted.services import RECORD, saying
from tests.support.summaries import state


@pytest.fixture(autouse=True)
def registers(front: Front) -> None:
    """Lets every register answer with its content."""
    answer_all(front)


async def test_a_whole_summary(front: Front) -> None:
    patient = front.people.add()
    got = await front.client.answer("GetPatientSummary", asked(patient))
    assert states(got.reply.sections) == dict.fromkeys(CONTENT, "DATA")
    assert got.reply.completeness == summary_pb2.COMPLETENESS_COMPLETE
    assert got.headers["kj-completeness"] == "COMPLETE"
    assert patient.encode() not in got.reply.SerializeToString()
    assert front.people.ref(patient).encode() not in got.reply.SerializeToString()


async def test_the_record_names_every_section_entry_and_hash(front: Front) -> None:
    patient = front.people.add()
    got = await front.client.answer("GetPatientSummary", asked(patient))
    [record] = front.log.records
    assert record.kind == audit_pb2.RECORD_KIND_DISCLOSURE
    assert record.access_id == got.reply.access_id
    named = {each.section: [(entry.id, entry.version) for entry in each.entries] for each in record.sections}
    assert named == {
        KI: [("ki", 1)],
        MEDICINES: [("rp", 2)],
        VISITS: [("v", 1)],
        DOCUMENTS: [("d", 1)],
        LABS: [("l", 4)],
        VACCINATIONS: [("vac", 1)],
        OWN: [("own", 2)],
        PATIENT: [],
    }
    hashes = {each.section: each.sha256 for each in record.sections}
    assert hashes == {key: hashlib.sha256(each.SerializeToString()).digest() for key, each in CONTENT.items()}
    assert {each.state for each in record.sections} == {"data"}
    assert got.trailers["audit-index"] == "0"


@pytest.mark.parametrize(
    "down, expected",
    [
        ([VISITS], "PARTIAL"),
        ([DOCUMENTS, PATIENT], "PARTIAL"),
        ([LABS, VACCINATIONS, OWN], "PARTIAL"),
        ([KI], "CRITICAL_MISSING"),
        ([MEDICINES], "CRITICAL_MISSING"),
        ([KI, VISITS], "CRITICAL_MISSING"),
        (list(CONTENT), "CRITICAL_MISSING"),
    ],
    ids=lambda value: value if isinstance(value, str) else "+".join(map(str, value)),
)
async def test_what_is_missing_is_said_and_the_rest_is_whole(front: Front, down: list[int], expected: str) -> None:
    fail(front, *down)
    got = await front.client.answer("GetPatientSummary", asked(front.people.add()))
    wanted = {section: "UNAVAILABLE ERROR" if section in down else "DATA" for section in CONTENT}
    assert states(got.reply.sections) == wanted
    assert summary_pb2.Completeness.Name(got.reply.completeness) == f"COMPLETENESS_{expected}"
    assert got.headers["kj-completeness"] == expected
    recorded: dict[int, Any] = {each.section: (each.state, len(each.entries)) for each in front.log.records[0].sections}
    assert all(recorded[section] == ("unavailable", 0) for section in down)


@pytest.mark.parametrize("value", summary_pb2.SectionState.values())
@pytest.mark.parametrize("section", list(CONTENT))
def test_completeness_hangs_on_what_is_unavailable_and_on_what_is_critical_and_withheld(
    section: int, value: int
) -> None:
    others = [SummarySection(section=each, state=summary_pb2.SECTION_STATE_DATA) for each in CONTENT if each != section]  # type: ignore[arg-type]  # enum numbers
    whole = completeness([SummarySection(section=section, state=value), *others])  # type: ignore[arg-type]  # enum numbers
    expected = summary_pb2.COMPLETENESS_COMPLETE
    if value in (summary_pb2.SECTION_STATE_UNAVAILABLE, summary_pb2.SECTION_STATE_UNSPECIFIED):
        critical = section in (KI, MEDICINES)
        expected = summary_pb2.COMPLETENESS_CRITICAL_MISSING if critical else summary_pb2.COMPLETENESS_PARTIAL
    if value == summary_pb2.SECTION_STATE_WITHHELD and section in (KI, MEDICINES):
        expected = summary_pb2.COMPLETENESS_CRITICAL_WITHHELD
    assert whole == expected


async def test_only_the_sections_asked_for_are_fetched(front: Front) -> None:
    reply = await front.client.call("GetPatientSummary", asked(front.people.add(), sections=[VISITS, KI, VISITS]))
    assert [each.section for each in reply.sections] == [KI, VISITS]
    assert not front.registers["medications"].calls


@pytest.mark.parametrize(
    "fields",
    [{"sections": [common_pb2.SECTION_PRIVACY]}, {"max_entries": -1}, {"max_entries": 501}],
    ids=["section", "negative", "too many"],
)
async def test_a_question_that_makes_no_sense_is_refused(front: Front, fields: dict[str, Any]) -> None:
    told = await refusal(front.client.call("GetPatientSummary", asked(front.people.add(), **fields)))
    assert told.short == ("INVALID_ARGUMENT", "INVALID_FIELD")
    assert told.details["field"].startswith(next(iter(fields)))


async def test_a_restricted_section_is_withheld_and_nothing_of_it_is_asked_for(front: Front) -> None:
    patient = front.people.add(restricted_sections=[DOCUMENTS])
    reply = await front.client.call("GetPatientSummary", asked(patient))
    assert states(reply.sections)[DOCUMENTS] == "WITHHELD"
    assert reply.completeness == summary_pb2.COMPLETENESS_COMPLETE, "a restriction is no fault"
    assert not front.registers["documents"].calls


async def test_a_restriction_that_comes_while_registers_read_holds_back_what_was_fetched(front: Front) -> None:
    patient = front.people.add()
    answer(front, KI, after=0.35, before=lambda: _restrict(front, patient, DOCUMENTS))
    reply = await front.client.call("GetPatientSummary", asked(patient))
    assert states(reply.sections) == dict.fromkeys(CONTENT, "DATA") | {DOCUMENTS: "WITHHELD"}
    [documents] = [each for each in reply.sections if each.section == DOCUMENTS]
    assert documents.WhichOneof("content") is None


async def test_a_block_that_comes_while_registers_read_leaves_nothing(front: Front) -> None:
    patient = front.people.add()
    answer(front, KI, after=0.35, before=lambda: _block(front, patient))
    told = await refusal(front.client.call("GetPatientSummary", asked(patient)))
    assert told.code is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize("rpc", ["GetPatientSummary", "StreamPatientSummary"])
async def test_without_the_log_no_section_leaves(front: Front, rpc: str) -> None:
    patient = front.people.add()
    front.log.unary(RECORD, saying(b""))
    got: list[Any] = []
    try:
        if rpc == "GetPatientSummary":
            told = await refusal(front.client.call(rpc, asked(patient)))
        else:
            request = StreamPatientSummaryRequest(patient=PatientIdentifier(national_id=patient))
            told = await refusal(_gather(front.client.open(rpc, request), got))
    finally:
        front.log.unary(RECORD, front.log.commit)
    assert told.short == ("UNAVAILABLE", "AUDIT_UNAVAILABLE")
    assert not any(each.HasField("section") for each in got)


async def test_a_stream_has_a_start_every_section_and_an_end(front: Front) -> None:
    start, *sections, end = await streamed(front, front.people.add())
    assert list(start.start.sections) == list(CONTENT)
    assert states(each.section for each in sections) == dict.fromkeys(CONTENT, "DATA")
    assert end.end.completeness == summary_pb2.COMPLETENESS_COMPLETE
    assert {record.access_id for record in front.log.records} == {start.start.access_id}
    assert [each.sections[0].section for each in front.log.records] == [each.section.section for each in sections]


async def test_critical_information_comes_first_when_it_can_be(front: Front) -> None:
    patient = front.people.add()
    answer(front, KI, after=0.01)
    got = await streamed(front, patient)
    assert got[1].section.section == KI
    answer(front, KI, after=0.4)
    got = await streamed(front, patient)
    assert got[-2].section.section == KI, "a slow one is not waited for"


async def test_a_section_leaves_as_soon_as_it_is_there(front: Front) -> None:
    patient, go_on = front.people.add(), asyncio.Event()
    source = BY_SECTION[MEDICINES]

    async def waits(_: bytes, __: Any) -> bytes:
        await go_on.wait()
        return b""

    front.registers["medications"].unary(source.path, waits)
    request = StreamPatientSummaryRequest(patient=PatientIdentifier(national_id=patient))
    parts = aiter(front.client.open("StreamPatientSummary", request))
    got = [await anext(parts) for _ in CONTENT]
    assert MEDICINES not in {each.section.section for each in got}
    go_on.set()
    rest = [each async for each in parts]
    assert state(rest[0].section) == "UNAVAILABLE ERROR"
    assert rest[1].end.completeness == summary_pb2.COMPLETENESS_CRITICAL_MISSING


async def test_a_restriction_during_a_stream_holds_for_everything_that_follows(front: Front) -> None:
    """It holds, too, for what was fetched before and leaves while the new facts are fresh."""
    patient = front.people.add()
    answer(front, DOCUMENTS, before=lambda: _restrict(front, patient, KI))
    answer(front, MEDICINES, after=0.35)  # the facts are older than 250 ms by now, and read again
    answer(front, KI, after=0.4)
    got = await streamed(front, patient)
    assert states(each.section for each in got[1:-1]) == dict.fromkeys(CONTENT, "DATA") | {KI: "WITHHELD"}
    [withheld] = [each.section for each in got if each.section.section == KI]
    assert withheld.WhichOneof("content") is None
    [record] = [each for each in front.log.records if each.sections[0].section == KI]
    assert not record.sections[0].entries


async def test_a_block_during_a_stream_ends_it_without_an_end(front: Front) -> None:
    patient = front.people.add()
    answer(front, MEDICINES, after=0.35, before=lambda: _block(front, patient))
    got: list[Any] = []
    request = StreamPatientSummaryRequest(patient=PatientIdentifier(national_id=patient))
    told = await refusal(_gather(front.client.open("StreamPatientSummary", request), got))
    assert told.code is grpc.StatusCode.PERMISSION_DENIED
    assert not any(each.HasField("end") for each in got)
    assert MEDICINES not in {each.section.section for each in got}


async def test_an_export_comes_later(front: Front) -> None:
    request = summary_pb2.ExportPatientSummaryRequest(patient=PatientIdentifier(national_id=front.people.add()))
    assert (await refusal(front.client.call("ExportPatientSummary", request))).code is grpc.StatusCode.UNIMPLEMENTED


async def test_a_patient_nobody_knows_has_no_summary(front: Front) -> None:
    patient = front.people.add()
    del front.people.known[patient]
    told = await refusal(front.client.call("GetPatientSummary", asked(patient)))
    assert told.short == ("NOT_FOUND", "PATIENT_NOT_FOUND")
    reserved = front.people.add(reserved=True)
    assert (await refusal(front.client.call("GetPatientSummary", asked(reserved)))).text == told.text


def _restrict(front: Front, patient: str, section: Any) -> None:
    front.people.known[patient].facts.restricted_sections.append(section)


def _block(front: Front, patient: str) -> None:
    front.people.known[patient].facts.blocked_hpr_numbers.append("900000001")


async def _gather(call: Any, into: list[Any]) -> None:
    async for message in call:
        into.append(message)  # noqa: PERF401 -- what came before a refusal counts
