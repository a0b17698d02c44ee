"""What a running system has stored, read from its databases and not from its services."""

from collections.abc import Mapping

import asyncpg

from kjernejournal.audit.v1 import audit_pb2
from tests.assurance.under_load.ledger import Entry, Record
from tests.support.system import System

_TABLES = {"patients": "SELECT request_id, patient_ref AS id, version FROM identities WHERE request_id IS NOT NULL"}
_ENTRIES = "SELECT request_id, id, version FROM entries WHERE request_id IS NOT NULL"


async def entries(system: System, service: str) -> Mapping[str, list[Entry]]:
    """Returns what each request to a service has left in its register."""
    found: dict[str, list[Entry]] = {}
    for row in await _rows(system, service, _TABLES.get(service, _ENTRIES)):
        found.setdefault(str(row["request_id"]), []).append((str(row["id"]), row["version"]))
    return found


async def records(system: System) -> list[Record]:
    """Returns the access log."""
    return [
        _record(row["idx"], audit_pb2.AuditRecord.FromString(row["content"]))
        for row in await _rows(system, "audit", "SELECT idx, content FROM entries")
    ]


def _record(index: int, record: audit_pb2.AuditRecord) -> Record:
    kind = audit_pb2.RecordKind.Name(record.kind).removeprefix("RECORD_KIND_")
    return Record(index, record.trace_id, kind, record.request_id, bool(record.status_code))


async def _rows(system: System, service: str, sql: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(system.local.database_owner_url(service), timeout=10)
    try:
        return await connection.fetch(sql, timeout=30)
    finally:
        await connection.close()
