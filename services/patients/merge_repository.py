"""SQL of merges: only who is whose alias changes, with a row that says who did it."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from kjernejournal.common.v1.common_pb2 import Provenance
from services.patients import convert, model
from services.patients.registration_repository import TRIES, Raced, busy, join
from shared.convert import moment
from shared.database import Database, Session
from shared.errors import Reason, StateConflict, patient_not_found
from shared.register.lateness import made_at
from shared.register.requests import made_by, reused


class Merged(NamedTuple):
    """What became of a merge or unmerge."""

    content: bytes
    """The answer, serialized, without `stored_at`."""
    stored_at: datetime
    refs: list[str]
    """Every reference concerned, the canonical one first."""
    outdated: bool = False
    """A later merge or unmerge of them stands."""


class Merges:
    """Merges and unmerges of patients."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def merge(
        self, ref: str, other_id: str, request_id: str, sent: bytes, provenance: Provenance, *, joined: bool
    ) -> Merged:
        """Makes the patient with `other_id` one with the patient `ref`, or with `joined` false takes that back.

        Raises NotFound and StateConflict.
        """
        for _ in range(TRIES):
            try:
                async with self._database.transaction() as session:
                    return await _merge(session, ref, other_id, request_id, sent, provenance, joined=joined)
            except (Raced, asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError):
                continue
        raise busy()


async def _merge(
    session: Session, ref: str, other_id: str, request_id: str, sent: bytes, provenance: Provenance, *, joined: bool
) -> Merged:
    rows = await session.fetch(
        "SELECT m.patient_ref::text, m.canonical_ref::text, m.merged_into::text FROM refs AS m"
        " WHERE m.canonical_ref IN (SELECT canonical_ref FROM refs WHERE patient_ref = $1 UNION"
        " SELECT r.canonical_ref FROM national_ids AS n JOIN refs AS r ON r.patient_ref = n.patient_ref"
        " WHERE n.value = $2) ORDER BY m.patient_ref FOR UPDATE OF m",
        ref,
        other_id,
        name="lock_patients",
    )
    canonical_of = {row["patient_ref"]: row["canonical_ref"] for row in rows}
    other = await session.fetchval(
        "SELECT n.patient_ref::text FROM national_ids AS n, refs AS r WHERE n.value = $1 AND r.patient_ref = $2",
        other_id,
        ref,
        name="ref_of_national_id",
    )
    if other is None:
        raise patient_not_found()
    if ref not in canonical_of or other not in canonical_of:
        raise Raced
    refs = sorted(canonical_of, key=lambda one: (one != canonical_of[ref], one))
    made = await made_by(session, refs, request_id, sent)
    if made is not None:
        if canonical_of.get(made.ids[0]) != canonical_of[ref]:
            raise reused()  # for another patient than this one: the digest leaves the patient out
        [row] = await session.fetch(
            "SELECT content, stored_at FROM merges WHERE patient_ref = $1 AND request_id = $2",
            made.ids[0],
            request_id,
            name="merge_of_request",
        )
        return Merged(row["content"], row["stored_at"], refs)
    pair = ({ref, canonical_of[ref]}, {other, canonical_of[other]} - {canonical_of[ref]})
    standing = await _later(session, refs, pair, provenance)
    if standing is not None:
        content = convert.merged(await session.fetch(_IDENTITIES_OF, canonical_of[ref], name="identities_of_patient"))
        return Merged(content, standing, refs, outdated=True)
    canonical, other_canonical = canonical_of[ref], canonical_of[other]
    if joined:
        if canonical == other_canonical:
            raise StateConflict(Reason.ERROR_REASON_STATE_CONFLICT, "they are one patient already")
        await join(session, canonical, other_canonical)
        alias = other_canonical
    else:
        if canonical != other_canonical or other == canonical:
            raise StateConflict(Reason.ERROR_REASON_STATE_CONFLICT, "the national id was not merged into this patient")
        await _separate(session, other, {row["patient_ref"]: row["merged_into"] for row in rows})
        alias = other
    content = convert.merged(await session.fetch(_IDENTITIES_OF, canonical, name="identities_of_patient"))
    stored_at = await session.fetchval(
        "INSERT INTO merges (patient_ref, request_id, digest, alias_ref, joined, provenance, content)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING stored_at",
        canonical,
        request_id,
        sent,
        alias,
        joined,
        provenance.SerializeToString(),
        content,
        name="add_merge",
    )
    return Merged(content, stored_at, refs)


async def _later(
    session: Session, refs: Sequence[str], pair: tuple[set[str], set[str]], source: Provenance
) -> datetime | None:
    """Returns when a merge or unmerge of this pair was stored that is later at its source; None: there is none.

    What says no time is the oldest. What became of others in the same set says nothing about the two.
    """
    rows = await session.fetch(
        "SELECT provenance, stored_at FROM merges WHERE patient_ref = ANY($1::uuid[]) AND alias_ref = ANY($1::uuid[])"
        " AND (alias_ref = ANY($3::uuid[]) OR (alias_ref = ANY($2::uuid[]) AND patient_ref = ANY($3::uuid[])))"
        " ORDER BY stored_at DESC LIMIT 1",
        refs,
        *map(sorted, pair),
        name="last_merge",
    )
    for row in rows:
        standing = Provenance.FromString(row["provenance"])
        if not standing.HasField("changed_at"):
            continue
        if not source.HasField("changed_at") or moment(source.changed_at) < made_at(standing, row["stored_at"]):
            stored_at: datetime = row["stored_at"]
            return stored_at
    return None


async def _separate(session: Session, ref: str, merged_into: dict[str, str | None]) -> None:
    await session.execute(
        "UPDATE refs SET canonical_ref = $1, merged_into = CASE WHEN patient_ref = $1 THEN NULL ELSE merged_into END"
        " WHERE patient_ref = ANY($2::uuid[])",
        ref,
        sorted(model.with_those_merged_before(merged_into, ref)),
        name="separate_refs",
    )


_IDENTITIES_OF = """
SELECT i.content AS identity FROM refs AS m
CROSS JOIN LATERAL (
    SELECT content FROM identities WHERE patient_ref = m.patient_ref ORDER BY version DESC LIMIT 1
) AS i
WHERE m.canonical_ref = $1
ORDER BY m.patient_ref <> m.canonical_ref, m.patient_ref
"""
