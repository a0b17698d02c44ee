"""Safety checks through the whole system: conflicts planted by the registers' feeds, found by the next summary."""

import json
from datetime import timedelta
from random import Random
from typing import Any
from uuid import uuid4

import pytest

from kj.feeds.feed import Feed
from kjernejournal.common.v1.common_pb2 import EntryHeader, PatientIdentifier, Provenance
from kjernejournal.critical_info.v1 import critical_info_pb2 as ki
from kjernejournal.medications.v1 import medications_pb2 as pb
from shared.convert import timestamp
from tests.gateway.safety.patients import NOW, TABLE, Made, Planted, medication, planted
from tests.gateway.safety.test_planted import clean
from tests.kj.feeds.test_fest_interactions import M30
from tests.support.client import Client
from tests.support.patients import Patient, new_patients
from tests.support.summaries import stream_asked, summary
from tests.support.system import System

ONE_A_ROW: list[Planted] = list({each.row: each for each in planted()}.values())
CLEAN = 40
NEED_CRITICAL_INFO = {pb.CHECK_KIND_ALLERGY, pb.CHECK_KIND_ALLERGY_CLASS, pb.CHECK_KIND_CONDITION}


def header() -> EntryHeader:
    return EntryHeader(provenance=Provenance(source_system="test", source_id=str(uuid4()), recorded_at=timestamp(NOW)))


def told(patient: PatientIdentifier, made: Made) -> tuple[ki.PatientEntries, pb.PatientEntries]:
    """Returns the patient's entries as the feeds send them."""
    critical, medicines = ki.PatientEntries(patient=patient), pb.PatientEntries(patient=patient)
    for info in made.critical.critical_info:
        if info.status in (ki.STATUS_ACTIVE, ki.STATUS_REFUTED):
            critical.critical_info.add().CopyFrom(info)
            critical.critical_info[-1].header.CopyFrom(header())
    for number, each in enumerate(made.medicines.prescriptions):
        known_as = header()
        known_as.provenance.source_id = each.header.provenance.source_id
        medicines.prescriptions.add(
            header=known_as,
            state=pb.PRESCRIPTION_STATE_DISPENSABLE if each.active else pb.PRESCRIPTION_STATE_FINISHED,
            medication=each.medication,
            prescribed_at=timestamp(NOW),
            valid_until=timestamp(NOW + timedelta(days=365)),
            treatment_id=each.treatment_id or f"treatment {number}",
            renews=each.renews,
        )
    for dispensing in made.medicines.dispensings:
        medicines.dispensings.add(
            header=header(), medication=dispensing.medication, dispensed_at=dispensing.dispensed_at
        )
    for statement in made.medicines.statements:
        status = "active" if statement.in_use else "completed"
        source = pb.SourceRecord(resource_type="MedicationStatement", status=status)
        medicines.statements.add(
            header=header(), kind=statement.kind, medication=statement.medication, source_record=source
        )
    entries = [each for each in made.medicines.medication_list.entries if each.status == pb.ENTRY_STATUS_ACTIVE]
    if entries:
        medicines.medication_list.CopyFrom(pb.MedicationList(header=header(), entries=entries))
        for entry in medicines.medication_list.entries:
            entry.ClearField("prescription_id")
    return critical, medicines


async def recorded(system: System, made: list[Made]) -> list[Patient]:
    """Registers patients of the system with these entries."""
    patients = await new_patients(system, len(made), entries=False)
    entries = [told(patient.identifier, each) for patient, each in zip(patients, made, strict=True)]
    async with Feed.open(system.gateway) as feed:
        await feed.send("critical_info", [critical for critical, _ in entries if critical.critical_info])
        await feed.send("medications", [medicines for _, medicines in entries])
    return patients


def kinds(reply: Any) -> list[str]:
    return [pb.CheckKind.Name(each.kind).removeprefix("CHECK_KIND_") for each in reply.findings]


async def test_one_conflict_of_each_row_is_found_by_the_summary(system: System, client: Client) -> None:
    patients = await recorded(system, [each.made for each in ONE_A_ROW])
    for patient, each in zip(patients, ONE_A_ROW, strict=True):
        found = (await summary(client, patient)).answer.reply.alerts
        assert found.knowledge_version == TABLE.knowledge_version
        assert each.kind in kinds(found) or (each.kind, kinds(found)) == ("ALLERGY_CLASS", ["ALLERGY"]), each.row


async def test_nothing_is_found_in_clean_patients(system: System, client: Client) -> None:
    patients = await recorded(system, [clean(Random(number)) for number in range(CLEAN)])
    for patient in patients:
        found = (await summary(client, patient)).answer.reply.alerts
        assert (list(found.findings), len(found.checked)) == ([], 5)


