"""SQL of imports: what a feed says of the patient's registrations, beside what the patient has said here.

The feed's entries are known by name (`imported_names`). The same sent again changes nothing; what differs is the next
version. Two things stand above a feed:

- What the patient has deleted stays deleted, whatever a feed sends under that name.
- What the patient has changed here stands until the source has recorded something later. So does a donor card, of which
  a patient has one: a card that a feed has under another name is the same card, and the one recorded last holds.

What is older at its source than what stands changes nothing, by the rule of shared/register/lateness.py.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from kjernejournal.common.v1.common_pb2 import ImportCounts
from kjernejournal.own_registrations.v1.own_registrations_pb2 import REGISTRATION_KIND_DONOR_CARD, OwnRegistration
from services.own_registrations import convert
from services.own_registrations.key_repository import PatientKeys, locked
from services.own_registrations.repository import opened, readable
from services.own_registrations.sealing import Place
from shared.database import Database, Session
from shared.errors import Invalid
from shared.register.lateness import made_at
from shared.sealing import KeyWrap

_WRITTEN = ("patient_ref", "id", "version", "kind", "effective_at", "request_id", "digest", "content", "withdrawn")


class Imported(NamedTuple):
    """A registration that a feed sends."""

    refs: list[str]
    """Every reference of the patient, the canonical one first."""
    names: list[str]
    """The id that the source's own identifier makes under each reference."""
    kind: int
    recorded_at: datetime
    """How old it is: when its source changed it last, else when it recorded it; never later than now."""
    listed_at: datetime
    """When it was recorded: orders lists."""
    registration: OwnRegistration
    sent: bytes
    path: str
    """Where it stands in the message, for refusals."""


class LatestVersion(NamedTuple):
    """The latest version of an entry, as imports meet it."""

    patient_ref: str
    id: str
    version: int
    kind: int
    recorded_at: datetime
    digest: bytes
    older: Sequence[bytes]
    """Digests of all versions."""
    fed: bool
    """It came from a feed; else the patient, or somebody for the patient, wrote it here."""
    row: asyncpg.Record

    def made_at(self, keys: PatientKeys) -> datetime:
        """Returns how old it is: by its source, or by when it was saved here."""
        if not self.fed:
            return self.recorded_at
        message = OwnRegistration.FromString(opened(self.row, keys).content)
        return made_at(message.header.provenance, self.row["stored_at"])


class ImportRepository:
    """Own registrations as feeds bring them."""

    def __init__(self, database: Database, keys: KeyWrap) -> None:
        self.database = database
        self.keys = keys

    async def store(self, batch: Sequence[Imported]) -> ImportCounts:
        """Stores the registrations of one message, all or none. Raises Invalid for an entry that changes its kind."""
        wanted: dict[tuple[str, str], Imported] = {}
        for each in batch:
            before = wanted.get((each.refs[0], each.names[0]))
            if before is None or before.recorded_at <= each.recorded_at:
                wanted[each.refs[0], each.names[0]] = each
        refs = {ref for each in batch for ref in each.refs}
        async with self.database.transaction() as session:
            keys = await locked(session, self.keys, refs)
            await keys.make(session, [each.refs[0] for each in batch])
            names = await _names(session, wanted.values())
            message = _Message(keys, names, await _latest_versions(session, refs, names.values()))
            for each in wanted.values():
                message.take(each)
            left_out = sum(each.sent != wanted[each.refs[0], each.names[0]].sent for each in batch)
            message.counts.outdated += left_out
            message.counts.unchanged += len(batch) - len(wanted) - left_out
            try:
                await session.copy("entries", _WRITTEN, message.rows)
                await session.copy("imported_names", ("patient_ref", "imported_as", "id"), message.names)
                await _rename(session, message.renamed)
            except asyncpg.UniqueViolationError:  # nobody else writes for these patients meanwhile
                raise Invalid("patients", "hold a patient twice, under two references") from None
        return message.counts


