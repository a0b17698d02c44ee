"""SQL of registering and importing people: who is new, who is known, who is named; then one COPY a table.

A message is one transaction. National ids are claimed first, in order, so that two feeds that bring the same new
person at once wait for each other instead of making two of them; who loses begins anew and finds the person.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import uuid4

import asyncpg

from kjernejournal.common.v1.common_pb2 import ImportCounts, Provenance
from kjernejournal.patients.v1.patients_pb2 import GeneralPractitionerAssignment, ImportedPrivacy, Person
from services.patients import convert
from services.patients import identity_repository as identities
from shared.codes.marks import without_marks
from shared.convert import digest, optional_moment, timestamp
from shared.database import Database, Session
from shared.errors import Reason, StateConflict, Unavailable
from shared.register.lateness import WEAKEST, made_at
from shared.register.requests import made_by

TRIES = 5

_IDENTITY = (
    "patient_ref",
    "version",
    "request_id",
    "digest",
    "address_key",
    "parent_refs",
    "guardian_refs",
    "provenance",
    "content",
    "stated_at",
)
_GP = ("patient_ref", "version", "digest", "provenance", "content")
_PRIVACY = ("patient_ref", "version", "digest", "proxy_refs", "provenance", "content")


class Registration(NamedTuple):
    """A checked person with all there is to be stored. None: nothing is said of it."""

    person: Person
    general_practitioners: Sequence[GeneralPractitionerAssignment] | None = None
    privacy: ImportedPrivacy | None = None
    history_at: datetime | None = None
    """When the register of lists last changed the history, where it says so."""


class Registered(NamedTuple):
    """What became of one registration."""

    version: int
    stored_at: datetime
    refs: list[str]
    """Every reference of the patient, the canonical one first."""
    outdated: bool = False
    """All that was stated is older than this version, which stands."""


class Raced(Exception):
    """Somebody else was first with what this transaction was about to do: look again."""


class _People(NamedTuple):
    refs: list[str]
    """The canonical reference of each registration."""
    known: list[str]
    """Those that were there before."""
    ref_of: Mapping[str, str]
    """The reference of every national id in the batch, relatives' and proxies' too."""


class Registry:
    """People as the registers describe them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def register(self, registration: Registration, request_id: str, provenance: Provenance) -> Registered:
        """Stores a version of one person; a retry gives what the first try stored.

        Raises Invalid (REQUEST_ID_REUSED), StateConflict when the national ids are several patients'.
        """
        sent = digest(registration.person)
        for _ in range(TRIES):
            try:
                async with self._database.transaction() as session:
                    people = await _claim(session, [registration])
                    return await _register(session, registration.person, people, request_id, sent, provenance)
            except (Raced, asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError):
                continue
        raise busy()

    async def import_batch(
        self, batch: Sequence[Registration], provenance: Provenance
    ) -> tuple[ImportCounts, list[str]]:
        """Stores the people of one message, all or none: what was stored, and the canonical references.

        An identity or list history equal to the latest one is left; so are privacy settings that were imported once
        before, and all once something was decided here: a feed never undoes what a patient decided.
        """
        for _ in range(TRIES):
            try:
                async with self._database.transaction() as session:
                    people = await _claim(session, batch)
                    return await _import(session, batch, people, provenance), people.refs
            except (Raced, asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError):
                continue
        raise busy()


async def _claim(session: Session, batch: Sequence[Registration]) -> _People:
    """Finds the reference of everybody in the batch, and makes those that are missing."""
    own = {number.value for registration in batch for number in registration.person.national_ids}
    named = {value for registration in batch for value in convert.named_ids(registration.person, registration.privacy)}
    rows = await session.fetch(
        "SELECT n.value, r.patient_ref::text, r.canonical_ref::text,"
        " EXISTS (SELECT FROM identities AS i WHERE i.patient_ref = r.canonical_ref) AS registered"
        " FROM national_ids AS n JOIN refs AS r ON r.patient_ref = n.patient_ref"
        " WHERE n.value = ANY($1::text[]) ORDER BY r.patient_ref FOR UPDATE OF r",
        list(own | named),
        name="claim_known",
    )
    known = {row["value"]: row for row in rows}
    ref_of = {value: str(row["patient_ref"]) for value, row in known.items()}
    refs, joins, new_refs = [], [], []
    for registration in batch:
        values = [number.value for number in registration.person.national_ids]
        ref, others = _one_patient([known[value] for value in values if value in known])
        if ref is None:
            ref = str(uuid4())
            new_refs.append(ref)
        refs.append(ref)
        joins += [(ref, other) for other in others]
        for value in values:
            ref_of.setdefault(value, ref)
    for value in named - ref_of.keys():
        ref_of[value] = str(uuid4())
        new_refs.append(ref_of[value])
    await _insert_ids(session, {value: ref for value, ref in ref_of.items() if value not in known}, new_refs)
    for ref, other in joins:
        await join(session, ref, other)
    made = set(new_refs)
    return _People(refs, [ref for ref in refs if ref not in made], ref_of)


