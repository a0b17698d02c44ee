"""Who a patient is stays in `patients`: no other database, log or trace holds a national id, no reply a reference."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from google.protobuf.descriptor import Descriptor

from kj.feeds.feed import Feed
from kj.local.programs import SERVICES
from kjernejournal.audit.v1.audit_pb2 import ListAccessesRequest
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import CallerContext
from kjernejournal.critical_info.v1.critical_info_pb2 import CreateCriticalInfoRequest
from kjernejournal.documents.v1.documents_pb2 import DownloadDocumentRequest, ListDocumentsRequest
from tests.support.client import LATER, Client, Metadata, methods, read, refusal
from tests.support.filling import least
from tests.support.patients import Patient, entries_of, new_patient, reaction
from tests.support.summaries import WHOLE, asked, stream_asked, summary
from tests.support.system import System

EXPECTED_BYTES = 10_000
"""A dump or a log of fewer would mean that nothing was looked at."""


async def busy(system: System, client: Client) -> Patient:
    """Returns a patient whose record has been used in every way: fed, read, written, denied, refused."""
    patient = await new_patient(system)
    for name, method in methods().items():
        if name in LATER or method.rule.action == common_pb2.ACTION_INTERNAL:
            continue
        request = least(method.descriptor.input_type, patient.identifier)
        for who in ({"kind": "doctor"}, patient.asks(), {"kind": "system"}, {"kind": "steward"}):
            try:
                await client.any(method, request, **who)
            except Exception:  # noqa: BLE001, S112 -- refused or answered: what matters is what is left behind
                continue
    await client.call(
        "CreateCriticalInfo",
        CreateCriticalInfoRequest(patient=patient.identifier, request_id=str(uuid4()), critical_info=reaction("ny")),
    )
    await fed_with_its_number(system, patient)
    await summary(client, patient)
    return patient


async def fed_with_its_number(system: System, patient: Patient) -> None:
    """Lets feeds send the patient's national id where it does not belong."""
    said = {
        "critical_info": ("critical_info", "comment"),
        "documents": ("documents", "title"),
        "labs": ("reports", "conclusion"),
    }
    async with Feed.open(system.gateway) as feed:
        for register, (entries, field) in said.items():
            sent = entries_of(register, patient.identifier)
            entry = getattr(sent, entries)[0]
            entry = entry.document if register == "documents" else entry
            setattr(entry, field, f"Gjelder {patient.national_id}.")
            counts = await feed.send(register, [sent])
            assert (counts.updated, counts.national_ids_replaced) == (1, 1), register


@pytest.mark.parametrize("service", [each for each in SERVICES if each != "patients"])
async def test_no_national_id_is_in_any_database_but_that_of_patients(
    system: System, used: Patient, service: str
) -> None:
    dump = await dumped(system.local.database_owner_url(service))
    [ref] = await references_of(system, used)
    assert ref.encode() in dump, "the patient's rows are in what was looked through"
    assert used.national_id.encode() not in dump
    assert used.national_id not in dump.decode("utf-16-le", "ignore")


async def test_people_are_told_that_a_national_id_does_not_belong_in_a_text(client: Client, patient: Patient) -> None:
    written = reaction(f"Mor er {patient.national_id}")
    request = CreateCriticalInfoRequest(patient=patient.identifier, request_id=str(uuid4()), critical_info=written)
    told = await refusal(client.call("CreateCriticalInfo", request))
    assert told.short == ("INVALID_ARGUMENT", "INVALID_FIELD")
    assert told.details["field"] == "critical_info.comment"
    assert patient.national_id not in told.text


async def test_the_search_finds_a_national_id_where_one_is(system: System, used: Patient) -> None:
    assert used.national_id.encode() in await dumped(system.local.database_owner_url("patients"))


async def test_no_national_id_is_in_a_log_or_a_trace(system: System, used: Patient) -> None:
    files = [*system.directory.logs.glob("*.log*"), *system.directory.traces.glob("*.jsonl")]
    content = b"".join(map(Path.read_bytes, files))
    assert {path.stem.partition("-")[0] for path in files} >= {"gateway", "postgres", *SERVICES}
    assert len(content) > EXPECTED_BYTES
    assert used.national_id.encode() not in content


