"""Imports, the medication list and the summary's section, over a real socket and a real database."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import grpc
import pytest

from kjernejournal.common.v1.common_pb2 import CallerContext, PatientIdentifier, SectionQuery
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications import model
from shared.convert import timestamp
from tests.services.medications.feed import (
    AUTHOR,
    GP,
    NOW,
    Feed,
    dispensing,
    header,
    medicine,
    new_ref,
    order,
    patient,
    prescription,
    statement,
)
from tests.support.service import DOCTOR, FEED, calling, details_of, reason_of


def medication_list(days_ago: float = 30) -> pb.MedicationList:
    return pb.MedicationList(
        header=header("pll-1", NOW - timedelta(days=days_ago)),
        entries=[
            pb.ListEntry(id=str(uuid4()), status=pb.ENTRY_STATUS_ACTIVE, medication=medicine()),
            pb.ListEntry(
                id=str(uuid4()),
                status=pb.ENTRY_STATUS_DISCONTINUED,
                medication=medicine("N02BE01", "Paracet"),
                discontinuation=pb.Discontinuation(discontinued_at=timestamp(NOW), text="ikke lenger smerter"),
            ),
        ],
    )


async def test_without_a_list_it_says_prescriptions_only(medicines: Feed) -> None:
    ref = new_ref()
    await medicines.prescribe(ref, prescription("r1"))
    answer = await medicines.list_of(ref)
    assert answer.list_info.state == pb.MEDICATION_LIST_STATE_PRESCRIPTIONS_ONLY
    assert not answer.HasField("medication_list")
    section = await medicines.section(ref)
    assert section.list_info.state == pb.MEDICATION_LIST_STATE_PRESCRIPTIONS_ONLY
    assert not section.HasField("medication_list")


async def test_a_list_says_who_confirmed_it_and_how_old_it_is(medicines: Feed) -> None:
    ref = new_ref()
    before = timestamp(NOW - timedelta(days=365))
    assert (await medicines.send(ref, medication_list=medication_list())).created == 1
    answer = await medicines.list_of(ref)
    assert answer.list_info.state == pb.MEDICATION_LIST_STATE_LIST
    assert answer.list_info.confirmed.recorder == AUTHOR
    assert timedelta(days=30) <= answer.list_info.age.ToTimedelta() < timedelta(days=31)
    assert (answer.list_info.version, answer.list_info.active_entries, len(answer.medication_list.entries)) == (1, 1, 2)
    section = await medicines.section(ref)
    assert section.medication_list == answer.medication_list
    assert section.list_info.version == 1
    then = await medicines.list_of(ref, as_of=before)
    assert then.list_info.state == pb.MEDICATION_LIST_STATE_PRESCRIPTIONS_ONLY


async def test_who_confirmed_a_list_may_be_another_than_who_sent_it(medicines: Feed) -> None:
    ref, sent = new_ref(), medication_list()
    sent.confirmed.recorder.name = "Kari Sykehjemslege"
    sent.confirmed.recorded_at.CopyFrom(timestamp(NOW - timedelta(days=3)))
    await medicines.send(ref, medication_list=sent)
    info = (await medicines.list_of(ref)).list_info
    assert info.confirmed == sent.confirmed
    assert info.age.ToTimedelta().days == 3


async def test_a_patient_has_one_list_whatever_its_source_calls_it(medicines: Feed) -> None:
    ref = new_ref()
    await medicines.send(ref, medication_list=medication_list())
    second = medication_list(days_ago=2)
    second.header.provenance.source_id = "pll-2"
    assert (await medicines.send(ref, medication_list=second)).updated == 1
    assert (await medicines.list_of(ref)).list_info.version == 2


async def test_an_import_sent_again_changes_nothing(medicines: Feed) -> None:
    ref, pll = new_ref(), medication_list()

    async def send() -> tuple[int, int, int]:
        counts = await medicines.send(
            ref,
            prescriptions=[prescription("1", reit=3), order("2", "active")],
            dispensings=[dispensing("1", of="1"), dispensing("2", of="1", days_ago=0.2)],
            statements=[statement("1")],
            medication_list=pll,
        )
        return counts.created, counts.updated, counts.unchanged

    assert await send() == (6, 0, 0), "each kind of entry is numbered for itself"
    assert await send() == (0, 0, 6)
    section = await medicines.section(ref)
    first = next(each for each in section.prescriptions if each.state == model.DISPENSABLE)
    assert (first.dispensed, first.dispensings_left) == (2, 2)
    assert {each.prescription_id for each in section.dispensings} == {first.header.id}


async def test_a_recorded_dispensing_goes_on_counting_after_an_import(medicines: Feed) -> None:
    ref = new_ref()
    await medicines.send(ref, prescriptions=[prescription("r1", reit=3)], dispensings=[dispensing("m1", of="r1")])
    after = await medicines.dispense(ref, dispensing("m2", of="r1"))
    assert (after.prescription.version, (await medicines.prescription(ref)).dispensed) == (2, 2)


async def test_imported_dispensings_of_a_locked_prescription_are_locked(medicines: Feed) -> None:
    ref = new_ref()
    await medicines.send(
        ref,
        prescriptions=[prescription("r1", locked=True)],
        dispensings=[dispensing("m1", of="r1"), dispensing("m2")],
    )
    given = await medicines.dispensings(ref, caller=GP)
    assert [each.header.provenance.source_id for each in given.dispensings] == ["m2"]
    assert given.window.withheld == 1


async def test_what_was_dispensed_on_a_prescription_named_in_capitals_is_withheld_with_it(medicines: Feed) -> None:
    ref = new_ref()
    of = (await medicines.prescribe(ref, prescription("r1"))).id
    await medicines.send(ref, dispensings=[dispensing("m1", prescription_id=of.upper()), dispensing("m2")])
    await medicines.prescribe(ref, prescription("r1", locked=True))
    for answer in (await medicines.dispensings(ref, caller=GP), await medicines.section(ref, caller=GP)):
        assert [each.header.provenance.source_id for each in answer.dispensings] == ["m2"]


async def test_a_bad_entry_in_a_feed_is_named_and_its_message_not_stored(medicines: Feed) -> None:
    good, bad = new_ref(), new_ref()
    broken = statement("s1")
    broken.source_record.ClearField("status")
    messages = [
        pb.BulkImportRequest(patients=[pb.PatientEntries(patient=patient(good), statements=[statement("s1")])]),
        pb.BulkImportRequest(
            patients=[
                pb.PatientEntries(patient=patient(bad), prescriptions=[prescription("r1")]),
                pb.PatientEntries(patient=patient(bad), statements=[statement("s0"), broken]),
            ]
        ),
    ]
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await medicines.stub.BulkImport(iter(messages), metadata=calling(FEED))
    details = details_of(refused.value)
    assert details["field"] == "patients[1].statements[1].source_record.status"
    assert details["batches_stored"] == "1"
    assert (await medicines.statements(good)).window.total == 1
    assert (await medicines.prescriptions(bad)).window.total == 0


async def test_statements_are_listed_as_their_source_said(medicines: Feed) -> None:
    ref = new_ref()
    said = [statement("s1", "active", 3), statement("s2", "completed", 2), statement("s3", "unknown", 1)]
    await medicines.send(ref, statements=said)
    listed = await medicines.statements(ref)
    assert [(each.source_record.status, each.in_use) for each in listed.statements] == [
        ("unknown", False),
        ("completed", False),
        ("active", True),
    ]
    assert (await medicines.prescriptions(ref)).window.total == 0


async def test_the_section_has_what_is_in_force_first_whatever_the_window(medicines: Feed) -> None:
    ref = new_ref()
    await medicines.send(
        ref,
        prescriptions=[
            order("for years", "active", days_ago=4000),
            order("ended long ago", "stopped", days_ago=3999),
            order("ended lately", "stopped", days_ago=2),
            prescription("expired", days_ago=500),
            prescription("held", days_ago=1),
        ],
        dispensings=[dispensing(f"d{n}", days_ago=n) for n in range(1, 6)],
    )
    section = await medicines.section(ref, since=timestamp(NOW - timedelta(days=3 * 365)), max_entries=4)
    shown = [each.header.provenance.source_id for each in section.prescriptions]
    assert shown == ["held", "for years", "ended lately", "expired"]
    window = section.prescriptions_window
    assert (section.active_prescriptions, window.returned, window.total, window.older_exist) == (2, 4, 5, True)
    assert [each.header.provenance.source_id for each in section.dispensings] == ["d1", "d2", "d3", "d4"]
    assert (section.dispensings_window.returned, section.dispensings_window.total) == (4, 5)


async def test_an_order_that_may_be_in_force_stands_before_those_that_are_over(medicines: Feed) -> None:
    ref = new_ref()
    orders = [order("over", "completed", days_ago=1), order("held", "on-hold", days_ago=900)]
    await medicines.send(ref, prescriptions=[*orders, order("unsure", "unknown", days_ago=800)])
    section = await medicines.section(ref, max_entries=2)
    assert [each.header.provenance.source_id for each in section.prescriptions] == ["unsure", "held"]


async def test_max_entries_0_counts_only(medicines: Feed) -> None:
    ref = new_ref()
    await medicines.send(ref, prescriptions=[prescription("r1")], statements=[statement("s1")])
    section = await medicines.section(ref, max_entries=0)
    assert (len(section.prescriptions), len(section.statements)) == (0, 0)
    assert (section.prescriptions_window.total, section.statements_window.total) == (1, 1)
    assert section.active_prescriptions == 1


async def test_counts_only_leaves_the_medication_list_out_too(medicines: Feed) -> None:
    ref = new_ref()
    await medicines.send(ref, medication_list=medication_list())
    section = await medicines.section(ref, max_entries=0)
    assert not section.HasField("medication_list")
    assert section.list_info.state == pb.MEDICATION_LIST_STATE_LIST
    assert (await medicines.section(ref)).HasField("medication_list")


async def test_what_was_locked_since_denies_a_statement_of_then(medicines: Feed) -> None:
    ref = new_ref()
    nil = statement("nil", days_ago=10, kind=pb.STATEMENT_KIND_NIL_KNOWN, medication=None)
    await medicines.send(ref, statements=[nil])
    stored = await medicines.prescribe(ref, prescription("r1"))
    await medicines.prescribe(ref, prescription("r1", locked=True))
    section = await medicines.section(ref, caller=GP, as_of=stored.stored_at)
    assert not section.prescriptions
    assert section.stated_absence == pb.STATEMENT_KIND_UNSPECIFIED


async def test_the_first_recorder_stays_when_a_feed_sends_another_version(medicines: Feed) -> None:
    ref = new_ref()
    for days_ago in (3, 2, 1):
        await medicines.send(ref, statements=[statement("s1", days_ago=days_ago)])
    [found] = (await medicines.statements(ref)).statements
    assert found.header.version == 3
    assert found.header.first_recorded.recorded_at == timestamp(NOW - timedelta(days=3))
    assert found.header.provenance.recorded_at == timestamp(NOW - timedelta(days=1))


async def test_sections_are_answered_by_key(medicines: Feed) -> None:
    refs = [new_ref() for _ in range(3)]
    for number, ref in enumerate(refs):
        await medicines.send(ref, prescriptions=[prescription(f"r{n}") for n in range(number)])
    queries = [
        SectionQuery(access_id=f"k{number}", caller=CallerContext(patient_refs=[ref]), max_entries=9)
        for number, ref in enumerate(refs)
    ]
    reply = await medicines.stub.BatchGetSections(pb.BatchGetSectionsRequest(queries=reversed(queries)))
    assert {answer.access_id: len(answer.section.prescriptions) for answer in reply.answers} == {
        "k0": 0,
        "k1": 1,
        "k2": 2,
    }


async def test_a_statement_that_none_is_used_is_told_until_anything_says_otherwise(medicines: Feed) -> None:
    nil = statement("nil", days_ago=10, kind=pb.STATEMENT_KIND_NIL_KNOWN, medication=None)
    against: tuple[dict[str, Any], ...] = (
        {},
        {"prescriptions": [prescription("r1")]},
        {"prescriptions": [prescription("r1", locked=True)]},
        {"prescriptions": [order("o1", "unknown")]},
        {"dispensings": [dispensing("m1", days_ago=1)]},
        {"statements": [statement("s1", days_ago=20)]},
        {"statements": [statement("s1", "completed", days_ago=1)]},
        {"medication_list": medication_list()},
    )
    told = []
    for entries in against:
        ref = new_ref()
        await medicines.send(ref, statements=[nil])
        await medicines.send(ref, **entries)
        told.append((await medicines.section(ref)).stated_absence)
    assert told == [pb.STATEMENT_KIND_NIL_KNOWN] + [pb.STATEMENT_KIND_UNSPECIFIED] * 7


async def test_what_ended_before_it_does_not_deny_a_statement_that_none_is_used(medicines: Feed) -> None:
    ref = new_ref()
    nil = statement("nil", days_ago=10, kind=pb.STATEMENT_KIND_NOT_ASKED, medication=None)
    old = [dispensing("m1", days_ago=100)]
    await medicines.send(ref, statements=[nil], dispensings=old, prescriptions=[order("o1", "completed", 100)])
    assert (await medicines.section(ref)).stated_absence == pb.STATEMENT_KIND_NOT_ASKED


async def test_what_comes_later_says_so(medicines: Feed) -> None:
    ref = new_ref()
    metadata = calling(DOCTOR, ref)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await medicines.stub.CheckMedication(pb.CheckMedicationRequest(patient=patient(ref)), metadata=metadata)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert reason_of(refused.value) == "NOT_SUPPORTED"


async def test_what_was_imported_before_a_merge_is_known_after_it(medicines: Feed) -> None:
    alias, ref = new_ref(), new_ref()
    sent: dict[str, Any] = {
        "prescriptions": [prescription("r1")],
        "dispensings": [dispensing("d1", of="r1")],
        "medication_list": medication_list(),
    }
    await medicines.send(alias, **sent)
    merged = pb.PatientEntries(patient=PatientIdentifier(patient_ref=ref, alias_refs=[alias]), **sent)
    message = pb.BulkImportRequest(patients=[merged])
    counts = (await medicines.stub.BulkImport(iter([message]), metadata=calling(FEED))).counts
    assert (counts.created, counts.updated, counts.unchanged) == (0, 0, 3)
    message.patients[0].dispensings[0].packages = "2"
    counts = (await medicines.stub.BulkImport(iter([message]), metadata=calling(FEED))).counts
    assert (counts.created, counts.updated, counts.unchanged) == (0, 1, 2)
    [prescribed] = (await medicines.prescriptions(ref, alias)).prescriptions
    [given] = (await medicines.dispensings(ref, alias)).dispensings
    assert (given.prescription_id, given.header.version) == (prescribed.header.id, 2)


@pytest.mark.parametrize("status", ["completed", "stopped", "on-hold", "not-taken", "entered-in-error"])
async def test_a_statement_of_none_that_does_not_hold_is_not_in_force(medicines: Feed, status: str) -> None:
    ref = new_ref()
    await medicines.send(ref, statements=[statement("nil", status, kind=pb.STATEMENT_KIND_NIL_KNOWN, medication=None)])
    assert (await medicines.section(ref)).stated_absence == pb.STATEMENT_KIND_UNSPECIFIED


async def test_of_two_statements_of_one_time_the_weaker_holds(medicines: Feed) -> None:
    for direction in (1, -1):
        ref = new_ref()
        nil = statement("nil", kind=pb.STATEMENT_KIND_NIL_KNOWN, medication=None)
        nobody = statement("nobody", kind=pb.STATEMENT_KIND_NOT_ASKED, medication=None)
        await medicines.send(ref, statements=[nil, nobody][::direction])
        assert (await medicines.section(ref)).stated_absence == pb.STATEMENT_KIND_NOT_ASKED