def _one_patient(known: Sequence[asyncpg.Record]) -> tuple[str | None, set[str]]:
    """Returns the canonical reference for these rows, and others that were only named so far and turn out to be the
    same.

    Raises StateConflict when they are several patients.
    """
    registered = {row["canonical_ref"] for row in known if row["registered"]}
    if len(registered) > 1:
        raise StateConflict(
            Reason.ERROR_REASON_STATE_CONFLICT, "the national ids belong to different patients: merge them first"
        )
    canonical = [row["canonical_ref"] for row in known]
    if not canonical:
        return None, set()
    ref = next(iter(registered), canonical[0])
    return ref, set(canonical) - {ref}


async def _insert_ids(session: Session, ref_of: Mapping[str, str], new_refs: Sequence[str]) -> None:
    if not ref_of:
        return
    values = sorted(ref_of)
    inserted = await session.execute(
        "INSERT INTO national_ids (value, kind, patient_ref)"
        " SELECT * FROM unnest($1::text[], $2::smallint[], $3::uuid[]) ON CONFLICT DO NOTHING",
        values,
        [convert.kind_of(value) for value in values],
        [ref_of[value] for value in values],
        name="claim_new",
    )
    if inserted != f"INSERT 0 {len(values)}":
        raise Raced
    await session.copy("refs", ("patient_ref", "canonical_ref"), [(ref, ref) for ref in new_refs])


async def join(session: Session, ref: str, other: str) -> None:
    """Makes the canonical reference `other`, with all its aliases, an alias of `ref`."""
    await session.execute(
        "UPDATE refs SET canonical_ref = $1, merged_into = CASE WHEN patient_ref = $2 THEN $1 ELSE merged_into END"
        " WHERE canonical_ref = $2",
        ref,
        other,
        name="join_refs",
    )


async def _register(
    session: Session, person: Person, people: _People, request_id: str, sent: bytes, provenance: Provenance
) -> Registered:
    [ref] = people.refs
    rows = await session.fetch(
        "SELECT patient_ref::text FROM refs WHERE canonical_ref = $1"
        " ORDER BY patient_ref <> canonical_ref, patient_ref",
        ref,
        name="refs_of_patient",
    )
    refs = [row["patient_ref"] for row in rows]
    made = await made_by(session, refs, request_id, sent)
    if made is not None:
        stored_at = await session.fetchval(
            "SELECT stored_at FROM identities WHERE patient_ref = $1 AND version = $2",
            *(made.ids[0], made.versions[0]),
            name="identity_of_request",
        )
        return Registered(made.versions[0], stored_at, refs)
    latest = (await identities.latest(session, [ref])).get(ref)
    if latest is not None and identities.says_nothing(latest, person):
        return Registered(latest.version, latest.stored_at, refs)
    new = identities.following(latest, person, ref, sent, people.ref_of)
    if new is None and latest is not None:
        return Registered(latest.version, latest.stored_at, refs, outdated=True)
    if new is None:
        raise RuntimeError("of a person of whom nothing is known all is new")
    stored_at = await session.fetchval(
        "INSERT INTO identities (patient_ref, version, request_id, digest, address_key, parent_refs, guardian_refs,"
        " provenance, content, stated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING stored_at",
        *identities.row(new, request_id, provenance.SerializeToString()),
        name="add_identity",
    )
    return Registered(new.version, stored_at, refs)


