"""SQL that saves and deletes own registrations, at the patient's word.

Every write locks the patient: what it finds is what it acts on, so that there is one donor card, one effect of a
request, and no version that appears while its entry is being deleted.

Retries are not answered from a table `requests`, as in other registers. What a save asked could be guessed from a plain
digest of it, so the digest is keyed with the patient's key, stands in the entry, and goes with it. Of a request whose
entry is deleted nothing may be left but its id, in `spent_requests`: sent again, it has no effect. Of the deletion
itself the last version's number is left, which is its answer.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import uuid4

import asyncpg

from kjernejournal.own_registrations.v1.own_registrations_pb2 import REGISTRATION_KIND_DONOR_CARD
from services.own_registrations.key_repository import PatientKeys, locked
from services.own_registrations.repository import opened, readable
from services.own_registrations.sealing import Place
from shared.database import Database, Session
from shared.errors import Reason, StateConflict, VersionBehind, entry_not_found
from shared.register.entry import StoredEntry
from shared.register.requests import reused
from shared.sealing import KeyWrap


class Draft(NamedTuple):
    """A version that is to be saved."""

    kind: int
    recorded_at: datetime
    content: bytes


class Base(NamedTuple):
    """The version that a change is made from."""

    id: str
    version: int


class WriteRepository:
    """Own registrations as people save and delete them."""

    def __init__(self, database: Database, keys: KeyWrap) -> None:
        self.database = database
        self.keys = keys

    async def save(
        self,
        refs: Sequence[str],
        request_id: str,
        sent: bytes,
        base: Base | None,
        draft: Callable[[StoredEntry | None], Draft],
    ) -> StoredEntry:
        """Stores what `draft` makes of the version that is to be changed (None: a new entry).

        A retry of the same request gives what the first try stored. Raises Invalid (REQUEST_ID_REUSED), NotFound,
        VersionBehind, StateConflict for a second donor card, and what `draft` raises.
        """
        async with self.database.transaction() as session:
            keys = await locked(session, self.keys, refs)
            before = await _of_request(session, keys, refs, request_id, sent)
            if before is not None:
                return before
            latest = await _latest(session, keys, refs, base) if base is not None else None
            new = draft(latest)
            if latest is None and new.kind == REGISTRATION_KIND_DONOR_CARD:
                await _check_no_card(session, refs)
            place = Place(
                latest.patient_ref if latest else refs[0],
                latest.id if latest else str(uuid4()),
                latest.version + 1 if latest else 1,
                new.kind,
            )
            await keys.make(session, [place.patient_ref])
            key = keys.of(place.patient_ref)
            [row] = await session.fetch(
                "INSERT INTO entries (patient_ref, id, version, kind, effective_at, request_id, digest, content)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
                " RETURNING patient_ref, id, version, kind, effective_at, stored_at, content",
                *place,
                new.recorded_at,
                request_id,
                key.digest(sent),
                key.seal(place, new.content),
                name="add_registration",
            )
            return opened(row, keys)

    async def delete(self, refs: Sequence[str], request_id: str, entry_id: str, version: int, digest: bytes) -> int:
        """Deletes an entry for good; `version` 0: whichever it has. Returns the last version that there was.

        A retry of the same request does nothing, and returns the same. Raises Invalid (REQUEST_ID_REUSED), NotFound,
        VersionBehind.
        """
        async with self.database.transaction() as session:
            await locked(session, self.keys, refs)
            spent = await _spent_by_deletion(session, refs, request_id, digest)
            if spent is not None:
                return spent["version"] or version  # null: of a release that did not keep it
            current: int | None = await session.fetchval(
                "SELECT max(version) FROM entries WHERE patient_ref = ANY($1::uuid[]) AND id = $2",
                refs,
                entry_id,
                name="current_version",
            )
            if current is None:
                raise entry_not_found()
            if version not in (0, current):
                raise VersionBehind(current)
            await _forget(session, refs, entry_id)
            await session.execute(
                "INSERT INTO spent_requests (patient_ref, request_id, deletion, version) VALUES ($1, $2, $3, $4)",
                refs[0],
                request_id,
                digest,
                current,
                name="remember_deletion",
            )
            return current


async def _of_request(
    session: Session, keys: PatientKeys, refs: Sequence[str], request_id: str, sent: bytes
) -> StoredEntry | None:
    """Returns what an earlier try of this save stored. Raises Invalid (REQUEST_ID_REUSED), NotFound: it is deleted
    since."""
    row = await session.fetchrow(
        "SELECT patient_ref, id, version, kind, effective_at, stored_at, content, digest FROM entries"
        " WHERE patient_ref = ANY($1::uuid[]) AND request_id = $2",
        refs,
        request_id,
        name="registration_of_request",
    )
    if row is not None:
        with readable():
            same = keys.of(str(row["patient_ref"])).digest(sent) == row["digest"]
        if not same:
            raise reused()
        return opened(row, keys)
    spent = await _spent(session, refs, request_id)
    if spent is None:
        return None
    if spent["deletion"] is not None:
        raise reused()
    raise entry_not_found()


async def _spent_by_deletion(
    session: Session, refs: Sequence[str], request_id: str, digest: bytes
) -> asyncpg.Record | None:
    """Returns what is left of this deletion, if it has been made. Raises Invalid (REQUEST_ID_REUSED)."""
    spent = await _spent(session, refs, request_id)
    if spent is not None and spent["deletion"] == digest:
        return spent
    saved = await session.fetchval(
        "SELECT true FROM entries WHERE patient_ref = ANY($1::uuid[]) AND request_id = $2",
        refs,
        request_id,
        name="request_saved",
    )
    if spent is not None or saved:
        raise reused()
    return None


async def _spent(session: Session, refs: Sequence[str], request_id: str) -> asyncpg.Record | None:
    return await session.fetchrow(
        "SELECT deletion, version FROM spent_requests WHERE patient_ref = ANY($1::uuid[]) AND request_id = $2",
        refs,
        request_id,
        name="spent_request",
    )


async def _latest(session: Session, keys: PatientKeys, refs: Sequence[str], base: Base) -> StoredEntry:
    row = await session.fetchrow(
        "SELECT patient_ref, id, version, kind, effective_at, stored_at, content, withdrawn FROM entries"
        " WHERE patient_ref = ANY($1::uuid[]) AND id = $2 ORDER BY version DESC LIMIT 1",
        refs,
        base.id,
        name="latest_registration",
    )
    if row is None or row["withdrawn"]:
        raise entry_not_found()
    if row["version"] != base.version:
        raise VersionBehind(row["version"])
    return opened(row, keys)


async def _check_no_card(session: Session, refs: Sequence[str]) -> None:
    card = await session.fetchval(
        "SELECT id FROM entries WHERE patient_ref = ANY($1::uuid[]) AND kind = $2 LIMIT 1",
        refs,
        REGISTRATION_KIND_DONOR_CARD,
        name="donor_card",
    )
    if card is not None:
        raise StateConflict(
            Reason.ERROR_REASON_STATE_CONFLICT, "there is a donor card already: change that one", id=str(card)
        )


async def _forget(session: Session, refs: Sequence[str], entry_id: str) -> None:
    """Takes an entry out of the database, and with a patient's last one the key."""
    deleted = await session.fetch(
        "DELETE FROM entries WHERE patient_ref = ANY($1::uuid[]) AND id = $2 RETURNING patient_ref, request_id",
        refs,
        entry_id,
        name="delete_registration",
    )
    await session.execute(
        "INSERT INTO spent_requests (patient_ref, request_id) SELECT * FROM unnest($1::uuid[], $2::uuid[])",
        [row["patient_ref"] for row in deleted if row["request_id"] is not None],
        [row["request_id"] for row in deleted if row["request_id"] is not None],
        name="spend_requests",
    )
    await session.execute(
        "UPDATE imported_names SET id = NULL WHERE patient_ref = ANY($1::uuid[]) AND id = $2",
        refs,
        entry_id,
        name="bar_imports",
    )
    await session.execute(
        "UPDATE patient_keys SET wrapped = NULL WHERE patient_ref = ANY($1::uuid[])"
        " AND NOT EXISTS (SELECT FROM entries WHERE entries.patient_ref = patient_keys.patient_ref)",
        refs,
        name="drop_keys",
    )
