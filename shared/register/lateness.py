"""Decides which of two versions of an entry is the later one: the one rule of every register, for feeds and streams.

Messages of a feed come again, late and out of order. What is older at its source than the version that stands changes
nothing, and is counted as outdated:

- A version is as old as its source says (`changed_at`, else `recorded_at`), and never younger than its storage: a clock
  that is ahead holds nobody back.
- Withdrawals take part with their time. At the same time, what is withdrawn stays withdrawn.
- Of two different versions of one time the weaker holds, whichever comes first: the one that leaves more possible, as
  the register says (`caution`); of two that leave the same, the one that came last. One that is known as an older
  version is that version again, not a change back.
- What says no time at all (`time_unknown`) is older than all that has one, and of such versions the last stands. A
  withdrawal without a time is of the time of what it takes back: nothing that is known brings that back.
- What comes late for the first time is new.
- What the system or a person makes of a feed's version (a mark, a release, a count) is no news of the source: the
  feed's version under it decides. Where people correct what an entry says, their version decides (`corrected_here`).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from kjernejournal.common.v1.common_pb2 import ABSENCE_KIND_NIL_KNOWN, Provenance, StatedAbsence
from shared.convert import moment
from shared.database import Session
from shared.register.entry import NewEntry
from shared.register.rules import RegisterRules, Version

Place = tuple[str, str]
"""Reference and id of an entry."""


class Standing(NamedTuple):
    """What is stored of an entry, as far as it decides on what comes."""

    latest: Version
    """The latest version of its source, or of whoever corrected it here."""
    known: Mapping[bytes, Version]
    """Versions by the digest of what was sent, of the digests that come again."""


WEAKEST = datetime(1, 1, 2, tzinfo=UTC)
"""The age of what its source gives no time: older than all that has one. The day before is infinity to asyncpg."""


def made_at(source: Provenance, stored_at: datetime) -> datetime:
    """Returns how old a version is: the time that its source states, else that of its storage; the earlier one.

    WEAKEST where the source says that it knows none.
    """
    if source.time_unknown:
        return WEAKEST
    if source.HasField("changed_at"):
        return min(moment(source.changed_at), stored_at)
    return min(moment(source.recorded_at), stored_at) if source.HasField("recorded_at") else stored_at


def stated_at(source: Provenance) -> datetime:
    """Returns when a statement about a whole section was made; WEAKEST: its source says no time."""
    return WEAKEST if source.time_unknown else moment(source.recorded_at)


def by_time(latest: Version, sent: Version, known: bool) -> int:
    """Compares by the time of the source: below 0 where what is sent is older, above 0 where it is newer."""
    if (untimed := without_time(latest, sent, known)) is not None:
        return untimed
    one, other = (made_at(each.message.header.provenance, each.stored_at) for each in (latest, sent))
    return (one < other) - (one > other)


def without_time(latest: Version, sent: Version, known: bool) -> int | None:
    """Compares two versions of which one has no time or neither has; None: both have one."""
    one, other = (not each.message.header.provenance.time_unknown for each in (latest, sent))
    if one and other:
        return None
    if one:
        return 0 if sent.deleted else -1
    return 0 if not other or (latest.deleted and known) else 1


def caution(rules: RegisterRules, version: Version) -> int:
    """Returns how much a version leaves possible: of two of one time the one that leaves more holds."""
    if isinstance(version.message, StatedAbsence):
        return version.message.kind != ABSENCE_KIND_NIL_KNOWN
    return rules.caution(version.message)


async def outdated(session: Session, rules: RegisterRules, batch: Sequence[NewEntry]) -> set[Place]:
    """Returns the places of entries that what is stored is newer than. Entries that are not stored are new."""
    standing = await _standing(session, rules, batch)
    now = datetime.now(UTC)
    return {
        entry[:2] for entry in batch if entry[:2] in standing and _is_outdated(rules, standing[entry[:2]], entry, now)
    }


def newest_of_each(rules: RegisterRules, batch: Sequence[NewEntry]) -> dict[Place, NewEntry]:
    """Returns the newest version of each entry in a message that may hold one twice; of one time, the last."""
    newest: dict[Place, NewEntry] = {}
    now = datetime.now(UTC)
    for entry in batch:
        before = newest.get(entry[:2])
        if before is None or not _is_older(rules, _version(rules, before, now), _version(rules, entry, now)):
            newest[entry[:2]] = entry
    return newest


def _is_outdated(rules: RegisterRules, standing: Standing, new: NewEntry, now: datetime) -> bool:
    known = standing.known.get(new.digest)
    return _is_older(rules, standing.latest, known or _version(rules, new, now), known=known is not None)


def _is_older(rules: RegisterRules, latest: Version, sent: Version, *, known: bool = False) -> bool:
    order = (rules.order or by_time)(latest, sent, known)
    if order:
        return order < 0
    if known or latest.deleted != sent.deleted:
        return known or latest.deleted
    timed = without_time(latest, sent, known) is None
    return timed and caution(rules, sent) < caution(rules, latest)


def _version(rules: RegisterRules, new: NewEntry, now: datetime) -> Version:
    return Version(rules.message_type(new.kind).FromString(new.content), new.deleted, now)


async def _standing(session: Session, rules: RegisterRules, batch: Sequence[NewEntry]) -> dict[Place, Standing]:
    sent = {entry[:2]: entry.digest for entry in batch}
    if not sent:
        return {}
    rows = await session.fetch(
        _STANDING,
        [ref for ref, _ in sent],
        [entry_id for _, entry_id in sent],
        list(sent.values()),
        list(rules.corrected_here),
        name="standing_versions",
    )
    versions: dict[Place, list[tuple[bytes, bool, Version]]] = {}
    for row in rows:
        message: Any = rules.message_type(row["kind"]).FromString(row["content"])
        version = Version(message, row["deleted"], row["stored_at"])
        place = (str(row["patient_ref"]), str(row["id"]))
        versions.setdefault(place, []).append((row["digest"], row["decides"], version))
    return {
        place: Standing(
            next(version for _, decides, version in found if decides),
            {digest: version for digest, _, version in found if digest == sent[place]},
        )
        for place, found in versions.items()
    }


_STANDING = """
WITH sent AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bytea[]) AS sent (patient_ref, id, digest)
), stored AS (
    SELECT entries.patient_ref, entries.id, version, kind, deleted, entries.digest, stored_at, content,
        entries.digest = sent.digest AS known,
        first_value(entries.digest) OVER newest AS last_digest, first_value(version) OVER newest AS last_version
    FROM entries JOIN sent USING (patient_ref, id)
    WINDOW newest AS (PARTITION BY entries.patient_ref, entries.id ORDER BY version DESC)
), ranked AS (
    SELECT *, CASE WHEN kind = ANY($4::int[]) THEN last_version ELSE coalesce(
        max(version) FILTER (WHERE digest <> last_digest) OVER (PARTITION BY patient_ref, id), 0) + 1 END AS deciding
    FROM stored
)
SELECT patient_ref, id, kind, deleted, digest, stored_at, content, version = deciding AS decides FROM ranked
WHERE known OR version = deciding ORDER BY patient_ref, id, version
"""
"""Of each entry the version that decides and those with the digest that is sent. What is made of a feed's version keeps
its digest: the first of the last versions of one digest is the feed's own."""
