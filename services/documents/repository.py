"""All SQL of documents beyond the entry store that every register shares: lists, keys, content."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import uuid4

import asyncpg

from kjernejournal.common.v1.common_pb2 import ImportCounts
from kjernejournal.documents.v1.documents_pb2 import Document
from services.documents.model import CLASS_BITS, CLASS_SHIFT, DEPRECATED
from services.documents.sealing import ROW, Content, PatientKey
from shared.database import Database, Session
from shared.errors import Reason, Unavailable
from shared.register.entry import NewEntry, StoredEntry, length
from shared.register.feeds import Feeds
from shared.register.paging import Page, Position, cut
from shared.register.requests import answered
from shared.register.restriction import View
from shared.register.rows import COLUMNS, stored_entry
from shared.register.rules import RegisterRules
from shared.register.store import EntryStore
from shared.sealing import ContentDamagedError, KeyWrap, WrappedKey

ABANDONED = timedelta(hours=1)
"""After this long an upload does not go on: four times the longest that a stream may last."""


class Question(NamedTuple):
    """What is asked of a patient's documents."""

    refs: Sequence[str]
    view: View
    as_of: datetime | None = None
    since: datetime | None = None
    deprecated: bool | None = None
    classes: Sequence[int] | None = None


class DocumentPage(NamedTuple):
    """Documents, and counts over all that the question has, inside the history window and outside."""

    entries: list[StoredEntry]
    next_page_token: str
    total: int
    approved: int
    withheld: int
    older_exist: bool


def _message_type(_kind: int) -> type[Document]:
    return Document


RULES = RegisterRules(_message_type)


