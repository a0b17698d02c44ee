"""Reports over a real socket and a real database: recorded, imported, listed, cut."""

from __future__ import annotations

from uuid import uuid4

import asyncpg
import grpc
import pytest

from kjernejournal.labs.v1 import labs_pb2 as pb
from shared.convert import timestamp
from shared.database import Database
from tests.services.labs.calls import CITIZEN, DAY, TAKEN, Labs, new_ref, nothing_known, report
from tests.support.service import FEED, calling, details_of, reason_of, version_of


async def test_a_recorded_report_is_listed_as_it_was_sent(labs: Labs) -> None:
    ref = new_ref()
    recorded = await labs.record(ref, report("a"))
    [found] = (await labs.listed(ref)).reports
    assert version_of(found) == recorded
    assert (found.header.version, found.header.provenance.source_system) == (1, "fuerst")
    assert found.header.provenance.organisation.number == FEED.organisation.number
    assert found.results[0].quantity.value == "13.0"
    assert [coding.code for coding in found.results[0].code.codings] == ["NPU02319", "718-7"]


async def test_pages_hold_every_report_once_newest_first(labs: Labs) -> None:
    ref = new_ref()
    assert await labs.load(ref, *(report(f"r{n}", taken=TAKEN + n * DAY) for n in range(25))) == (25, 0, 0)
    times, token = [], ""
    while True:
        page = await labs.listed(ref, page_size=10, page_token=token)
        times += [each.effective.instant.seconds for each in page.reports]
        assert page.window.total == 25
        token = page.next_page_token
        assert page.window.older_exist == bool(token)
        if not token:
            break
    assert times == sorted(times, reverse=True)
    assert len(set(times)) == 25


async def test_sending_the_same_import_again_changes_nothing(labs: Labs) -> None:
    ref = new_ref()
    sent = [report(f"r{n}", taken=TAKEN + n * DAY) for n in range(3)]
    assert await labs.load(ref, *sent) == (3, 0, 0)
    assert await labs.load(ref, *sent) == (0, 0, 3)
    assert (await labs.record(ref, sent[0])).version == 1
    assert await labs.load(ref, report("r0", status=pb.RESULT_STATUS_CORRECTED), sent[1]) == (0, 1, 1)
    assert (await labs.listed(ref)).window.total == 3


async def test_a_retried_request_has_one_effect_and_another_body_is_refused(labs: Labs) -> None:
    ref, request_id = new_ref(), str(uuid4())
    first = await labs.record(ref, report(), request_id=request_id)
    assert await labs.record(ref, report(), request_id=request_id) == first
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await labs.record(ref, report(comment="hemolyse"), request_id=request_id)
    assert reason_of(refused.value) == "REQUEST_ID_REUSED"
    assert (await labs.listed(ref)).window.total == 1


async def test_sections_hold_the_newest_and_say_what_they_leave_out(labs: Labs) -> None:
    ref = new_ref()
    await labs.load(ref, *(report(f"r{n}", taken=TAKEN + n * DAY) for n in range(4)))
    section = await labs.section(ref, 3)
    assert (section.window.returned, section.window.total, section.window.older_exist) == (3, 4, True)
    assert section.reports[0].effective.instant == timestamp(TAKEN + 3 * DAY)
    presence = await labs.section(ref, 0)
    assert (len(presence.reports), presence.window.total, presence.window.older_exist) == (0, 4, True)
    assert (await labs.section(new_ref())).window.total == 0


async def test_what_was_imported_before_a_merge_is_known_after_it(labs: Labs) -> None:
    alias, ref = new_ref(), new_ref()
    said = (nothing_known("none", TAKEN - DAY),)
    preliminary, final = report("a", status=pb.RESULT_STATUS_PRELIMINARY), report("a")
    assert await labs.load(alias, preliminary, absences=said) == (2, 0, 0)
    assert await labs.load(ref, preliminary, report("b"), absences=said, aliases=(alias,)) == (1, 0, 2)
    assert await labs.load(ref, final, report("b"), aliases=(alias,)) == (0, 1, 1)
    assert await labs.record(ref, final, alias) == (await labs.record(alias, final))
    found = await labs.listed(ref, alias)
    assert sorted(each.header.version for each in found.reports) == [1, 2]
    later = report("a", status=pb.RESULT_STATUS_PARTIAL, taken=TAKEN + DAY)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await labs.load(ref, later, aliases=(alias,))
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert details_of(refused.value)["field"] == "patients[0].reports[0].status"


@pytest.mark.parametrize("table", ["entries", "report_codes", "report_times"])
async def test_the_service_can_neither_change_nor_delete_what_it_has_stored(database: Database, table: str) -> None:
    for statement in ("DELETE FROM {}", "UPDATE {} SET version = 1", "TRUNCATE {}"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await database.execute(statement.format(table), name="refused")


async def test_what_is_refused_leaves_nothing_behind(labs: Labs, database: Database) -> None:
    ref = new_ref()
    await labs.record(ref, report("a"))
    with pytest.raises(grpc.aio.AioRpcError):
        await labs.load(ref, report("b"), report("a", status=pb.RESULT_STATUS_PRELIMINARY, taken=TAKEN + DAY))
    for table, rows in (("entries", 1), ("report_codes", 2), ("report_times", 1)):
        count = "SELECT count(*) FROM {} WHERE patient_ref = $1".format(table)  # noqa: UP032, S608  # the tables above
        assert await database.fetchval(count, ref, name="count") == rows


async def test_what_did_not_exist_for_a_reader_when_it_was_withdrawn_does_not_exist_afterwards(labs: Labs) -> None:
    """The access log names it as before; a withdrawal states no restriction and no delay."""
    ref = new_ref()
    hidden = [await labs.record(ref, report(code, code)) for code in ("NORU", "NORN_FFH")]
    await labs.record(ref, report("open"))
    for source_id in ("NORU", "NORN_FFH", "open"):
        await labs.record(ref, report(source_id, withdrawn=True))
    reply = await labs.stub.ListHiddenEntries(pb.ListHiddenEntriesRequest(), metadata=calling(CITIZEN, ref))
    assert set(reply.ids) == {each.id for each in hidden}
