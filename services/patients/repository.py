"""SQL of reads, and of changes to one patient. Registering and merging have files of their own.

What decides about access is one query for any number of national ids, since it is asked before every call.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import uuid4

import asyncpg

from kjernejournal.common.v1.common_pb2 import Provenance
from kjernejournal.patients.v1.patients_pb2 import GeneralPractitionerAssignment, PrivacySettings
from services.patients import convert, model
from services.patients.privacy import Settings
from services.patients.registration_repository import TRIES, busy
from shared.database import Database, Session
from shared.errors import VersionBehind, patient_not_found
from shared.register.requests import made_by


class Stored(NamedTuple):
    """A stored version of a list history."""

    version: int
    stored_at: datetime
    outdated: bool = False
    """What was sent is older than what stands."""


class StoredSettings(NamedTuple):
    """Privacy settings of every reference of a patient, and the canonical one's version."""

    settings: list[Settings]
    version: int
    stored_at: datetime | None
    provenance: bytes


Plan = Callable[[list[Settings]], None]
"""Changes the settings of every reference of a patient, the canonical one's first. Raises to refuse."""


class Repository:
    """Patients."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def resolve(self, national_ids: Sequence[str]) -> list[asyncpg.Record]:
        """Returns a row for each national id that is known and each reference of its patient, the canonical one
        first."""
        return await self._database.fetch(_RESOLVE, national_ids, name="resolve_patients")

    async def about(self, refs: Sequence[str], as_of: datetime | None) -> list[asyncpg.Record]:
        """Returns identity and list history of each reference, in their order, as they were at `as_of` (None: now)."""
        return await self._database.fetch(_ABOUT, refs, as_of, name="about_patient")

    async def settings(self, refs: Sequence[str]) -> StoredSettings:
        """Returns the privacy settings of these references, the canonical one first."""
        return _settings(await self._database.fetch(_SETTINGS, refs, None, name="privacy_settings"))

    async def ref_of(self, national_id: str) -> list[str]:
        """Returns every reference of whoever has this national id, its own first; a new one when nobody is known by
        it."""
        for _ in range(TRIES):
            rows = await self._database.fetch(
                "SELECT m.patient_ref::text FROM national_ids AS n JOIN refs AS own ON own.patient_ref = n.patient_ref"
                " JOIN refs AS m ON m.canonical_ref = own.canonical_ref WHERE n.value = $1"
                " ORDER BY m.patient_ref <> own.patient_ref",
                national_id,
                name="refs_of_national_id",
            )
            if rows:
                return [row[0] for row in rows]
            await self._database.execute(
                "WITH named AS (INSERT INTO national_ids (value, kind, patient_ref) VALUES ($1, $2, $3)"
                " ON CONFLICT DO NOTHING RETURNING patient_ref)"
                " INSERT INTO refs (patient_ref, canonical_ref) SELECT patient_ref, patient_ref FROM named",
                national_id,
                convert.kind_of(national_id),
                str(uuid4()),
                name="name_person",
            )
        raise busy()

    async def assign(
        self,
        ref: str,
        assignment: GeneralPractitionerAssignment,
        request_id: str,
        sent: bytes,
        provenance: Provenance,
    ) -> Stored:
        """Adds a place on a list to the patient's history; a retry gives what the first try stored."""
        async with self._database.transaction() as session:
            refs = await lock(session, ref)
            made = await made_by(session, refs, request_id, sent)
            if made is not None:
                [row] = await session.fetch(
                    "SELECT version, stored_at FROM gp_histories WHERE patient_ref = $1 AND version = $2",
                    *(made.ids[0], made.versions[0]),
                    name="gp_history_of_request",
                )
                return Stored(row["version"], row["stored_at"])
            rows = await session.fetch(_ABOUT, refs, None, name="about_patient")
            before = model.joined(convert.histories(rows))
            if model.is_outdated(before, assignment):
                known = await session.fetch(_STANDING_HISTORY, refs, name="standing_gp_history")
                return Stored(known[0]["version"], known[0]["stored_at"], outdated=True)
            history = model.assign(before, assignment)
            [row] = await session.fetch(
                "INSERT INTO gp_histories (patient_ref, version, request_id, digest, provenance, content)"
                " SELECT $1, coalesce(max(version), 0) + 1, $2, $3, $4, $5 FROM gp_histories WHERE patient_ref = $1"
                " RETURNING version, stored_at",
                refs[0],
                request_id,
                sent,
                provenance.SerializeToString(),
                convert.history_content(history),
                name="add_gp_history",
            )
            return Stored(row["version"], row["stored_at"])

    async def change_settings(
        self,
        ref: str,
        plan: Plan,
        request_id: str,
        sent: bytes,
        provenance: Provenance,
        expected_version: int | None = None,
    ) -> StoredSettings:
        """Lets `plan` change the settings, and stores a version for the canonical reference and for each that changed.

        A retry gives what the first try stored. Raises VersionBehind when `expected_version` is not the latest.
        """
        async with self._database.transaction() as session:
            refs = await lock(session, ref)
            if await made_by(session, refs, request_id, sent) is not None:
                then = await session.fetchval(
                    "SELECT max(stored_at) FROM privacy_settings"
                    " WHERE patient_ref = ANY($1::uuid[]) AND request_id = $2",
                    refs,
                    request_id,
                    name="settings_of_request",
                )
                return _settings(await session.fetch(_SETTINGS, refs, then, name="privacy_settings"))
            before = _settings(await session.fetch(_SETTINGS, refs, None, name="privacy_settings"))
            if expected_version is not None and expected_version != before.version:
                raise VersionBehind(before.version)
            kept = [own.message.SerializeToString(deterministic=True) for own in before.settings]
            plan(before.settings)
            # The canonical one last: what was stored until then is what a retry is answered with.
            for position in reversed(range(len(refs))):
                own = before.settings[position]
                if position == 0 or own.message.SerializeToString(deterministic=True) != kept[position]:
                    await _add_settings(session, refs[position], own, request_id, sent, provenance)
            return _settings(await session.fetch(_SETTINGS, refs, None, name="privacy_settings"))


