"""Alerts of summaries and CheckMedication, through the front door: over what is released, and nothing else."""

import asyncio
import hashlib
from typing import Any

import grpc
import pytest

from gateway.registers.sources import SOURCES
from gateway.safety import knowledge_cache
from kjernejournal.audit.v1.audit_pb2 import AuditRecord
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import PatientIdentifier
from kjernejournal.medications.v1 import medications_pb2 as pb
from kjernejournal.medications.v1.knowledge_pb2 import GetDrugKnowledgeRequest, GetDrugKnowledgeResponse
from kjernejournal.summary.v1.summary_pb2 import GetPatientSummaryRequest, StreamPatientSummaryRequest
from shared.block_promise import BLOCK_HOLDS_WITHIN
from tests.gateway.safety.patients import KNOWLEDGE, TABLE, Made, medication
from tests.support.client import refusal
from tests.support.gateway import Front
from tests.support.scripted.registers import BY_SERVICE, CONTENT, FAULTS, stating
from tests.support.scripted.services import RECORD, refusing, saying

CRITICAL_INFO, MEDICATIONS = common_pb2.SECTION_CRITICAL_INFO, common_pb2.SECTION_MEDICATIONS
PIVMECILLINAM, WARFARIN, IBUPROFEN = "J01CA08", "B01AA03", "M01AE01"
KINDS = {"ALLERGY", "ALLERGY_CLASS", "CONDITION"}


@pytest.fixture
def made(front: Front, monkeypatch: pytest.MonkeyPatch) -> Made:
    """A patient allergic to a penicillin who takes another, and warfarin with ibuprofen; and who has haemophilia."""
    monkeypatch.setattr(front.gateway.knowledge_cache, "_knowledge", KNOWLEDGE)
    front.new_breakers()
    patient = Made()
    patient.prescribed(PIVMECILLINAM)
    patient.prescribed(WARFARIN)
    patient.listed(IBUPROFEN)
    patient.allergic(PIVMECILLINAM)
    patient.ill("D66")
    for service, each in CONTENT.items():
        told(front, service, stating(BY_SERVICE[service], each["DATA"]))
    told(front, "critical_info", stating(BY_SERVICE["critical_info"], patient.critical))
    told(front, "medications", stating(BY_SERVICE["medications"], patient.medicines))
    return patient


def told(front: Front, service: str, answer: Any) -> None:
    front.registers[service].unary(BY_SERVICE[service].path, answer)


def about(patient: str) -> PatientIdentifier:
    return PatientIdentifier(national_id=patient)


def short(reply: Any) -> list[str]:
    return sorted(pb.CheckKind.Name(each.kind).removeprefix("CHECK_KIND_") for each in reply.findings)


def said(reply: Any) -> set[tuple[str, str]]:
    return {
        (
            pb.CheckKind.Name(each.kind).removeprefix("CHECK_KIND_"),
            pb.NotCheckedReason.Name(each.reason).removeprefix("NOT_CHECKED_REASON_"),
        )
        for each in reply.not_checked
        if each.kind != pb.CHECK_KIND_LABORATORY
    }


def recorded(front: Front) -> dict[int, Any]:
    """Returns the sections of the last record."""
    record: AuditRecord = front.log.records[-1]
    return {each.section: each for each in record.sections}


async def summary(front: Front, patient: str, **fields: Any) -> Any:
    return await front.client.call("GetPatientSummary", GetPatientSummaryRequest(patient=about(patient), **fields))


async def checked(front: Front, patient: str, *codes: str, **caller: Any) -> Any:
    request = pb.CheckMedicationRequest(patient=about(patient), candidates=[medication(code) for code in codes])
    return await front.client.call("CheckMedication", request, **caller)


ALL = ["ALLERGY", "CONDITION", "CONDITION", "INTERACTION"]


async def test_a_summary_has_the_alerts_of_its_sections(front: Front, made: Made) -> None:
    got = (await summary(front, front.people.add())).alerts
    assert short(got) == ALL
    assert got.knowledge_version == TABLE.knowledge_version
    assert [each.severity for each in got.findings] == sorted((each.severity for each in got.findings), reverse=True)


async def test_every_answer_says_that_laboratory_answers_are_not_looked_at(front: Front, made: Made) -> None:
    for got in ((await summary(front, front.people.add())).alerts, await checked(front, front.people.add(), WARFARIN)):
        [line] = [each for each in got.not_checked if each.kind == pb.CHECK_KIND_LABORATORY]
        assert (line.reason, line.section) == (pb.NOT_CHECKED_REASON_NOT_LOOKED_AT, common_pb2.SECTION_LABS)
        assert pb.CHECK_KIND_LABORATORY not in got.checked


async def test_every_answer_says_against_how_many_pairs_interactions_are_checked(front: Front, made: Made) -> None:
    for got in ((await summary(front, front.people.add())).alerts, await checked(front, front.people.add(), WARFARIN)):
        assert got.interaction_coverage.pairs == KNOWLEDGE.pairs > 1000


