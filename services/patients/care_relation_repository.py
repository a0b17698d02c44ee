"""Keeps which organisations have registered a care relation to a patient, and until when.

Each reference has relations of its own, so that an unmerge gives back what was each one's. What holds is the union: of
one reference and organisation the latest registration, and of several references the one that ends last.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from kjernejournal.common.v1.common_pb2 import Provenance
from kjernejournal.patients.v1.patients_pb2 import CareRelation
from services.patients.repository import lock
from shared.convert import timestamp
from shared.database import Database
from shared.errors import Invalid
from shared.register.requests import made_by

LASTS = timedelta(days=90)
"""A relation whose end is not stated."""
LONGEST = timedelta(days=366)
"""A year, in a leap year too."""


class Organisation(NamedTuple):
    """Whose relation it is, by organisation numbers."""

    legal_entity: str
    unit: str
    """The point of care."""


def end_of(until: datetime | None, now: datetime) -> datetime:
    """Returns when a relation ends that is registered now. Raises Invalid for an end that may not be."""
    if until is None:
        return now + LASTS
    if until <= now:
        raise Invalid("until", "has passed: say when the relation will end")
    if until > now + LONGEST:
        raise Invalid("until", "is more than a year away: register the relation again when it ends")
    return until


class CareRelations:
    """SQL of care relations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def register(
        self,
        ref: str,
        organisation: Organisation,
        until: datetime | None,
        request_id: str,
        sent: bytes,
        provenance: Provenance,
    ) -> CareRelation:
        """Stores a relation for the canonical reference, and for each that has one of this organisation already.

        A retry by the same organisation gives what the first try stored. Raises Invalid.
        """
        # Whose relation it is stands in the token, not in the request.
        sent = hashlib.sha256(sent + ",".join(organisation).encode()).digest()
        async with self._database.transaction() as session:
            refs = await lock(session, ref)
            if await made_by(session, refs, request_id, sent) is None:
                await session.execute(
                    _ADD,
                    refs,
                    request_id,
                    sent,
                    *organisation,
                    end_of(until, datetime.now(UTC)),
                    provenance.SerializeToString(),
                    name="add_care_relation",
                )
            [row] = await session.fetch(_OF_REQUEST, refs, request_id, name="care_relation_of_request")
            return CareRelation(
                version=row["version"],
                legal_entity=row["legal_entity"],
                organisation=row["organisation"],
                until=timestamp(row["ends_at"]),
                provenance=Provenance.FromString(row["provenance"]),
                stored_at=timestamp(row["stored_at"]),
            )


_ADD = """
INSERT INTO care_relations (patient_ref, version, request_id, digest, legal_entity, organisation, ends_at, provenance)
SELECT each.ref, coalesce(known.version, 0) + 1, $2, $3, $4, $5, $6, $7
FROM unnest($1::uuid[]) WITH ORDINALITY AS each (ref, position)
LEFT JOIN LATERAL (
    SELECT max(version) AS version FROM care_relations
    WHERE patient_ref = each.ref AND legal_entity = $4 AND organisation = $5
) AS known ON true
WHERE each.position = 1 OR known.version IS NOT NULL
"""

_OF_REQUEST = """
SELECT version, legal_entity, organisation, ends_at, provenance, stored_at FROM care_relations
WHERE patient_ref = ANY($1::uuid[]) AND request_id = $2 ORDER BY array_position($1::uuid[], patient_ref) LIMIT 1
"""