_STANDING_HISTORY = """
SELECT version, stored_at FROM gp_histories WHERE patient_ref = ANY($1::uuid[])
ORDER BY array_position($1::uuid[], patient_ref), version DESC LIMIT 1
"""


async def lock(session: Session, ref: str) -> list[str]:
    """Returns every reference of the patient, the canonical one first, locked until the transaction ends: changes to
    one patient, merges among them, come one after the other."""
    rows = await session.fetch(
        "SELECT m.patient_ref::text, m.canonical_ref::text FROM refs AS own"
        " JOIN refs AS m ON m.canonical_ref = own.canonical_ref WHERE own.patient_ref = $1"
        " ORDER BY m.patient_ref FOR UPDATE OF m",
        ref,
        name="lock_patient",
    )
    if not rows:
        raise patient_not_found()
    canonical = rows[0]["canonical_ref"]
    return sorted((row["patient_ref"] for row in rows), key=lambda one: (one != canonical, one))


async def _add_settings(
    session: Session, ref: str, own: Settings, request_id: str, sent: bytes, provenance: Provenance
) -> None:
    await session.execute(
        "INSERT INTO privacy_settings (patient_ref, version, request_id, digest, proxy_refs, provenance, content)"
        " SELECT $1, coalesce(max(version), 0) + 1, $2, $3, $4, $5, $6 FROM privacy_settings WHERE patient_ref = $1",
        ref,
        request_id,
        sent,
        own.proxy_refs,
        provenance.SerializeToString(),
        own.message.SerializeToString(deterministic=True),
        name="add_privacy_settings",
    )


def _settings(rows: Sequence[asyncpg.Record]) -> StoredSettings:
    first = rows[0]
    return StoredSettings(
        [
            Settings(PrivacySettings.FromString(row["content"] or b""), list(map(str, row["proxy_refs"] or ())))
            for row in rows
        ],
        first["version"] or 0,
        first["stored_at"],
        first["provenance"] or b"",
    )


