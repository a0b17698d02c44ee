"""SQL of versions of identities: what stands of a person, and the version that another statement makes."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import asyncpg

from kjernejournal.common.v1.common_pb2 import ImportCounts
from kjernejournal.patients.v1.patients_pb2 import Person
from services.patients import model, statements
from shared.convert import digest
from shared.database import Session


class Latest(NamedTuple):
    """The latest version of an identity."""

    version: int
    digest: bytes
    older: Sequence[bytes]
    """Digests of the versions before."""
    stored_at: datetime
    row: asyncpg.Record


class New(NamedTuple):
    """A version to be stored."""

    ref: str
    version: int
    digest: bytes
    person: Person
    parents: list[str]
    guardians: list[str | None]
    """One for each guardian; None: no id is known."""
    times: Mapping[str, datetime]


async def latest(session: Session, refs: Sequence[str]) -> dict[str, Latest]:
    """Returns the latest identity of each reference that has one."""
    if not refs:
        return {}
    rows = await session.fetch(_LATEST, refs, name="latest_identities")
    return {
        row["patient_ref"]: Latest(row["version"], row["digest"], row["older"] or (), row["stored_at"], row)
        for row in rows
    }


def says_nothing(latest: Latest | None, sent: Person) -> bool:
    """Whether a statement names somebody who is known, and states nothing of them."""
    if latest is None or statements.stated(sent):
        return False
    known = {number.value for number in Person.FromString(latest.row["content"]).national_ids}
    return known.issuperset(number.value for number in sent.national_ids)


def following(latest: Latest | None, sent: Person, ref: str, asked: bytes, ref_of: Mapping[str, str]) -> New | None:
    """Returns the version that a statement makes; None: all that it states is older than what stands.

    A statement that was stored before and says no time has come again, and is no change back.
    """
    again = latest is not None and asked in latest.older
    if again and not sent.HasField("changed_at"):
        return None
    known = None
    if latest is not None:
        before = Person.FromString(latest.row["content"])
        known = statements.Known(before, statements.times_of(before, latest.row["stated_at"], latest.stored_at))
    at = statements.made_at(sent, datetime.now(UTC))
    after = statements.followed(known, sent, at, again=again)
    if latest is not None and statements.stated(sent) and not after.taken:
        return None
    return New(
        ref,
        latest.version + 1 if latest else 1,
        asked,
        after.person,
        _parents(sent, ref_of) if latest is None or "family" in after.taken else latest.row["parents"],
        _guardians(sent, ref_of) if latest is None or "guardians" in after.taken else latest.row["guardians"],
        after.times,
    )


def counted(
    counts: ImportCounts, latest: Latest | None, person: Person, ref: str, ref_of: Mapping[str, str]
) -> New | None:
    """Returns the version to be stored, counted; None: there is nothing to store."""
    sent = digest(person)
    if latest is not None and (latest.digest == sent or says_nothing(latest, person)):
        counts.unchanged += 1
        return None
    new = following(latest, person, ref, sent, ref_of)
    if new is None:
        counts.outdated += 1
    elif latest is None:
        counts.created += 1
    else:
        counts.updated += 1
    return new


def row(new: New, request_id: str | None, provenance: bytes) -> tuple[Any, ...]:
    """Returns a version as it is stored."""
    return (
        new.ref,
        new.version,
        request_id,
        new.digest,
        model.address_key(new.person),
        new.parents,
        new.guardians,
        provenance,
        new.person.SerializeToString(deterministic=True),
        statements.times_to_store(new.times),
    )


def _parents(person: Person, ref_of: Mapping[str, str]) -> list[str]:
    return [
        ref_of[relative.national_id]
        for relative in person.family
        if relative.national_id and relative.relation.code in model.PARENTS
    ]


def _guardians(person: Person, ref_of: Mapping[str, str]) -> list[str | None]:
    return [ref_of.get(guardian.national_id) for guardian in person.guardians]


_LATEST = """
SELECT DISTINCT ON (patient_ref) patient_ref::text, version, digest, content, stated_at, stored_at,
    parent_refs::text[] AS parents, guardian_refs::text[] AS guardians, (
        SELECT array_agg(older.digest) FROM identities AS older
        WHERE older.patient_ref = identities.patient_ref AND older.version < identities.version
    ) AS older
FROM identities WHERE patient_ref = ANY($1::uuid[]) ORDER BY patient_ref, version DESC
"""