class _Message:
    """What is to be done for one message of a feed."""

    def __init__(
        self, keys: PatientKeys, names: dict[tuple[str, str], str | None], latest: Iterable[LatestVersion]
    ) -> None:
        self.counts = ImportCounts(batches=1)
        self.rows: list[tuple[object, ...]] = []
        self.names: list[tuple[str, str, str]] = []
        self.renamed: list[tuple[str, str, str]] = []
        """Names of before a separation, whose entry has stayed with the other patient."""
        self._keys = keys
        self._known = names
        self._entries = {each.id: each for each in latest}
        self._cards = {
            each.patient_ref: each.id for each in self._entries.values() if each.kind == REGISTRATION_KIND_DONOR_CARD
        }

    def take(self, each: Imported) -> None:
        """Decides on one registration."""
        known = [self._known[name] for name in zip(each.refs, each.names, strict=True) if name in self._known]
        if None in known:
            self.counts.unchanged += 1
            return
        own = [name for name in known if name in self._entries and self._entries[name].patient_ref in each.refs]
        entry_id = own[0] if own else self._card(each)
        if not own:
            name = (each.refs[0], each.names[0])
            (self.renamed if name in self._known else self.names).append((*name, entry_id or each.names[0]))
        if entry_id is None:
            self.counts.created += 1
            self._add(each, None)
        elif self._replaces(each, before := self._entries[entry_id]):
            self.counts.updated += 1
            self._add(each, before)
        elif self._is_older(each, before):
            self.counts.outdated += 1
        else:
            self.counts.unchanged += 1

    def _card(self, each: Imported) -> str | None:
        if each.kind != REGISTRATION_KIND_DONOR_CARD:
            return None
        return next((self._cards[ref] for ref in each.refs if ref in self._cards), None)

    def _replaces(self, each: Imported, before: LatestVersion) -> bool:
        if each.kind != before.kind:
            raise Invalid(each.path, "is of another kind than it was before")
        with readable():
            if self._keys.of(before.patient_ref).digest(each.sent) == before.digest:
                return False
        if each.recorded_at != before.made_at(self._keys):
            return each.recorded_at > before.made_at(self._keys)
        same_source = before.fed and before.id in each.names
        return same_source and not self._came_before(each, before)

    def _is_older(self, each: Imported, before: LatestVersion) -> bool:
        """Whether what does not replace the latest version is older, and not the same."""
        with readable():
            if self._keys.of(before.patient_ref).digest(each.sent) == before.digest:
                return False
        made_at = before.made_at(self._keys)
        return each.recorded_at < made_at or (each.recorded_at == made_at and self._came_before(each, before))

    def _came_before(self, each: Imported, before: LatestVersion) -> bool:
        """Whether what is of the same time was stored before, or would bring back what is withdrawn."""
        with readable():
            known = self._keys.of(before.patient_ref).digest(each.sent) in before.older
        return known or (before.row["withdrawn"] and not each.registration.withdrawn)

    def _add(self, each: Imported, before: LatestVersion | None) -> None:
        registration = each.registration
        place = Place(each.refs[0], each.names[0], 1, each.kind)
        if before is not None:
            place = Place(before.patient_ref, before.id, before.version + 1, before.kind)
            registration = convert.following(registration, opened(before.row, self._keys).content)
        key = self._keys.of(place.patient_ref)
        digest = key.digest(each.sent)
        content = key.seal(place, convert.content(registration))
        self.rows.append((*place, each.listed_at, None, digest, content, registration.withdrawn))


async def _names(session: Session, batch: Iterable[Imported]) -> dict[tuple[str, str], str | None]:
    pairs = [pair for each in batch for pair in zip(each.refs, each.names, strict=True)]
    rows = await session.fetch(
        "SELECT patient_ref, imported_as, id FROM imported_names"
        " WHERE (patient_ref, imported_as) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))",
        [ref for ref, _ in pairs],
        [name for _, name in pairs],
        name="imported_names",
    )
    return {
        (str(row["patient_ref"]), str(row["imported_as"])): None if row["id"] is None else str(row["id"])
        for row in rows
    }


async def _rename(session: Session, names: Sequence[tuple[str, str, str]]) -> None:
    if names:
        await session.execute(
            "UPDATE imported_names SET id = new.id"
            " FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS new (patient_ref, imported_as, id)"
            " WHERE imported_names.patient_ref = new.patient_ref AND imported_names.imported_as = new.imported_as",
            *zip(*names, strict=True),
            name="rename_imports",
        )


async def _latest_versions(session: Session, refs: Iterable[str], ids: Iterable[str | None]) -> list[LatestVersion]:
    """Returns the latest versions of these entries, and of the patients' donor cards."""
    rows = await session.fetch(
        "SELECT DISTINCT ON (patient_ref, id) patient_ref, id, version, kind, effective_at, stored_at, content, digest,"
        " withdrawn, request_id IS NULL AS fed, array_agg(digest) OVER (PARTITION BY patient_ref, id) AS older"
        " FROM entries"
        " WHERE patient_ref = ANY($1::uuid[]) AND (id = ANY($2::uuid[]) OR kind = $3)"
        " ORDER BY patient_ref, id, version DESC",
        sorted(refs),
        [entry_id for entry_id in ids if entry_id is not None],
        REGISTRATION_KIND_DONOR_CARD,
        name="standing_registrations",
    )
    return [
        LatestVersion(
            str(row["patient_ref"]),
            str(row["id"]),
            row["version"],
            row["kind"],
            row["effective_at"],
            row["digest"],
            row["older"],
            row["fed"],
            row,
        )
        for row in rows
    ]