_RESOLVE = """
SELECT n.value, m.patient_ref::text, i.content AS identity, i.guardian_refs, g.content AS gp_history,
    p.content AS privacy, p.version AS privacy_version, p.proxy_refs,
    c.legal_entities, c.organisations, c.ends,
    CASE WHEN i.address_key IS NOT NULL AND i.parent_refs <> '{}' THEN ARRAY (
        SELECT parent.ref FROM unnest(i.parent_refs) AS parent (ref)
        JOIN refs AS r ON r.patient_ref = parent.ref
        CROSS JOIN LATERAL (
            SELECT address_key FROM identities
            WHERE patient_ref = r.canonical_ref ORDER BY version DESC LIMIT 1
        ) AS home
        WHERE home.address_key = i.address_key
    ) END AS parents_at_address
FROM national_ids AS n
JOIN refs AS own ON own.patient_ref = n.patient_ref
JOIN refs AS m ON m.canonical_ref = own.canonical_ref
LEFT JOIN LATERAL (
    SELECT content, guardian_refs, parent_refs, address_key FROM identities
    WHERE patient_ref = m.patient_ref ORDER BY version DESC LIMIT 1
) AS i ON true
LEFT JOIN LATERAL (
    SELECT content FROM gp_histories WHERE patient_ref = m.patient_ref ORDER BY version DESC LIMIT 1
) AS g ON true
LEFT JOIN LATERAL (
    SELECT content, version, proxy_refs FROM privacy_settings
    WHERE patient_ref = m.patient_ref ORDER BY version DESC LIMIT 1
) AS p ON true
LEFT JOIN LATERAL (
    SELECT array_agg(legal_entity) AS legal_entities, array_agg(organisation) AS organisations,
        array_agg(ends_at) AS ends
    FROM (
        SELECT DISTINCT ON (legal_entity, organisation) legal_entity, organisation, ends_at FROM care_relations
        WHERE patient_ref = m.patient_ref ORDER BY legal_entity, organisation, version DESC
    ) AS latest WHERE ends_at > now()
) AS c ON true
WHERE n.value = ANY((SELECT $1::text[])::text[])
ORDER BY m.patient_ref <> m.canonical_ref, m.patient_ref
"""
"""The array stands in a subselect so that the planner does not count it: otherwise the plan for "some ids" looks dearer
than one made for these ids, and PostgreSQL plans anew each time (0.35 ms against 0.06 ms)."""

_ABOUT = """
SELECT i.version, i.stored_at, i.provenance, i.content AS identity, g.content AS gp_history
FROM unnest((SELECT $1::uuid[])) WITH ORDINALITY AS m (patient_ref, position)
LEFT JOIN LATERAL (
    SELECT version, stored_at, provenance, content FROM identities
    WHERE patient_ref = m.patient_ref AND ($2::timestamptz IS NULL OR stored_at <= $2)
    ORDER BY version DESC LIMIT 1
) AS i ON true
LEFT JOIN LATERAL (
    SELECT content FROM gp_histories
    WHERE patient_ref = m.patient_ref AND ($2::timestamptz IS NULL OR stored_at <= $2)
    ORDER BY version DESC LIMIT 1
) AS g ON true
ORDER BY m.position
"""
"""The array stands in a subselect for the same reason."""

_SETTINGS = """
SELECT p.version, p.stored_at, p.provenance, p.content, p.proxy_refs
FROM unnest($1::uuid[]) WITH ORDINALITY AS m (patient_ref, position)
LEFT JOIN LATERAL (
    SELECT version, stored_at, provenance, content, proxy_refs FROM privacy_settings
    WHERE patient_ref = m.patient_ref AND ($2::timestamptz IS NULL OR stored_at <= $2)
    ORDER BY version DESC LIMIT 1
) AS p ON true
ORDER BY m.position
"""