async def _import(
    session: Session, batch: Sequence[Registration], people: _People, provenance: Provenance
) -> ImportCounts:
    known = await identities.latest(session, people.known)
    histories = _latest(await session.fetch(_LATEST_HISTORIES, people.known, name="latest_gp_histories"))
    held = await session.fetch(_ALL_SETTINGS, people.known, name="all_privacy_settings")
    settings = _latest(held)
    decided_here = {row["patient_ref"] for row in held if row["decided_here"]}
    counts = ImportCounts(batches=1)
    source = provenance.SerializeToString()
    identity_rows, gp_rows, privacy_rows = [], [], []
    for registration, ref in zip(batch, people.refs, strict=True):
        new = identities.counted(counts, known.get(ref), registration.person, ref, people.ref_of)
        if new is not None:
            identity_rows.append(identities.row(new, None, source))
        if registration.general_practitioners is not None:
            content = convert.history_content(registration.general_practitioners)
            plain = map(without_marks, registration.general_practitioners)
            sent = convert.digest_of(convert.history_content(tuple(plain)))
            if version := _next(counts, histories.get(ref), sent, registration.history_at):
                gp_rows.append((ref, version, sent, _at(provenance, registration.history_at), content))
        if registration.privacy is not None:
            sent = digest(registration.privacy)
            if ref in decided_here:
                counts.unchanged += 1
            elif version := _next(
                counts, settings.get(ref), sent, at := optional_moment(registration.privacy, "changed_at")
            ):
                own = convert.imported_settings(registration.privacy, ref, provenance, people.ref_of)
                said_by = _at(provenance, at)
                privacy_rows.append((ref, version, sent, own.proxy_refs, said_by, own.message.SerializeToString()))
    for table, columns, rows in (
        ("identities", _IDENTITY, identity_rows),
        ("gp_histories", _GP, gp_rows),
        ("privacy_settings", _PRIVACY, privacy_rows),
    ):
        if rows:
            await session.copy(table, columns, rows)
    return counts


class _Latest(NamedTuple):
    """The latest version of a list history or of privacy settings."""

    version: int
    digest: bytes
    older: Sequence[bytes]
    """Digests of the versions before."""
    at: datetime
    """The time of its source; WEAKEST: it said none."""


_LATEST_HISTORIES = """
SELECT DISTINCT ON (patient_ref) patient_ref::text, version, digest, provenance, stored_at, false AS decided_here,
    array_agg(digest) OVER (PARTITION BY patient_ref) AS digests
FROM gp_histories WHERE patient_ref = ANY($1::uuid[]) ORDER BY patient_ref, version DESC
"""
_ALL_SETTINGS = """
SELECT DISTINCT ON (patient_ref) patient_ref::text, version, digest, provenance, stored_at,
    bool_or(request_id IS NOT NULL) OVER (PARTITION BY patient_ref) AS decided_here,
    array_agg(digest) OVER (PARTITION BY patient_ref) AS digests
FROM privacy_settings WHERE patient_ref = ANY($1::uuid[]) ORDER BY patient_ref, version DESC
"""


def _latest(rows: Sequence[asyncpg.Record]) -> dict[str, _Latest]:
    return {
        row["patient_ref"]: _Latest(
            row["version"],
            row["digest"],
            row["digests"],
            _stated_at(Provenance.FromString(row["provenance"]), row["stored_at"]),
        )
        for row in rows
    }


def _stated_at(source: Provenance, stored_at: datetime) -> datetime:
    return made_at(source, stored_at) if source.HasField("changed_at") else WEAKEST


def _next(counts: ImportCounts, latest: _Latest | None, sent: bytes, at: datetime | None) -> int:
    """Returns the version to be stored, counted; 0: there is nothing to store.

    What was imported before and is not said to be later is no change back: the feed has sent it again. What says no
    time is the oldest.
    """
    if latest is None:
        counts.created += 1
        return 1
    if sent == latest.digest:
        counts.unchanged += 1
        return 0
    at = at or WEAKEST
    if at < latest.at or (sent in latest.older and at == latest.at):
        counts.outdated += 1
        return 0
    counts.updated += 1
    return latest.version + 1


def _at(source: Provenance, at: datetime | None) -> bytes:
    """Returns who said it, with the time that the source states, as it is stored."""
    said = Provenance()
    said.CopyFrom(source)
    if at is not None:
        said.changed_at.CopyFrom(timestamp(at))
    return said.SerializeToString()


def busy() -> Unavailable:
    """Returns the refusal when every try was lost to somebody else."""
    return Unavailable(Reason.ERROR_REASON_SERVICE_UNAVAILABLE, "others are changing the same patients: try again")
