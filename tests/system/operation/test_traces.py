"""One call, one trace: every part of the way is in it, under its parent, and the access log names it."""

import asyncio
from collections import Counter
from uuid import uuid4

import pytest

from kj.show.trace_files import SpanRecord, read_trace
from kjernejournal.audit.v1.audit_pb2 import Access, ListAccessesRequest
from kjernejournal.critical_info.v1.critical_info_pb2 import CreateCriticalInfoRequest
from tests.support.client import Client, refusal
from tests.support.patients import Patient, new_patients, reaction
from tests.support.summaries import SECTIONS, asked, summary
from tests.support.system import System, eventually
from tests.support.telemetry.spans import assert_whole

LAST = "SQL append_records"
"""The record is appended before the reply leaves, so its span is there when all others are, or soon after."""


EVERYWHERE = {*SECTIONS, "audit"}


async def trace(system: System, trace_id: str, *queried: str, caller: str = "") -> list[SpanRecord]:
    """Returns the spans of a trace, once all are written with the queries of `queried`: each process writes its own."""
    found: list[SpanRecord] = []

    async def complete() -> bool:
        found[:] = read_trace(system.local.trace_directory, trace_id).spans
        known = {caller, *(span.span_id for span in found)}
        services = {span.service for span in found if "db.system" in span.attributes}
        written = services >= set(queried) and any(span.name == LAST for span in found)
        return written and all(span.parent_id in known for span in found)

    await eventually(complete, 10.0)
    return found


async def log_of(client: Client, patient: Patient) -> list[Access]:
    """Returns the patient's accesses, newest first."""
    request = ListAccessesRequest(patient=patient.identifier, page_size=100)
    return list((await client.call("ListAccesses", request, **patient.asks())).accesses)


def check_summary(spans: list[SpanRecord]) -> None:
    """Checks gateway, each section, each service, each query, the audit commit."""
    by_id = {span.span_id: span for span in spans}

    def above(span: SpanRecord) -> list[str]:
        parent = by_id.get(span.parent_id)
        return [] if parent is None else [f"{parent.service} {parent.name.rpartition('.')[2]}", *above(parent)]

    root = "gateway SummaryService/GetPatientSummary"
    served = {span.service: above(span) for span in spans if span.kind == "server" and "BatchGet" in span.name}
    assert set(served) == set(SECTIONS)
    for service, chain in served.items():
        section = f"gateway section {'patient' if service == 'patients' else service}"
        assert chain[1:] == [section, root], service
    queries = [span for span in spans if "db.system" in span.attributes]
    assert {span.service for span in queries} == EVERYWHERE
    assert all(above(span)[-1] == root for span in queries)
    [appended] = [span for span in queries if span.name == LAST]
    assert above(appended)[-4:] == [
        "audit AuditService/Record",
        "gateway AuditService/Record",
        "gateway audit commit",
        root,
    ]
    assert not [span.name for span in spans if not span.ok]


async def test_one_summary_is_one_trace_and_the_log_names_it(system: System, client: Client, patient: Patient) -> None:
    got = await summary(client, patient)
    spans = await trace(system, got.answer.trace_id, *EVERYWHERE)
    assert_whole(spans)
    check_summary(spans)
    [access] = [each for each in await log_of(client, patient) if each.access_id == got.answer.reply.access_id]
    assert access.trace_id == got.answer.trace_id
    assert str(access.receipts[0].index) == got.answer.trailers["audit-index"]


@pytest.mark.parametrize("flag", ["00", "01"])
async def test_the_callers_trace_is_joined_sampled_or_not(
    system: System, client: Client, patient: Patient, flag: str
) -> None:
    trace_id, span_id = uuid4().hex, uuid4().hex[:16]
    answer = await client.answer(
        "GetPatientSummary", asked(patient), extra=[("traceparent", f"00-{trace_id}-{span_id}-{flag}")]
    )
    assert answer.trace_id == trace_id
    spans = await trace(system, trace_id, *EVERYWHERE, caller=span_id)
    assert_whole(spans, caller=span_id)
    check_summary(spans)


async def test_a_denial_is_traced_and_on_record(system: System, client: Client, patient: Patient) -> None:
    told = await refusal(client.call("GetPatientSummary", asked(patient), basis=""))
    spans = await trace(system, str(told.trailers["trace-id"]))
    assert_whole(spans)
    [root] = [span for span in spans if not span.parent_id]
    assert not root.ok
    assert [span.attributes["kj.reason"] for span in spans if span.name == "decide"] == ["BASIS_MISSING"]
    assert told.trailers["trace-id"] in [access.trace_id for access in await log_of(client, patient)]


async def test_a_write_is_one_trace_with_both_its_records(system: System, client: Client, patient: Patient) -> None:
    request = CreateCriticalInfoRequest(
        patient=patient.identifier, request_id=str(uuid4()), critical_info=reaction("ny")
    )
    answer = await client.answer("CreateCriticalInfo", request)
    spans = await trace(system, answer.trace_id, "critical_info")
    assert_whole(spans)
    assert Counter(span.name for span in spans)["audit commit"] == 2
    [access] = [each for each in await log_of(client, patient) if each.trace_id == answer.trace_id]
    assert len(access.receipts) == 2


async def test_concurrent_summaries_keep_their_traces_apart(system: System, client: Client) -> None:
    """Their records share calls to the log: each record's own span stays in its own trace, whole."""
    patients = await new_patients(system, 8)
    got = await asyncio.gather(*(summary(client, patient) for patient in patients))
    traces = {each.answer.trace_id for each in got}
    assert len(traces) == len(patients)

    async def written() -> bool:
        return all(len(read_trace(system.local.trace_directory, each).spans) >= 28 for each in traces)

    await eventually(written, 10.0)
    await asyncio.sleep(0.5)
    appended = 0
    for trace_id in traces:
        spans = read_trace(system.local.trace_directory, trace_id).spans
        assert_whole(spans)
        names = Counter(span.name for span in spans)
        assert names["audit commit"] == 1
        appended += names[LAST]
    assert 1 <= appended <= len(patients)
