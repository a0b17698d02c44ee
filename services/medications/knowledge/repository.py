"""All SQL of drug knowledge."""

from datetime import datetime
from typing import NamedTuple

import asyncpg

from shared.database import Database
from shared.errors import Reason, StateConflict
from shared.register.requests import reused

_LOCK = 0x6B6A6B6E
"""Advisory lock key "kjkn": two loads come one after the other."""


class Load(NamedTuple):
    """A load of the knowledge."""

    number: int
    version: str
    digest: bytes
    content: bytes
    loaded_at: datetime


class KnowledgeRepository:
    """The loads of drug knowledge. The newest is in force."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self, known: int = 0) -> Load | None:
        """Returns the load in force, its content empty when its number is `known`; None when there is none."""
        row = await self._database.fetchrow(
            "SELECT load, version, digest, CASE WHEN load = $1 THEN ''::bytea ELSE content END AS content, loaded_at"
            " FROM drug_knowledge ORDER BY load DESC LIMIT 1",
            known,
            name="newest_knowledge",
        )
        return None if row is None else _load(row)

    async def add(self, version: str, request_id: str, digest: bytes, content: bytes) -> Load | None:
        """Puts a version in force, and gives the load that was in force before; None when it is the first.

        What is in force already is left. A retry does nothing, and gives what the first try found. Raises StateConflict
        for a version that was loaded with other rows before, and Invalid (REQUEST_ID_REUSED) for a request_id that came
        with another body.
        """
        async with self._database.transaction() as session:
            await session.execute("SELECT pg_advisory_xact_lock($1)", _LOCK, name="lock_knowledge")
            made = await session.fetchrow(_REQUEST, request_id, name="knowledge_request")
            if made is not None:
                if made["asked"] != digest:
                    raise reused()
                return _load(made) if made["load"] is not None else None
            rows = await session.fetch(
                f"SELECT {_FOUND} FROM drug_knowledge"
                " WHERE version = $1 OR load = (SELECT max(load) FROM drug_knowledge) ORDER BY load",
                version,
                name="earlier_loads",
            )
            if any(row["version"] == version and row["digest"] != digest for row in rows):
                raise StateConflict(
                    Reason.ERROR_REASON_STATE_CONFLICT, "this version was loaded with other rows: give it a new name"
                )
            before = _load(rows[-1]) if rows else None
            if before is not None and before.version == version:
                await session.execute(
                    "INSERT INTO unchanged_loads (request_id, digest, load) VALUES ($1, $2, $3)",
                    request_id,
                    digest,
                    before.number,
                    name="remember_unchanged_load",
                )
            else:
                await session.execute(
                    "INSERT INTO drug_knowledge (version, request_id, digest, content) VALUES ($1, $2, $3, $4)",
                    version,
                    request_id,
                    digest,
                    content,
                    name="add_knowledge",
                )
            return before


_FOUND = "load, version, digest, ''::bytea AS content, loaded_at"
_REQUEST = f"""
SELECT made.asked, found.* FROM (
    SELECT digest AS asked, (SELECT max(load) FROM drug_knowledge WHERE load < own.load) AS load
    FROM drug_knowledge AS own WHERE request_id = $1
    UNION ALL SELECT digest, load FROM unchanged_loads WHERE request_id = $1
) AS made LEFT JOIN (SELECT {_FOUND} FROM drug_knowledge) AS found USING (load)
"""
"""What an earlier try of a request asked, and the load that was in force before it, null where there was none."""


def _load(row: asyncpg.Record) -> Load:
    return Load(row["load"], row["version"], row["digest"], row["content"], row["loaded_at"])