async def test_with_critical_information_down_its_checks_say_so(system: System, client: Client, healed: Any) -> None:
    chosen = [each for each in ONE_A_ROW if each.kind in ("ALLERGY_CLASS", "CONDITION")][::6]
    patients = await recorded(system, [each.made for each in chosen])
    with system.stopped("critical_info"):
        for patient, each in zip(patients, chosen, strict=True):
            got = await summary(client, patient)
            streamed = (await client.stream("StreamPatientSummary", stream_asked(patient)))[-1].end
            asked = pb.CheckMedicationRequest(patient=patient.identifier, candidates=[medication(each.atc)])
            for reply in (got.answer.reply.alerts, streamed.alerts, await client.call("CheckMedication", asked)):
                assert each.kind not in kinds(reply)
                missing = {
                    one.kind
                    for one in reply.not_checked
                    if one.reason == pb.NOT_CHECKED_REASON_SECTION_UNAVAILABLE and not one.HasField("medication")
                }
                assert missing == NEED_CRITICAL_INFO
                assert NEED_CRITICAL_INFO.isdisjoint(reply.checked)
    await system.serves("critical_info")


async def test_a_medicine_is_checked_before_it_is_prescribed(system: System, client: Client) -> None:
    made = Made()
    made.prescribed("B01AA03")
    made.allergic("J01C")
    [patient] = await recorded(system, [made])
    asked = pb.CheckMedicationRequest(
        patient=patient.identifier, candidates=[medication("M01AE01"), medication("J01CA04")]
    )
    got = await client.answer("CheckMedication", asked)
    assert kinds(got.reply) == ["ALLERGY_CLASS", "INTERACTION", "INTERACTION"], "warfarin with either of them"
    assert "audit-index" in got.trailers
    said = json.loads(system.kj("check", patient.national_id, "--atc", "M01AE01", "--basis", "AKUTT"))
    assert [each["kind"] for each in said["findings"]] == ["CHECK_KIND_INTERACTION"]
    text = system.kj("check", patient.national_id, "--atc", "j01ca04", "--basis", "AKUTT", "--text")
    assert "KONTRAINDISERT" in text
    shown = system.kj("summary", patient.national_id, "--basis", "AKUTT", "--text")
    assert f"kunnskap {TABLE.knowledge_version}" in shown


async def test_other_knowledge_is_in_force_at_once_and_brought_back(
    system: System, client: Client, tmp_path: Any
) -> None:
    made = Made()
    made.prescribed("B01AA03")
    made.prescribed("M01AE01")
    [patient] = await recorded(system, [made])
    own = tmp_path / "own.tsv"
    own.write_text("version\town-1\nduplicate\tA02BC\tcaution\ttwo.\tStop one.\tours\n")
    try:
        assert "own-1 is in force: 1 rows" in system.kj("knowledge", "load", str(own))
        found = (await summary(client, patient)).answer.reply.alerts
        assert (kinds(found), found.knowledge_version) == ([], "own-1")
        assert {each.reason for each in found.not_checked} == {pb.NOT_CHECKED_REASON_NOT_LOOKED_AT}
        assert len(found.interaction_coverage.medicines_without_pairs) == 2
    finally:
        assert "own-1 before" in system.kj("knowledge", "load")
    assert kinds((await summary(client, patient)).answer.reply.alerts) == ["INTERACTION"]
    assert "is in force already" in system.kj("knowledge", "load")
    assert json.loads(system.kj("knowledge"))["knowledge"]["knowledge_version"] == TABLE.knowledge_version


@pytest.mark.parametrize("what", ["nothing of the kind", "interaction\tB01\tM01\tavoid\tx\ty\tz"])
def test_a_table_that_cannot_be_read_changes_nothing(system: System, tmp_path: Any, what: str) -> None:
    own = tmp_path / "own.tsv"
    own.write_text(what)
    with pytest.raises(AssertionError, match=r"own\.tsv"):
        system.kj("knowledge", "load", str(own))
    assert json.loads(system.kj("knowledge"))["knowledge"]["knowledge_version"] == TABLE.knowledge_version


async def test_the_interactions_of_fest_are_in_force_beside_the_table(system: System, client: Client) -> None:
    made = Made()
    made.prescribed("A16AX01")
    made.prescribed("A07BC05")
    [patient] = await recorded(system, [made])
    assert kinds((await summary(client, patient)).answer.reply.alerts) == []
    try:
        said = system.kj("knowledge", "load", str(M30))
        assert f"{TABLE.knowledge_version}-fest-20261130 is in force" in said
        assert "left out: 1 interactions that need no action" in said
        [found] = (await summary(client, patient)).answer.reply.alerts.findings
        assert found.knowledge_source.startswith("FEST (DMP) ID_")
    finally:
        system.kj("knowledge", "load")