async def test_a_streamed_summary_ends_with_the_same_alerts(front: Front, made: Made) -> None:
    patient = front.people.add()
    parts = await front.client.stream("StreamPatientSummary", StreamPatientSummaryRequest(patient=about(patient)))
    assert parts[-1].end.alerts == (await summary(front, patient)).alerts


async def test_what_alerts_name_is_on_record_with_its_section(front: Front, made: Made) -> None:
    got = await summary(front, front.people.add())
    disclosed = {entry.id for section in recorded(front).values() for entry in section.entries}
    assert {each.entry_id for finding in got.alerts.findings for each in finding.evidence} <= disclosed


async def test_a_summary_without_medicines_has_no_alerts(front: Front, made: Made) -> None:
    got = await summary(front, front.people.add(), sections=[CRITICAL_INFO])
    assert not got.HasField("alerts")


async def test_a_summary_of_medicines_alone_says_what_was_not_checked(front: Front, made: Made) -> None:
    got = (await summary(front, front.people.add(), sections=[MEDICATIONS])).alerts
    assert short(got) == ["INTERACTION"]
    assert said(got) >= {(kind, "SECTION_NOT_ASKED") for kind in KINDS}


@pytest.mark.parametrize("fault", sorted(set(FAULTS) - {"frozen", "slow inside"}))
async def test_without_critical_information_allergies_and_conditions_are_not_checked(
    front: Front, made: Made, fault: str
) -> None:
    told(front, "critical_info", FAULTS[fault][0](BY_SERVICE["critical_info"]))
    for got in ((await summary(front, front.people.add())).alerts, await checked(front, front.people.add())):
        assert short(got) == ["INTERACTION"]
        assert said(got) >= {(kind, "SECTION_UNAVAILABLE") for kind in KINDS}
        assert list(got.checked) == [pb.CHECK_KIND_INTERACTION, pb.CHECK_KIND_DUPLICATE]


async def test_without_medicines_nothing_is_checked(front: Front, made: Made) -> None:
    told(front, "medications", FAULTS["down"][0](BY_SERVICE["medications"]))
    for got in ((await summary(front, front.people.add())).alerts, await checked(front, front.people.add())):
        assert (list(got.findings), list(got.checked)) == ([], [])
        assert len(said(got)) == 5


async def test_restricted_critical_information_tells_nothing_through_alerts(front: Front, made: Made) -> None:
    patient = front.people.add(restricted_sections=[CRITICAL_INFO])
    for got in ((await summary(front, patient)).alerts, await checked(front, patient, "J01CE02")):
        assert set(short(got)) <= {"INTERACTION"}
        assert said(got) >= {(kind, "SECTION_WITHHELD") for kind in KINDS}
        assert CRITICAL_INFO not in {each.section for finding in got.findings for each in finding.evidence}
    assert not recorded(front)[CRITICAL_INFO].entries


async def test_an_elevated_basis_opens_it(front: Front, made: Made) -> None:
    patient = front.people.add(restricted_sections=[CRITICAL_INFO])
    got = await checked(front, patient, "J01CE02", basis="FORHOYET_AKUTT")
    assert short(got) == ["ALLERGY_CLASS"]
    assert recorded(front)[CRITICAL_INFO].restricted_opened


async def test_restricted_medicines_leave_a_candidates_allergies(front: Front, made: Made) -> None:
    got = await checked(front, front.people.add(restricted_sections=[MEDICATIONS]), "J01CE02")
    assert short(got) == ["ALLERGY_CLASS"]
    assert said(got) >= {("INTERACTION", "SECTION_WITHHELD"), ("DUPLICATE", "SECTION_WITHHELD")}


async def test_what_is_restricted_between_reading_and_release_tells_nothing(front: Front, made: Made) -> None:
    patient = front.people.add()
    source = BY_SERVICE["medications"]
    honest = stating(source, made.medicines)

    async def restricting(data: bytes, context: Any) -> bytes:
        front.people.known[patient].facts.restricted_sections.append(CRITICAL_INFO)
        await asyncio.sleep(BLOCK_HOLDS_WITHIN + 0.05)
        return await honest(data, context)

    told(front, "medications", restricting)
    for ask in (summary(front, patient), checked(front, patient)):
        del front.people.known[patient].facts.restricted_sections[:]
        reply = await ask
        got = getattr(reply, "alerts", reply)
        assert short(got) == ["INTERACTION"]
        assert said(got) >= {(kind, "SECTION_WITHHELD") for kind in KINDS}


async def test_what_is_asked_about_is_checked_against_the_record(front: Front, made: Made) -> None:
    got = await checked(front, front.people.add(), "M01AE02", "J01CE02")
    assert short(got) == ["ALLERGY_CLASS", "CONDITION", "DUPLICATE", "INTERACTION"]


async def test_a_check_is_on_record_with_the_entries_that_it_names(front: Front, made: Made) -> None:
    got = await checked(front, front.people.add(), "J01CE02")
    sections = recorded(front)
    assert set(sections) == {CRITICAL_INFO, MEDICATIONS}
    named = {each.entry_id for finding in got.findings for each in finding.evidence if each.entry_id}
    assert named == {entry.id for section in sections.values() for entry in section.entries} != set()
    assert {each.sha256 for each in sections.values()} == {
        hashlib.sha256(got.SerializeToString(deterministic=True)).digest()
    }
    assert {each.state for each in sections.values()} == {"data"}