class Repository:
    """Documents of patients, and their content."""

    def __init__(self, database: Database, keys: KeyWrap) -> None:
        self.database = database
        self.entries = EntryStore(database, RULES)
        self.feeds = Feeds(database, RULES)
        self._keys = keys

    async def list_page(self, question: Question, page: Page) -> DocumentPage:
        """Returns one page, newest first."""
        question = question._replace(as_of=page.pinned(question.as_of))
        rows = await self._list(question, page.size + 1, page.after, approved_first=False)
        entries, more = cut(_entries(rows), page.size, length)
        token = page.token_after(Position(entries[-1].effective_at, entries[-1].id), rows[0]["read_at"]) if more else ""
        return DocumentPage(entries, token, *_counts(rows), older_exist=more or rows[0]["before_window"] > 0)

    async def list_section(self, question: Question, limit: int) -> DocumentPage:
        """Returns the first `limit` documents, those that hold first, newest first among equals."""
        rows = await self._list(question, limit, None, approved_first=True)
        entries = _entries(rows)
        total, approved, withheld = _counts(rows)
        return DocumentPage(entries, "", total, approved, withheld, older_exist=total > len(entries))

    async def begin_upload(self, patient_ref: str, content_id: str) -> PatientKey:
        """Notes that an upload has begun, and gives the patient's key. Throws away what earlier ones left."""
        for row in await self.database.fetch(
            "SELECT patient_ref, content_id FROM uploads WHERE started_at < now() - $1::interval LIMIT 10",
            ABANDONED,
            name="abandoned_uploads",
        ):
            await self.discard_upload(str(row["patient_ref"]), str(row["content_id"]))
        async with self.database.transaction() as session:
            await session.execute(
                "INSERT INTO uploads (patient_ref, content_id) VALUES ($1, $2)",
                patient_ref,
                content_id,
                name="begin_upload",
            )
            return (await self._patient_keys(session, [patient_ref]))[patient_ref]

    async def stage_row(self, patient_ref: str, content_id: str, number: int, sealed: bytes) -> None:
        """Stores a row of an upload. Raises Unavailable when the upload was thrown away."""
        done = await self.database.execute(
            "WITH upload AS (SELECT FROM uploads WHERE patient_ref = $1 AND content_id = $2 FOR SHARE)"
            " INSERT INTO content_rows (patient_ref, content_id, row_number, sealed) SELECT $1, $2, $3, $4 FROM upload",
            patient_ref,
            content_id,
            number,
            sealed,
            name="stage_row",
        )
        if done != "INSERT 0 1":
            raise _abandoned()

    async def end_upload(
        self, new: NewEntry, refs: Sequence[str], content: Content, seal: bytes, replaced: NewEntry | None = None
    ) -> StoredEntry:
        """Makes an upload visible, and what it replaces Deprecated, in one transaction; or gives what is there already.

        A retry gives what the first try stored; a feed that sends the same again gives the latest version. The rows are
        then of no use: the caller discards the upload. Raises Invalid (REQUEST_ID_REUSED), VersionBehind, NotFound.
        """
        async with self.database.transaction() as session:
            before = await answered(session, refs, new.request_id, new.digest)
            if before is not None:
                return await self.entries.as_answered(session, before[0], new.digest)
            following = await self.entries.following(session, new, refs)
            if following is not None:
                stored = await self.entries.add_in(session, following, refs)
                if stored.id == new.id:
                    await self._keep_content(session, content, seal)
                    if replaced is not None:
                        await self.entries.add_in(session, replaced, refs)
                return stored
            return await self.entries.unchanged(session, new, refs)

    async def discard_upload(self, patient_ref: str, content_id: str) -> None:
        """Throws an upload's rows away, unless it has ended with them."""
        await self.database.fetchval("SELECT discard_upload($1, $2)", patient_ref, content_id, name="discard_upload")

    async def content_of(self, patient_ref: str, document_id: str, sha256: bytes) -> tuple[Content, PatientKey]:
        """Returns a document's content and the key to it. Raises ContentDamagedError when either is missing or not
        right."""
        row = await self.database.fetchrow(
            "SELECT content_id, size, row_count, seal, wrapped, key_id"
            " FROM contents JOIN patient_keys USING (patient_ref)"
            " WHERE patient_ref = $1 AND document_id = $2 AND sha256 = $3",
            patient_ref,
            document_id,
            sha256,
            name="content_of_document",
        )
        if row is None:
            raise ContentDamagedError("content or key is missing")
        content = Content(patient_ref, document_id, str(row["content_id"]), row["size"], row["row_count"], sha256)
        key = self._key(patient_ref, row)
        key.check(content, row["seal"])
        return content, key

    async def row(self, content: Content, number: int) -> bytes:
        """Returns one encrypted row. Raises ContentDamagedError when it is missing."""
        sealed: bytes | None = await self.database.fetchval(
            "SELECT sealed FROM content_rows WHERE patient_ref = $1 AND content_id = $2 AND row_number = $3",
            content.patient_ref,
            content.content_id,
            number,
            name="content_row",
        )
        if sealed is None:
            raise ContentDamagedError("a row is missing")
        return sealed

    async def import_documents(self, batch: Sequence[tuple[NewEntry, bytes, bytes]]) -> ImportCounts:
        """Stores the documents of one message, each with the SHA-256 and the bytes of its content, all or none.

        Content first, in a transaction of its own: nothing leads to it before the entries are stored, and the same
        message sent again finds it there.
        """
        known = await self.feeds.as_known([entry for entry, _, _ in batch])
        batch = [(entry, sha256, data) for entry, (_, sha256, data) in zip(known, batch, strict=True)]
        async with self.database.transaction() as session:
            there = {
                (str(row["patient_ref"]), str(row["document_id"]), row["sha256"])
                for row in await session.fetch(
                    "SELECT patient_ref, document_id, sha256 FROM contents WHERE (patient_ref, document_id, sha256)"
                    " IN (SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bytea[]))",
                    [entry.patient_ref for entry, _, _ in batch],
                    [entry.id for entry, _, _ in batch],
                    [sha256 for _, sha256, _ in batch],
                    name="contents_there",
                )
            }
            missing = {
                (entry.patient_ref, entry.id, sha256): data
                for entry, sha256, data in batch
                if not entry.deleted and (entry.patient_ref, entry.id, sha256) not in there
            }
            keys = await self._patient_keys(session, sorted({ref for ref, _, _ in missing}))
            try:
                for (ref, document_id, sha256), data in missing.items():
                    await _import_content(session, keys[ref], ref, document_id, sha256, data)
            except asyncpg.UniqueViolationError:
                raise Unavailable(
                    Reason.ERROR_REASON_SERVICE_UNAVAILABLE, "the same document is being imported twice: try again"
                ) from None
        return await self.feeds.import_batch(known)

    async def _patient_keys(self, session: Session, refs: Sequence[str]) -> dict[str, PatientKey]:
        """Returns the keys of patients, made where there is none."""
        if not refs:
            return {}
        select = "SELECT patient_ref, wrapped, key_id FROM patient_keys WHERE patient_ref = ANY($1::uuid[])"
        rows = await session.fetch(select, refs, name="patient_keys")
        if len(rows) < len(refs):
            have = {str(row["patient_ref"]) for row in rows}
            new = [ref for ref in refs if ref not in have]
            keys = [self._keys.new_key(ref) for ref in new]
            await session.execute(
                "INSERT INTO patient_keys (patient_ref, wrapped, key_id)"
                " SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::smallint[]) ON CONFLICT DO NOTHING",
                new,
                [key.wrapped for key in keys],
                [key.key_id for key in keys],
                name="add_patient_keys",
            )
            rows = await session.fetch(select, refs, name="patient_keys")
        return {str(row["patient_ref"]): self._key(str(row["patient_ref"]), row) for row in rows}

    def _key(self, patient_ref: str, row: asyncpg.Record) -> PatientKey:
        return PatientKey(patient_ref, self._keys.unwrap(patient_ref, WrappedKey(row["wrapped"], row["key_id"])))

    async def _keep_content(self, session: Session, content: Content, seal: bytes) -> None:
        """Makes the uploaded rows the document's content, unless it has the same content already."""
        known = await session.fetchval(
            "SELECT content_id FROM contents WHERE patient_ref = $1 AND document_id = $2 AND sha256 = $3",
            content.patient_ref,
            content.document_id,
            content.sha256,
            name="known_content",
        )
        if known is not None:
            return
        ended = await session.execute(
            "DELETE FROM uploads WHERE patient_ref = $1 AND content_id = $2",
            content.patient_ref,
            content.content_id,
            name="end_upload",
        )
        if ended != "DELETE 1":
            raise _abandoned()
        await _add_content(session, content, seal)

    async def _list(
        self, question: Question, limit: int, after: Position | None, *, approved_first: bool
    ) -> list[asyncpg.Record]:
        return await self.database.fetch(
            _LIST,
            question.refs,
            question.as_of,
            int(question.view.absent),
            int(question.view.withheld),
            question.deprecated,
            question.classes,
            question.since,
            after.effective_at if after else None,
            after.id if after else None,
            approved_first,
            limit,
            name="list_documents",
        )