@pytest.fixture(scope="module")
async def used(system: System, client: Client) -> Patient:
    return await busy(system, client)


async def test_no_reply_has_a_place_for_a_reference(client: Client) -> None:
    """By the contract: what callers get cannot carry one. The front door's own rpcs and the services' alike."""
    outside = [each for each in methods().values() if each.rule.action != common_pb2.ACTION_INTERNAL]
    fields = {f"{each.path}: {field}" for each in outside for field in fields_of(each.descriptor.output_type)}
    assert {field for field in fields if re.search(r"(patient|actor)_refs?$", field)} == set()


async def test_no_reply_carries_a_reference(system: System, client: Client, used: Patient) -> None:
    """By the bytes: the reference is read from the database and looked for in each reply."""
    refs = await references_of(system, used)
    assert refs
    replies: list[Any] = []
    for name, method in methods().items():
        if method.rule.action != common_pb2.ACTION_READ or name in LATER:
            continue
        request = least(method.descriptor.input_type, used.identifier)
        for who in (used.asks(), {"kind": "doctor"}):
            try:
                replies.append(await client.any(method, request, **who))
            except Exception as error:  # noqa: BLE001 -- a refusal is a reply too
                replies.append(repr(error))
    first = await client.call("ListDocuments", ListDocumentsRequest(patient=used.identifier))
    replies += [await client.stream("StreamPatientSummary", stream_asked(used))]
    downloading = DownloadDocumentRequest(patient=used.identifier, id=first.documents[0].header.id)
    replies += [await read(client.open("DownloadDocument", downloading))]
    said = repr(replies)
    assert len(said) > EXPECTED_BYTES
    assert [ref for ref in refs if ref in said] == []
    assert used.national_id not in said


async def test_metadata_of_our_own_from_outside_is_ignored(client: Client, used: Patient) -> None:
    """A caller who calls themselves elevated, for the patient, and permitted is what the token says."""
    forged = CallerContext(
        kind=common_pb2.CALLER_KIND_CITIZEN, patient_refs=[str(uuid4())], elevated=True, for_patient=True
    )
    extra: Metadata = [
        ("kj-caller-bin", forged.SerializeToString()),
        ("kj-patient-refs-bin", b"x"),
        ("kj-anything", "1"),
    ]
    answer = await client.answer("GetPatientSummary", asked(used), extra=extra)
    assert len(answer.reply.sections) == len(WHOLE)
    accesses = await client.call("ListAccesses", ListAccessesRequest(patient=used.identifier), **used.asks())
    [access] = [each for each in accesses.accesses if each.access_id == answer.reply.access_id]
    assert access.caller_kind == common_pb2.CALLER_KIND_CLINICIAN
    assert not access.restricted_opened
    told = await refusal(client.answer("GetPatientSummary", asked(used), kind="system", extra=extra))
    assert told.short == ("PERMISSION_DENIED", "CALLER_KIND_REFUSED")


async def references_of(system: System, patient: Patient) -> list[str]:
    """Returns the patient's references, which `patients` alone can look up."""
    connection = await asyncpg.connect(system.local.database_owner_url("patients"))
    try:
        rows = await connection.fetch("SELECT patient_ref FROM national_ids WHERE value = $1", patient.national_id)
    finally:
        await connection.close()
    return [str(row["patient_ref"]) for row in rows]


async def dumped(dsn: str) -> bytes:
    """Returns every row of every table, with bytes as they are."""
    connection = await asyncpg.connect(dsn)
    try:
        tables = await connection.fetch(
            "SELECT format('SELECT * FROM %I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        rows = [row for (statement,) in tables for row in await connection.fetch(statement)]
    finally:
        await connection.close()
    return b"\n".join(value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row)


def fields_of(message: Descriptor, seen: tuple[str, ...] = ()) -> Iterable[str]:
    """Returns the names of every field that a reply can carry, at any depth."""
    if message.full_name in seen:
        return
    for field in message.fields:
        yield f"{message.name}.{field.name}"
        if field.message_type is not None:
            yield from fields_of(field.message_type, (*seen, message.full_name))