async def test_a_check_without_a_record_releases_nothing(front: Front, made: Made) -> None:
    patient = front.people.add()
    honest = front.log.commit
    front.log.unary(RECORD, refusing(grpc.StatusCode.UNAVAILABLE, "", None))
    try:
        told_so = await refusal(checked(front, patient))
    finally:
        front.log.unary(RECORD, honest)
    assert told_so.short == ("UNAVAILABLE", "AUDIT_UNAVAILABLE")


@pytest.mark.parametrize("kind", ["citizen", "system", "auditor"])
async def test_checks_are_for_clinicians(front: Front, made: Made, kind: str) -> None:
    told_so = await refusal(checked(front, front.people.add(), kind=kind))
    assert told_so.short == ("PERMISSION_DENIED", "CALLER_KIND_REFUSED")


async def test_a_candidate_says_what_it_is(front: Front, made: Made) -> None:
    request = pb.CheckMedicationRequest(patient=about(front.people.add()), candidates=[pb.Medication(strength="5 mg")])
    told_so = await refusal(front.client.call("CheckMedication", request))
    assert (told_so.code.name, told_so.details["field"]) == ("INVALID_ARGUMENT", "candidates[0].code")


async def test_without_knowledge_no_check_is_made_and_it_is_said(
    front: Front, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front.gateway.knowledge_cache, "_knowledge", None)
    for got in ((await summary(front, front.people.add())).alerts, await checked(front, front.people.add())):
        assert (list(got.findings), list(got.checked), got.knowledge_version) == ([], [], "")
        assert {reason for _, reason in said(got)} == {"KNOWLEDGE_UNAVAILABLE"}


async def test_knowledge_is_read_when_it_has_changed_and_kept_when_it_cannot_be_read(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front.gateway.knowledge_cache, "_knowledge", None)
    monkeypatch.setattr(front.gateway.knowledge_cache, "_load", 0)
    medications = front.registers["medications"]
    medications.unary(knowledge_cache.PATH, saying(GetDrugKnowledgeResponse(load=7, knowledge=TABLE)))
    await front.gateway.knowledge_cache.refresh()
    assert front.gateway.knowledge_cache.now is not None
    assert front.gateway.knowledge_cache.now.version == TABLE.knowledge_version
    before = front.gateway.knowledge_cache.now
    for answer in (
        saying(GetDrugKnowledgeResponse(load=7)),
        saying(b"\x0a\xff\xff\xff\xff\x0f"),
        FAULTS["down"][0](SOURCES[0]),
    ):
        medications.unary(knowledge_cache.PATH, answer)
        await front.gateway.knowledge_cache.refresh()
        assert front.gateway.knowledge_cache.now is before
    [*_, last] = [call for call in medications.calls if call.path == knowledge_cache.PATH]
    assert GetDrugKnowledgeRequest.FromString(last.messages[0]).known_load == 7


async def test_the_registers_states_of_nothing_are_checked(front: Front, made: Made) -> None:
    """Nothing recorded is something to check against; that little is registered, the section says."""
    told(front, "critical_info", stating(BY_SERVICE["critical_info"], CONTENT["critical_info"]["NIL_KNOWN"]))
    got = (await summary(front, front.people.add())).alerts
    assert short(got) == ["INTERACTION"]
    assert len(got.checked) == 5


async def test_alerts_are_codes_and_words_norwegian_unless_english_is_asked_for(front: Front, made: Made) -> None:
    patient = front.people.add()
    norwegian = await checked(front, patient)
    asked = pb.CheckMedicationRequest(patient=about(patient))
    english = (await front.client.answer("CheckMedication", asked, extra=[("accept-language", "en")])).reply
    assert [each.text.code for each in norwegian.findings] == [each.text.code for each in english.findings]
    said = {each.text.text: each for each in norwegian.findings}
    one = said[f"medicine {WARFARIN} sammen med medicine {IBUPROFEN}: NSAID øker faren for alvorlig blødning."]
    assert (one.text.code, one.reason.code) == ("ALERT_INTERACTION", "RULE_NSAIDS_RAISE_THE_RISK_OF")
    assert one.advice.text.startswith("Bruk paracetamol mot smerter")
    assert dict(one.text.values)["medicine"] == f"medicine {WARFARIN}"
    texts = {each.text.text for each in english.findings}
    assert f"medicine {WARFARIN} with medicine {IBUPROFEN}: NSAIDs raise the risk of serious bleeding." in texts
    assert {each.explanation.code for each in norwegian.not_checked} == {"NOT_CHECKED_NOT_LOOKED_AT"}
    assert "laboratoriesvar" in norwegian.not_checked[0].explanation.text
    assert "laboratory" in english.not_checked[0].explanation.text
    assert f"utvalg på {KNOWLEDGE.pairs} par" in norwegian.interaction_coverage.explanation.text
    assert f"sample of {KNOWLEDGE.pairs} pairs" in english.interaction_coverage.explanation.text
