"""What a reader may not know of is not in their log: entries, who registered or opened them, counts and pages."""

from typing import TYPE_CHECKING
from uuid import uuid4

from kjernejournal.audit.v1 import audit_pb2 as pb
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1 import error_reason_pb2 as reasons
from services.audit import servicer
from tests.services.audit.records import record, section
from tests.services.audit.test_list_accesses import listed

if TYPE_CHECKING:
    import pytest

    from tests.services.audit.conftest import Log

DOCUMENTS = common_pb2.SECTION_DOCUMENTS
SERVICE = "/kjernejournal.documents.v1.DocumentsService/"


def upload(ref: str, document: str) -> list[pb.AuditRecord]:
    """Returns the two records of an upload."""
    access_id, rpc = str(uuid4()), SERVICE + "UploadDocument"
    made = {"access_id": access_id, "rpc": rpc, "action": common_pb2.ACTION_WRITE}
    return [
        record(ref, kind=pb.RECORD_KIND_PERMIT, sections=[section(DOCUMENTS)], **made),
        record(ref, kind=pb.RECORD_KIND_OUTCOME, sections=[section(DOCUMENTS, document)], **made),
    ]


def read(ref: str, rpc: str, *documents: str) -> pb.AuditRecord:
    return record(ref, rpc=SERVICE + rpc, sections=[section(DOCUMENTS, *documents)])


async def test_a_hidden_entry_leaves_no_trace_in_the_log(log: "Log") -> None:
    ref, secret, known = str(uuid4()), str(uuid4()), str(uuid4())
    await log.record(*upload(ref, secret), *upload(ref, known))
    await log.record(read(ref, "DownloadDocument", secret), read(ref, "ListDocuments", secret, known))
    response = await listed(log, ref, hidden_entries=[secret.upper()])
    assert secret.encode() not in response.SerializeToString()
    assert [access.rpcs[0].rpartition("/")[2] for access in response.accesses] == ["ListDocuments", "UploadDocument"]
    looked = response.accesses[0].sections[0]
    assert ([entry.id for entry in looked.entries], looked.entry_count) == ([known], 1)
    assert (response.window.total, response.window.returned) == (2, 2)


async def test_a_look_that_found_a_hidden_entry_alone_stays(log: "Log") -> None:
    """Who looked, the patient may know."""
    ref, secret = str(uuid4()), str(uuid4())
    await log.record(read(ref, "ListDocuments", secret))
    response = await listed(log, ref, hidden_entries=[secret])
    [access] = response.accesses
    assert (list(access.sections[0].entries), access.sections[0].entry_count) == ([], 0)


async def test_pages_are_those_of_a_log_without_the_hidden_entries(log: "Log") -> None:
    ref, secret = str(uuid4()), str(uuid4())
    for number in range(9):
        await log.record(*(upload(ref, secret) if number % 3 else [read(ref, "ListDocuments", str(uuid4()))]))
    whole = await listed(log, ref, hidden_entries=[secret])
    assert len(whole.accesses) == 3
    token, seen = "", []
    while True:
        page = await listed(log, ref, hidden_entries=[secret], page_size=1, page_token=token)
        assert page.window.total == 3
        seen += [access.access_id for access in page.accesses]
        token = page.next_page_token
        assert page.window.older_exist == bool(token)
        if not token:
            break
    assert seen == [access.access_id for access in whole.accesses]


async def test_a_long_log_is_read_a_part_at_a_time(log: "Log", monkeypatch: "pytest.MonkeyPatch") -> None:
    """The process keeps the log of everybody: one citizen's question must not hold it, nor fill it."""
    monkeypatch.setattr(servicer, "LARGEST_SIZE", 2)
    ref, secret = str(uuid4()), str(uuid4())
    for number in range(9):
        await log.record(*(upload(ref, secret) if number % 3 else [read(ref, "ListDocuments", str(uuid4()))]))
    token, seen = "", []
    while True:
        page = await listed(log, ref, hidden_entries=[secret], page_size=2, page_token=token)
        assert page.window.total == 3
        seen += [access.access_id for access in page.accesses]
        token = page.next_page_token
        if not token:
            break
    whole = await listed(log, ref, hidden_entries=[secret])
    assert seen == [access.access_id for access in whole.accesses]
    assert len(seen) == 3


async def test_an_attempt_and_a_feed_name_no_entry_and_stay(log: "Log") -> None:
    ref, secret = str(uuid4()), str(uuid4())
    denied = {"kind": pb.RECORD_KIND_DENIAL, "status_code": 7, "reason": reasons.ERROR_REASON_SECTION_RESTRICTED}
    failed = upload(ref, secret)
    failed[1].status_code = 14
    failed[1].sections[0].ClearField("entries")
    failed[1].sections[0].entry_count = 0
    fed = upload(ref, secret)
    for each in fed:
        each.rpc = SERVICE + "BulkImport"
        each.sections[0].ClearField("entries")
        each.sections[0].entry_count = 0
    await log.record(
        record(ref, rpc=SERVICE + "DownloadDocument", sections=[section(DOCUMENTS)], **denied), *failed, *fed
    )
    response = await listed(log, ref, hidden_entries=[secret])
    assert secret.encode() not in response.SerializeToString()
    assert [(access.rpcs[0].rpartition("/")[2], access.outcome) for access in response.accesses] == [
        ("BulkImport", pb.ACCESS_OUTCOME_CHANGED),
        ("UploadDocument", pb.ACCESS_OUTCOME_FAILED),
        ("DownloadDocument", pb.ACCESS_OUTCOME_DENIED),
    ]


async def test_a_look_that_was_broken_off_stays_without_the_hidden_entry(log: "Log") -> None:
    ref, secret = str(uuid4()), str(uuid4())
    looked = read(ref, "ListDocuments", secret)
    denied = {"kind": pb.RECORD_KIND_DENIAL, "status_code": 7, "reason": reasons.ERROR_REASON_NO_ACCESS}
    ended = record(ref, rpc=looked.rpc, access_id=looked.access_id, sections=[section(DOCUMENTS)], **denied)
    await log.record(looked, ended)
    [access] = (await listed(log, ref, hidden_entries=[secret])).accesses
    assert not access.sections[0].entries
    assert access.reason == reasons.ERROR_REASON_NO_ACCESS
