"""Feeds of critical information: sent again, sent changed, sent with an error in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import grpc
import pytest

from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import PatientIdentifier
from kjernejournal.critical_info.v1 import critical_info_pb2 as pb
from tests.support.service import DOCTOR, FEED, calling, details_of

if TYPE_CHECKING:
    from kjernejournal.critical_info.v1.critical_info_pb2_grpc import CriticalInfoServiceAsyncStub
from tests.services.critical_info.calls import (
    NIL,
    NOT_ASKED,
    RECORDED,
    Register,
    fed,
    made,
    new_ref,
    of_patient,
    patient,
)
from tests.services.critical_info.requests import imported, listing, reaction


async def test_a_feed_sent_again_changes_nothing_and_a_changed_entry_gets_a_version(
    service: CriticalInfoServiceAsyncStub,
) -> None:
    ref = str(uuid4())

    async def send(code: str) -> common_pb2.ImportCounts:
        messages = [pb.BulkImportRequest(patients=[imported(ref, "a-1", reaction(code))])]
        return (await service.BulkImport(iter(messages), metadata=calling(FEED))).counts

    assert (await send("J01CE02")).created == 1
    assert (await send("J01CE02")).unchanged == 1
    assert (await send("N02BE01")).updated == 1
    listed = await service.ListCriticalInfo(listing(ref), metadata=calling(DOCTOR, ref))
    assert [(e.header.version, e.code.codings[0].code) for e in listed.critical_info] == [(2, "N02BE01")]
    source = listed.critical_info[0].header.provenance
    assert source.recorded_at.ToDatetime(tzinfo=UTC) == datetime(2020, 1, 1, tzinfo=UTC)
    assert source.organisation.number == FEED.organisation.number
    history = await service.ListCriticalInfoVersions(
        pb.ListCriticalInfoVersionsRequest(
            patient=PatientIdentifier(patient_ref=ref), id=listed.critical_info[0].header.id, page_size=1
        ),
        metadata=calling(DOCTOR, ref),
    )
    assert [version.header.version for version in history.versions] == [2]
    assert history.next_page_token == "2"


async def test_what_a_source_takes_back_is_withdrawn_whatever_category_it_names(
    service: CriticalInfoServiceAsyncStub,
) -> None:
    ref = str(uuid4())
    await service.BulkImport(
        iter([pb.BulkImportRequest(patients=[imported(ref, "w-1", reaction())])]), metadata=calling(FEED)
    )
    back = imported(ref, "w-1", pb.CriticalInfo(category=pb.CATEGORY_OTHER_ALLERGY))
    back.critical_info[0].status = pb.STATUS_ENTERED_IN_ERROR
    message = pb.BulkImportRequest(patients=[back, imported(ref, "w-2", reaction("N02BE01"))])
    counts = (await service.BulkImport(iter([message]), metadata=calling(FEED))).counts
    assert (counts.updated, counts.created) == (1, 1)
    listed = await service.ListCriticalInfo(listing(ref), metadata=calling(DOCTOR, ref))
    assert [each.code.codings[0].code for each in listed.critical_info] == ["N02BE01"]


async def test_a_source_corrects_the_category_of_its_entry(service: CriticalInfoServiceAsyncStub) -> None:
    ref = str(uuid4())
    for category in (pb.CATEGORY_DRUG_REACTION, pb.CATEGORY_OTHER_ALLERGY):
        entry = reaction()
        entry.category = category
        message = pb.BulkImportRequest(patients=[imported(ref, "c-1", entry)])
        await service.BulkImport(iter([message]), metadata=calling(FEED))
    for asked, versions in ((pb.CATEGORY_DRUG_REACTION, []), (pb.CATEGORY_OTHER_ALLERGY, [2])):
        listed = await service.ListCriticalInfo(listing(ref, categories=[asked]), metadata=calling(DOCTOR, ref))
        assert [each.header.version for each in listed.critical_info] == versions


async def test_a_bad_entry_in_a_feed_is_named_and_its_message_not_stored(
    service: CriticalInfoServiceAsyncStub,
) -> None:
    ref, other = str(uuid4()), str(uuid4())
    bad = imported(other, "b-2", reaction())
    bad.critical_info[0].category = pb.CATEGORY_UNSPECIFIED
    messages = [
        pb.BulkImportRequest(patients=[imported(ref, "b-1", reaction())]),
        pb.BulkImportRequest(patients=[imported(ref, "b-3", reaction()), bad]),
    ]
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await service.BulkImport(iter(messages), metadata=calling(FEED))
    assert details_of(refused.value)["field"] == "patients[1].critical_info[0].category"
    assert details_of(refused.value)["batches_stored"] == "1"
    listed = await service.ListCriticalInfo(listing(ref), metadata=calling(DOCTOR, ref))
    assert len(listed.critical_info) == 1


async def test_what_was_imported_before_a_merge_is_known_after_it(service: CriticalInfoServiceAsyncStub) -> None:
    alias, ref = str(uuid4()), str(uuid4())

    async def send(patient: PatientIdentifier, code: str) -> common_pb2.ImportCounts:
        message = imported(ref, "m-1", reaction(code))
        message.patient.CopyFrom(patient)
        return (
            await service.BulkImport(iter([pb.BulkImportRequest(patients=[message])]), metadata=calling(FEED))
        ).counts

    merged = PatientIdentifier(patient_ref=ref, alias_refs=[alias])
    assert (await send(PatientIdentifier(patient_ref=alias), "J01CE02")).created == 1
    assert (await send(merged, "J01CE02")).unchanged == 1
    assert (await send(merged, "N02BE01")).updated == 1


async def test_what_its_source_withdraws_is_deleted_and_may_be_sent_anew(register: Register) -> None:
    ref = new_ref()
    await register.load(of_patient(ref, sent := fed(made(pb.CATEGORY_IMPLANT), "i-1")))
    [entry] = (await register.listed(ref)).critical_info
    gone = pb.CriticalInfo(header=sent.header, category=pb.CATEGORY_IMPLANT, status=pb.STATUS_ENTERED_IN_ERROR)
    gone.header.provenance.recorded_at.FromDatetime(RECORDED + timedelta(days=1))
    assert (await register.load(of_patient(ref, gone))).updated == 1
    assert not (await register.listed(ref)).critical_info
    assert (await register.get(ref, entry)).status == pb.STATUS_ENTERED_IN_ERROR
    sent.header.provenance.recorded_at.FromDatetime(RECORDED + timedelta(days=2))
    assert (await register.load(of_patient(ref, sent))).updated == 1
    [again] = (await register.listed(ref)).critical_info
    assert (again.header.id, again.header.version) == (entry.header.id, 3)


async def test_a_statement_that_its_source_withdraws_is_not_in_force(register: Register) -> None:
    ref, said = new_ref(), pb.CategoryAbsence(kind=NIL)
    said.header.CopyFrom(fed(made(pb.CATEGORY_IMPLANT), "n-1").header)
    await register.load(pb.PatientEntries(patient=patient(ref), absences=[said]))
    assert [each.kind for each in (await register.listed(ref)).absences] == [NIL]
    said.withdrawn = True
    said.header.provenance.recorded_at.FromDatetime(RECORDED + timedelta(days=1))
    await register.load(pb.PatientEntries(patient=patient(ref), absences=[said]))
    assert not (await register.listed(ref)).absences
    assert not (await register.section(ref)).absences


async def test_of_two_statements_of_one_time_the_weaker_holds(register: Register) -> None:
    for nil_of, nobody_of in ((0, 0), (0, pb.CATEGORY_IMPLANT), (pb.CATEGORY_IMPLANT, 0)):
        for order in (1, -1):
            ref, said = new_ref(), []
            for name, kind, category in (("nil", NIL, nil_of), ("nobody", NOT_ASKED, nobody_of)):
                said.append(pb.CategoryAbsence(kind=kind, category=category))  # type: ignore[arg-type]  # numbers
                said[-1].header.CopyFrom(fed(made(pb.CATEGORY_IMPLANT), name).header)
            await register.load(pb.PatientEntries(patient=patient(ref), absences=said[::order]))
            assert [each.kind for each in (await register.section(ref)).absences] == [NOT_ASKED], (nil_of, nobody_of)
