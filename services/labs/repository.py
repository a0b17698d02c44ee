"""All SQL of reports beyond the entry store that every register shares: lists by code, period and expertise."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from kjernejournal.common.v1.common_pb2 import CallerContext, ImportCounts, StatedAbsence
from kjernejournal.labs.v1.labs_pb2 import LabReport
from services.labs import model
from shared.convert import moment
from shared.database import Database, Session
from shared.errors import StateConflict
from shared.register import restriction, stated_absence
from shared.register.entry import NewEntry, StoredEntry
from shared.register.feeds import Feeds, latest_before
from shared.register.lateness import by_time, without_time
from shared.register.paging import LARGEST_PAGE, Page, Position
from shared.register.restriction import Mark
from shared.register.rows import COLUMNS, stored_entry
from shared.register.rules import Beside, RegisterRules, Version
from shared.register.store import EntryStore

LARGEST_RESULTS = 2 * 1024 * 1024
"""Bytes of reports after which a page of results ends: each result says of which report it is."""


class Question(NamedTuple):
    """What is asked of a patient's reports."""

    refs: Sequence[str]
    caller: CallerContext
    at: datetime
    """Now: delays that have ended by then are over."""
    as_of: datetime | None = None
    since: datetime | None = None
    before: datetime | None = None
    codes: Sequence[tuple[str, str]] = ()
    expertises: Sequence[int] = ()
    results_only: bool = False
    """Only reports with results that hold; codes are then looked for in those alone."""


class ReportPage(NamedTuple):
    """Reports, and counts over all that the question has, inside the history window and outside."""

    entries: list[StoredEntry]
    next_page_token: str
    total: int
    withheld: int
    older_exist: bool
    absence: StoredEntry | None


class CannotFollow(StateConflict):
    """A version cannot follow the one that is stored of the same entry."""

    def __init__(self, conflict: StateConflict, entry: tuple[str, str]) -> None:
        super().__init__(conflict.reason, conflict.text)
        self.entry = entry


def _message_type(kind: int) -> type[Any]:
    return StatedAbsence if kind == stated_absence.KIND else LabReport


def _beside(versions: Sequence[NewEntry]) -> Iterable[Beside]:
    """Gives the codes that reports are found by, and their times."""
    codes, times = [], []
    for entry in versions:
        if entry.kind == stated_absence.KIND:
            continue
        report = LabReport.FromString(entry.content)
        at = (entry.patient_ref, entry.id, entry.version)
        codes += [(*at, each.system, each.code, each.place) for each in model.found_by(report)]
        times.append((*at, moment(report.header.provenance.recorded_at), model.delay_ends_at(report)))
    yield Beside("report_codes", ("patient_ref", "id", "version", "system", "code", "place"), codes)
    yield Beside("report_times", ("patient_ref", "id", "version", "recorded_at", "delay_ends_at"), times)


async def _to_follow(session: Session, changed: list[NewEntry]) -> list[NewEntry]:
    """Returns the versions, which are not outdated. Raises CannotFollow for one that cannot follow all the same."""
    later = [entry for entry in changed if entry.version > 1 and entry.kind != stated_absence.KIND]
    if not later:
        return changed
    latest = await latest_before(session, later, _message_type)
    for entry in later:
        try:
            model.check_step(latest[entry[:2]], LabReport.FromString(entry.content))
        except StateConflict as error:
            raise CannotFollow(error, entry[:2]) from None
    return changed


def _order(latest: Version, sent: Version, known: bool) -> int:
    """Compares two versions of a report; statements of absence by their time alone, as what says no time."""
    untimed = without_time(latest, sent, known)
    if untimed is not None and isinstance(sent.message, LabReport) and isinstance(latest.message, LabReport):
        return untimed if model.can_follow(latest.message, sent.message) else -1
    if isinstance(sent.message, LabReport) and isinstance(latest.message, LabReport):
        return model.order(latest.message, sent.message, known=known)
    return by_time(latest, sent, known)


RULES = RegisterRules(_message_type, to_follow=_to_follow, order=_order, beside=_beside)


