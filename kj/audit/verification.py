"""Verifies the access log, row by row, against what was signed. No I/O: rows and checkpoints are fed in their order.

A record that differs from the hash that was kept of it is named; the tree goes on with that hash, so that one changed
record is one finding. What nobody could have signed otherwise is the root: the log's key signs it, and a witness.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from google.protobuf.message import DecodeError

from kjernejournal.audit.v1.audit_pb2 import AuditRecord
from shared.transparency.checkpoints import Checkpoint, parse_checkpoint
from shared.transparency.entries import Place, Row, commitment, encode
from shared.transparency.notes import NoteRefused, Verifier, open_note
from shared.transparency.tiles import HEIGHT, Edge
from shared.transparency.tree import HASH_BYTES, leaf_hash


class Personal(NamedTuple):
    """What names persons in a record, as it stands in the database."""

    access_id: UUID
    salt: bytes
    content: bytes
    places: Sequence[Place]
    """The reference in the row itself first, where there is one, then the others in order."""


class Record(NamedTuple):
    """A record as it stands in the database."""

    row: Row
    digest: bytes
    personal: Personal | None
    """None: it was erased."""


class Signed(NamedTuple):
    """A checkpoint as it stands in the database."""

    size: int
    root: bytes
    leaves: bytes
    note: str


class Finding(NamedTuple):
    """Something that is not as it was signed."""

    record: int
    """Index of the record, or of the first that it may be."""
    what: str


_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass
class Verification:
    """What was found so far. Feed checkpoints in `signed` before their records."""

    log: Verifier
    witnesses: Sequence[Verifier] = ()
    known: Sequence[Checkpoint] = ()
    """Checkpoints from elsewhere: a witness's own, one that somebody has kept."""
    records: int = 0
    erased: int = 0
    _signed: int = 0
    """Size of the last checkpoint whose records are through: what follows may not be in a tile yet."""
    _leaves: bytes = b""
    _leaves_from: int = 0
    _edge: Edge = field(default_factory=Edge)
    _last_at: datetime = _NEVER
    _counted: dict[bytes, int] = field(default_factory=dict)
    _roots: dict[int, bytes] = field(default_factory=dict)
    _tiles: dict[tuple[int, int], bytes] = field(default_factory=dict)
    """Digest of each full tile that has not been compared yet."""

    def checkpoint(self, signed: Signed) -> Iterator[Finding]:
        """Takes the checkpoint over the records that follow; yields what is wrong with it by itself."""
        start, expected = self._edge.size, signed.size - self._edge.size
        self._leaves, self._leaves_from = signed.leaves, start
        if len(signed.leaves) != expected * HASH_BYTES:
            yield Finding(start, f"the checkpoint of size {signed.size} holds other records than those since {start}")
        try:
            text, by = open_note(signed.note, [self.log, *self.witnesses])
            stated = parse_checkpoint(text)
        except NoteRefused as error:
            yield Finding(start, f"the checkpoint of size {signed.size}: {error}")
            return
        if self.log not in [each.verifier for each in by]:
            yield Finding(start, f"the checkpoint of size {signed.size} is not signed by the log")
        if stated != Checkpoint(self.log.name, signed.size, signed.root):
            yield Finding(start, f"the checkpoint of size {signed.size} signs another log, size or root")

    def record(self, record: Record) -> Iterator[Finding]:
        """Takes the next record; yields what is wrong with it."""
        row, index = record.row, self._edge.size
        if row.idx != index:
            yield Finding(index, f"record {index} is missing")
            while self._edge.size < row.idx:
                self._grow(self._signed_leaf(self._edge.size) or bytes(HASH_BYTES))
        leaf, signed = leaf_hash(encode(row)), self._signed_leaf(row.idx)
        if signed is not None and signed != leaf:
            yield Finding(row.idx, f"record {row.idx} was changed: {self._part(record)}")
        elif wrong := self._disagrees(record):
            yield Finding(row.idx, f"record {row.idx}: {wrong}")
        yield from self._count(record)
        if row.committed_at < self._last_at:
            yield Finding(row.idx, f"record {row.idx} was committed before the one before it")
        self._last_at = max(self._last_at, row.committed_at)
        self._grow(signed or leaf)
        self.records += 1

    def at_checkpoint(self, signed: Signed) -> Iterator[Finding]:
        """Yields whether the tree is what a checkpoint signs, once its records are through."""
        before = self._leaves_from
        while self._edge.size < signed.size:
            lost = self._edge.size
            yield Finding(lost, f"record {lost} is missing")
            self._grow(self._signed_leaf(lost) or bytes(HASH_BYTES))
        if self._edge.root() != signed.root:
            yield Finding(before, f"the records {before} to {signed.size - 1} are not those that were signed")
        self._leaves, self._signed = b"", signed.size

    def tile(self, level: int, number: int, hashes: bytes, root: bytes) -> Iterator[Finding]:
        """Yields whether a full tile of the database is the one that the records give."""
        if self._tiles.pop((level, number), None) != hashlib.sha256(hashes + root).digest():
            first = number << HEIGHT * (level + 1)
            yield Finding(first, f"tile {level}/{number} is another than the records from {first} give")

    def end(self, next_index: int, counters: Iterator[tuple[bytes, int]]) -> Iterator[Finding]:
        """Yields what does not fit once every row is through: the coordinator, counters, tiles, known checkpoints."""
        size = self._edge.size
        if next_index != size:
            yield Finding(min(next_index, size), f"the log has given out {next_index} indices and holds {size} records")
        for ref, records in counters:
            last = self._counted.pop(ref, 0)
            if last > records or (last < records and not self.erased):
                yield Finding(size, "a patient's counter is not the number of the patient's records")
        if self._counted:
            yield Finding(size, "a patient's counter is missing")
        for level, number in self._tiles:
            if (number + 1) << HEIGHT * (level + 1) > self._signed:
                continue
            yield Finding(number << HEIGHT * (level + 1), f"tile {level}/{number} is missing")
        for each in self.known:
            yield from self._known(each)

    def wanted_roots(self, sizes: Sequence[int]) -> None:
        """Keeps the roots of these sizes, for checkpoints that are known from elsewhere."""
        self._roots = dict.fromkeys(sizes, b"")

    def _known(self, known: Checkpoint) -> Iterator[Finding]:
        if known.origin != self.log.name:
            yield Finding(0, f"a checkpoint from elsewhere is of another log: {known.origin}")
        elif known.size > self._edge.size:
            yield Finding(
                self._edge.size, f"records are missing at the end: a checkpoint from elsewhere has {known.size} of them"
            )
        elif known.size and self._roots.get(known.size) != known.root:
            yield Finding(0, f"the first {known.size} records are others than a checkpoint from elsewhere signs")

    def _grow(self, leaf: bytes) -> None:
        for tile in self._edge.append(leaf):
            self._tiles[tile.level, tile.number] = hashlib.sha256(tile.hashes + tile.root).digest()
        if self._edge.size in self._roots:
            self._roots[self._edge.size] = self._edge.root()

    def _signed_leaf(self, index: int) -> bytes | None:
        at = (index - self._leaves_from) * HASH_BYTES
        return self._leaves[at : at + HASH_BYTES] or None if at >= 0 else None

    def _part(self, record: Record) -> str:
        """Returns which part of a changed record it seems to be."""
        return self._disagrees(record) or "its place, ids, times, business or content"

    def _disagrees(self, record: Record) -> str:
        """Returns which parts of a record do not belong together, or nothing."""
        row, personal = record.row, record.personal
        if personal is not None:
            given = len(row.content).to_bytes(8, "big") + row.content + personal.content
            if hashlib.sha256(given).digest() != record.digest:
                return "its content, or who it names, is not what was recorded"
            if commitment(personal.salt, personal.content, personal.places) != row.commitment:
                return "who it names, or their place in their own logs, is not what was committed to"
            if personal.access_id != row.access_id:
                return "it belongs to another access than what it says of persons"
        try:
            stated = AuditRecord.FromString(row.content)
        except DecodeError:
            return "its content cannot be read"
        return "" if _columns(stated) == _columns_of(row) else "its columns are not what its content says"

    def _count(self, record: Record) -> Iterator[Finding]:
        if record.personal is None:
            self.erased += 1
            yield Finding(record.row.idx, f"what names persons in record {record.row.idx} is gone")
            return
        for place in record.personal.places:
            ref = place.ref.bytes
            expected = self._counted.get(ref, 0) + 1
            passed = self.erased and place.sequence > expected
            if place.sequence not in (0, expected) and not passed:
                yield Finding(record.row.idx, f"record {record.row.idx} is not the next one in its patient's own log")
            if place.sequence:
                self._counted[ref] = place.sequence


def _columns(stated: AuditRecord) -> tuple[str, str, int, str]:
    return stated.record_id.lower(), stated.access_id.lower(), stated.kind, stated.actor.legal_entity.number


def _columns_of(row: Row) -> tuple[str, str, int, str]:
    return str(row.record_id), str(row.access_id), row.kind, row.legal_entity