async def _import_content(
    session: Session, key: PatientKey, ref: str, document_id: str, sha256: bytes, data: bytes
) -> None:
    count = -(-len(data) // ROW)
    content = Content(ref, document_id, str(uuid4()), len(data), count, sha256)
    rows = [
        (ref, content.content_id, number, key.seal_row(document_id, content.content_id, number, piece, last=last))
        for number in range(count)
        for piece, last in [(data[number * ROW : (number + 1) * ROW], number == count - 1)]
    ]
    await session.copy("content_rows", ("patient_ref", "content_id", "row_number", "sealed"), rows)
    await _add_content(session, content, key.seal(content))


async def _add_content(session: Session, content: Content, seal: bytes) -> None:
    await session.execute(
        "INSERT INTO contents (patient_ref, document_id, content_id, size, row_count, sha256, seal)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        *content,
        seal,
        name="add_content",
    )


_LIST = f"""
WITH today AS (
    SELECT DISTINCT ON (patient_ref, id) patient_ref, id, kind, deleted FROM entries
    WHERE patient_ref = ANY($1::uuid[]) ORDER BY patient_ref, id, version DESC
), held AS (
    SELECT DISTINCT ON (patient_ref, id) {COLUMNS} FROM entries
    WHERE patient_ref = ANY($1::uuid[]) AND ($2::timestamptz IS NULL OR stored_at <= $2)
    ORDER BY patient_ref, id, version DESC
), asked AS (
    SELECT held.*, today.kind & $4::int <> 0 AS withheld FROM held JOIN today USING (patient_ref, id)
    WHERE NOT today.deleted AND today.kind & $3::int = 0
    AND ($5::boolean IS NULL OR (held.kind & {DEPRECATED} <> 0) = $5)
    AND ($6::int[] IS NULL OR (held.kind >> {CLASS_SHIFT}) & {CLASS_BITS} = ANY($6))
), counts AS (
    SELECT count(*) FILTER (WHERE withheld) AS withheld, count(*) FILTER (WHERE NOT withheld) AS total,
    count(*) FILTER (WHERE NOT withheld AND kind & {DEPRECATED} = 0) AS approved,
    count(*) FILTER (WHERE NOT withheld AND effective_at < $7::timestamptz) AS before_window FROM asked
)
SELECT listed.*, statement_timestamp() AS read_at, counts.total, counts.approved, counts.withheld, counts.before_window
FROM counts LEFT JOIN LATERAL (
    SELECT {COLUMNS}, CASE WHEN $10::boolean THEN kind & {DEPRECATED} ELSE 0 END AS lower FROM asked
    WHERE NOT withheld AND ($7 IS NULL OR effective_at >= $7)
    AND ($8::timestamptz IS NULL OR (effective_at, id) < ($8, $9::uuid))
    ORDER BY lower, effective_at DESC, id DESC LIMIT $11
) AS listed ON true
ORDER BY lower, effective_at DESC, id DESC
"""
"""The documents of a patient ($1) as they were at $2 (null: now), under the restrictions of today: those with a mark of
$3 do not exist, those with a mark of $4 are counted alone. One row at least, for the counts: its id is null then."""


def _entries(rows: Sequence[asyncpg.Record]) -> list[StoredEntry]:
    return [stored_entry(row) for row in rows if row["id"] is not None]


def _counts(rows: Sequence[asyncpg.Record]) -> tuple[int, int, int]:
    return rows[0]["total"], rows[0]["approved"], rows[0]["withheld"]


def _abandoned() -> Unavailable:
    return Unavailable(Reason.ERROR_REASON_SERVICE_UNAVAILABLE, "the upload took too long: send it again")