class Repository:
    """Reports of patients."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.entries = EntryStore(database, RULES)
        self.feeds = Feeds(database, RULES)

    async def list_page(self, question: Question, page: Page) -> ReportPage:
        """Returns one page, newest first."""
        question = question._replace(as_of=page.pinned(question.as_of))
        largest = LARGEST_RESULTS if question.results_only else LARGEST_PAGE
        rows = await self._list(question, page.size, page.after, largest)
        entries = _entries(rows)
        more = rows[0]["inside"] > len(entries)
        token = ""
        if more and entries:
            token = page.token_after(Position(entries[-1].effective_at, entries[-1].id), rows[0]["read_at"])
        return _report_page(rows, entries, token, older_exist=more or rows[0]["outside"] > 0)

    async def list_section(self, question: Question, limit: int, largest: int) -> ReportPage:
        """Returns the newest `limit` reports, fewer where they are more than `largest` bytes."""
        rows = await self._list(question, limit, None, largest)
        entries = _entries(rows)
        return _report_page(rows, entries, "", older_exist=rows[0]["total"] > len(entries))

    async def release(self, new: NewEntry, refs: Sequence[str], asked: bytes) -> StoredEntry:
        """Stores a released version. Raises VersionBehind when another one is stored at the same moment.

        It keeps the digest of what the feed sent: the same sent again then changes nothing.
        """
        async with self.database.transaction() as session:
            _, digest = await self.entries.latest_digest(session, refs, new.id)
            return await self.entries.add_in(session, new._replace(digest=digest), refs, asked)

    async def import_reports(self, batch: Sequence[tuple[str, NewEntry]]) -> ImportCounts:
        """Stores the entries of one message, each with its path, all or none. Versions of one report follow in order.

        Raises StateConflict with the path of an entry that cannot follow what is stored.
        """
        known = await self.feeds.as_known([entry for _, entry in batch])
        rounds = _rounds([(path, entry) for (path, _), entry in zip(batch, known, strict=True)])
        counts = ImportCounts(batches=1)
        async with self.database.transaction() as session:
            for round_ in rounds:
                try:
                    done = await self.feeds.import_in(session, [entry for _, entry in round_])
                except CannotFollow as error:
                    path = next(path for path, each in round_ if (each.patient_ref, each.id) == error.entry)
                    error.details["field"] = f"{path}.status"
                    raise
                counts.created += done.created
                counts.updated += done.updated
                counts.unchanged += done.unchanged
                counts.outdated += done.outdated
        return counts

    async def _list(self, question: Question, limit: int, after: Position | None, largest: int) -> list[asyncpg.Record]:
        view = restriction.view_of(question.caller)
        return await self.database.fetch(
            _LIST,
            question.refs,
            question.as_of,
            int(view.absent),
            int(view.withheld),
            question.at,
            question.since,
            question.before,
            list(question.expertises) or None,
            [system for system, _ in question.codes] or None,
            [code for _, code in question.codes],
            question.results_only,
            after.effective_at if after else None,
            after.id if after else None,
            limit,
            largest,
            name="list_reports",
        )


_LIST = f"""
WITH today AS (
    SELECT DISTINCT ON (patient_ref, id) patient_ref, id, version, kind, deleted FROM entries
    WHERE patient_ref = ANY($1::uuid[]) ORDER BY patient_ref, id, version DESC
), held AS (
    SELECT DISTINCT ON (patient_ref, id) patient_ref, id, version, kind, effective_at, stored_at FROM entries
    WHERE patient_ref = ANY($1::uuid[]) AND ($2::timestamptz IS NULL OR stored_at <= $2)
    ORDER BY patient_ref, id, version DESC
), visible AS (
    SELECT held.*, today.kind & $4::int <> 0 AS withheld FROM held JOIN today USING (patient_ref, id)
    WHERE held.kind <> {stated_absence.KIND} AND NOT today.deleted AND (
        today.kind & $3::int = 0 OR today.kind & $3::int = {int(Mark.CITIZEN_DELAYED)} AND EXISTS (
            SELECT FROM report_times AS times WHERE times.patient_ref = today.patient_ref AND times.id = today.id
            AND times.version = today.version AND times.delay_ends_at <= $5::timestamptz
        )
    )
), asked AS (
    SELECT * FROM visible
    WHERE NOT withheld AND ($7::timestamptz IS NULL OR effective_at < $7)
    AND ($8::int[] IS NULL OR (kind >> {model.EXPERTISE_SHIFT}) & 3 = ANY($8))
    AND (NOT $11::boolean OR kind & {model.HOLDS_RESULTS} <> 0)
    AND ($9::text[] IS NULL OR (patient_ref, id, version) IN (
        SELECT found.patient_ref, found.id, found.version
        FROM unnest($9, $10::text[]) AS wanted(system, code) JOIN report_codes AS found ON found.code = wanted.code
        WHERE found.patient_ref = ANY($1) AND (wanted.system = '' OR found.system = wanted.system)
        AND (NOT $11 OR found.place = {model.ON_RESULT})
    ))
), counts AS (
    SELECT (SELECT count(*) FROM visible WHERE withheld) AS withheld, count(*) AS total,
    count(*) FILTER (WHERE effective_at < $6::timestamptz) AS outside,
    count(*) FILTER (WHERE ($6 IS NULL OR effective_at >= $6)
        AND ($12::timestamptz IS NULL OR (effective_at, id) < ($12, $13::uuid))) AS inside FROM asked
), page AS (
    SELECT patient_ref, id, version FROM asked
    WHERE ($6 IS NULL OR effective_at >= $6) AND ($12 IS NULL OR (effective_at, id) < ($12, $13))
    ORDER BY effective_at DESC, id DESC LIMIT $14
), measured AS (
    SELECT {COLUMNS}, sum(octet_length(content)) OVER newest AS bytes, row_number() OVER newest AS place
    FROM page JOIN entries USING (patient_ref, id, version)
    WINDOW newest AS (ORDER BY effective_at DESC, id DESC ROWS UNBOUNDED PRECEDING)
), said AS (
    SELECT held.* FROM held JOIN today USING (patient_ref, id)
    WHERE held.kind = {stated_absence.KIND} AND NOT today.deleted
    ORDER BY effective_at DESC FETCH FIRST ROW WITH TIES
), listed AS (
    SELECT {COLUMNS} FROM measured WHERE bytes <= $15 OR place = 1
    UNION ALL
    SELECT {", ".join(f"entries.{column}" for column in COLUMNS.split(", "))}
    FROM said JOIN entries USING (patient_ref, id, version)
    WHERE NOT EXISTS (
        SELECT FROM visible JOIN report_times AS times USING (patient_ref, id, version)
        WHERE times.recorded_at >= said.effective_at OR visible.stored_at > (SELECT min(stored_at) FROM said)
    )
)
SELECT listed.*, statement_timestamp() AS read_at, counts.total, counts.withheld, counts.outside, counts.inside
FROM counts LEFT JOIN listed ON true ORDER BY effective_at DESC, id DESC
"""
"""The reports of a patient ($1) as they were at $2 (null: now), under the restrictions of today: those with a mark of
$3 do not exist, save for a delay that has ended at $5; those with a mark of $4 are counted alone, whatever else was
asked: a count by code would show what is in them. Beside them the newest statements of absence, all of one time, unless
a report is newer by its source's time or by ours. One row at least, for the counts: its id is null then."""


def _entries(rows: Sequence[asyncpg.Record]) -> list[StoredEntry]:
    return [stored_entry(row) for row in rows if row["id"] is not None and row["kind"] != stated_absence.KIND]


def _report_page(
    rows: Sequence[asyncpg.Record], entries: list[StoredEntry], token: str, *, older_exist: bool
) -> ReportPage:
    statements = [stored_entry(row) for row in rows if row["kind"] == stated_absence.KIND]
    said = stated_absence.weakest(statements, stated_absence.is_nil_known) if statements else None
    return ReportPage(entries, token, rows[0]["total"], rows[0]["withheld"], older_exist, said)


def _rounds(batch: Sequence[tuple[str, NewEntry]]) -> list[list[tuple[str, NewEntry]]]:
    """Returns the batch in parts that each hold an entry once; as a rule there is one."""
    rounds: list[list[tuple[str, NewEntry]]] = []
    seen: Counter[tuple[str, str]] = Counter()
    for path, entry in batch:
        number = seen[entry.patient_ref, entry.id]
        seen[entry.patient_ref, entry.id] += 1
        if number == len(rounds):
            rounds.append([])
        rounds[number].append((path, entry))
    return rounds
