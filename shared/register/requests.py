"""Answers retries: what each request asked and which versions it made is kept in a table `requests`.

A request that is sent again has one effect and one answer: its row is written in the transaction of what it made. Of
two that come at once, one writes: `entries` takes a request_id once, and the other finds the row of the first. The same
request_id with another body is refused, whatever rpc it is for. One that changed nothing is kept too, with the version
that it found: sent again after another change, it would undo that.

The table comes from `shared/register/migrations/remember_requests.sql`. In patients, triggers write it: `ids` are
references there. Two do without: own registrations, which say why where they answer retries, and drug knowledge, which
is no patient's.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from google.protobuf.message import Message

from shared.convert import digest
from shared.database import Queries
from shared.errors import Invalid, Reason, VersionBehind
from shared.register.entry import StoredEntry
from shared.register.rows import COLUMNS, stored_entry


class Made(NamedTuple):
    """What a request made: ids and versions, in order."""

    ids: list[str]
    versions: list[int]


def asked(request: Message) -> bytes:
    """Returns the digest of a request without its patient, who may have another reference when it is sent again."""
    body = type(request).FromString(request.SerializeToString())
    body.ClearField("patient")
    lower_request_id(body)
    return hashlib.sha256(request.DESCRIPTOR.full_name.encode() + b"\0" + digest(body)).digest()


def lower_request_id(body: Message) -> None:
    """Writes the request_id as the table `requests` compares it: a UUID in capitals is the same UUID."""
    if "request_id" in body.DESCRIPTOR.fields_by_name:
        body.request_id = body.request_id.lower()  # type: ignore[attr-defined]  # asked of the descriptor


async def made_by(queries: Queries, refs: Sequence[str], request_id: str | None, asked: bytes) -> Made | None:
    """Returns what an earlier try of this request made; None: it is new, or has no id, as what a feed imports.

    Patients who became one may each have a request with this id: the one that asked the same is the earlier try.
    Raises Invalid (REQUEST_ID_REUSED) when the earlier request asked something else.
    """
    if request_id is None:
        return None
    row = await queries.fetchrow(
        "SELECT asked, ids, versions FROM requests WHERE patient_ref = ANY($1::uuid[]) AND request_id = $2"
        " ORDER BY asked IS DISTINCT FROM $3 LIMIT 1",
        refs,
        request_id,
        asked,
        name="request",
    )
    if row is None:
        return None
    if row["asked"] not in (asked, None):  # null: of a release that did not keep it
        raise reused()
    return Made([str(each) for each in row["ids"]], row["versions"])


async def answered(
    queries: Queries, refs: Sequence[str], request_id: str | None, asked: bytes
) -> list[StoredEntry] | None:
    """Returns the versions that an earlier try of this request stored, in order. None and Invalid as `made_by`."""
    made = await made_by(queries, refs, request_id, asked)
    if made is None:
        return None
    rows = await queries.fetch(
        f"SELECT {COLUMNS} FROM unnest($2::uuid[], $3::int[]) WITH ORDINALITY AS made (id, version, place)"
        " JOIN entries USING (id, version) WHERE patient_ref = ANY($1::uuid[]) ORDER BY place",
        refs,
        *made,
        name="made_by_request",
    )
    return [stored_entry(row) for row in rows]


async def is_known(queries: Queries, refs: Sequence[str], request_id: str) -> bool:
    """Whether a request with this id has been answered, whatever it asked."""
    return bool(
        await queries.fetchval(
            "SELECT true FROM requests WHERE patient_ref = ANY($1::uuid[]) AND request_id = $2",
            refs,
            request_id,
            name="known_request",
        )
    )


async def remember(queries: Queries, request_id: str | None, asked: bytes, stored: Sequence[StoredEntry]) -> None:
    """Keeps what a request asked, and the versions that it made or found unchanged, in the transaction of these.

    Raises VersionBehind when the same request was kept at the same moment.
    """
    if request_id is None:
        return
    kept = await queries.execute(
        "INSERT INTO requests (patient_ref, request_id, asked, ids, versions) VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT DO NOTHING",
        stored[0].patient_ref,
        request_id,
        asked,
        [each.id for each in stored],
        [each.version for each in stored],
        name="remember_request",
    )
    if kept != "INSERT 0 1":
        raise VersionBehind(stored[0].version)


def reused() -> Invalid:
    """Returns the refusal of a request_id that came with another body before."""
    return Invalid("request_id", "was used for another request", Reason.ERROR_REASON_REQUEST_ID_REUSED)
