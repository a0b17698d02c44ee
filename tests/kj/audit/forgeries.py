"""Thirteen ways to forge a log, by somebody who owns its database; each returns which records may be named first.

They run with every trigger of the tables off. A careful forger mends what the database holds of the forged record, too:
its digest, counters, the coordinator, tiles and checkpoints.
"""
# ruff: noqa: S608  # the SQL is put together of names that stand here

import hashlib
import random
from collections.abc import Awaitable, Callable

import asyncpg

from kjernejournal.audit.v1.audit_pb2 import AuditRecord
from shared.transparency.checkpoints import Checkpoint
from shared.transparency.entries import Row, encode
from shared.transparency.notes import Signer, sign
from shared.transparency.tiles import Edge
from shared.transparency.tree import leaf_hash

RECORDS = ("entries", "personal", "also_about")
TABLES = (*RECORDS, "tiles", "checkpoints", "cosignatures", "coordinator", "patient_counters")
CLOCK = "UPDATE entries SET occurred_at = occurred_at - interval '1 s' WHERE idx = $1"
AWAY = 1_000_000
"""Added to an index while its row moves."""
ROW = "idx, record_id, access_id, kind, occurred_at, committed_at, legal_entity, content, commitment"


class Forger:
    """Somebody with a superuser's connection, in a transaction that is rolled back afterwards."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]", rng: random.Random, key: Signer) -> None:
        self.sql = connection
        self.rng = rng
        self.key = key
        """The log's own key, for the forger who has it."""

    async def begin(self) -> None:
        """Takes the triggers away."""
        for table in TABLES:
            await self.sql.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        self.size = int(await self.sql.fetchval("SELECT next_index FROM coordinator"))

    async def any_record(self) -> int:
        """Returns the index of some record, the last ones as often as all others."""
        if self.rng.random() < 0.3:
            return self.size - 1 - self.rng.randrange(3)
        return self.rng.randrange(self.size)

    async def change(self) -> range:
        """Renames whoever is in a record, or turns back its clock, and mends the digest."""
        idx = await self.any_record()
        row = await self.sql.fetchrow(
            "SELECT e.content, p.content AS personal FROM entries AS e JOIN personal AS p USING (idx) WHERE idx = $1",
            idx,
        )
        assert row is not None
        what = self.rng.randrange(4)
        if what == 0:
            content = AuditRecord.FromString(row["content"])
            content.actor.point_of_care.name += "x"
            changed, personal = content.SerializeToString(deterministic=True), row["personal"]
        elif what == 1:
            changed, personal = row["content"], row["personal"].replace(b"Ola", b"Kar")
        elif what == 2:
            await self.sql.execute(CLOCK, idx)
            return range(idx, idx + 1)
        else:
            await self.sql.execute("UPDATE entries SET access_id = gen_random_uuid() WHERE idx = $1", idx)
            return range(idx, idx + 1)
        digest = hashlib.sha256(len(changed).to_bytes(8, "big") + changed + personal).digest()
        await self.sql.execute("UPDATE entries SET content = $2, digest = $3 WHERE idx = $1", idx, changed, digest)
        await self.sql.execute("UPDATE personal SET content = $2 WHERE idx = $1", idx, personal)
        return range(idx, idx + 1)

    async def delete(self) -> range:
        """Takes a record away."""
        idx = self.rng.randrange(self.size - 1)
        await self._delete("idx = $1", idx)
        return range(idx, idx + 1)

    async def insert(self) -> range:
        """Puts a copy of a record between two others, and moves those behind it."""
        idx = self.rng.randrange(1, self.size)
        await self._move(idx, 1)
        await self.sql.execute(
            f"INSERT INTO entries ({ROW}, digest) SELECT $2, gen_random_uuid(), access_id, kind, occurred_at,"
            " committed_at, legal_entity, content, commitment, digest FROM entries WHERE idx = $1",
            idx - 1,
            idx,
        )
        await self.sql.execute(
            "INSERT INTO personal SELECT $2, patient_ref, patient_sequence, access_id, salt, content FROM personal"
            " WHERE idx = $1",
            idx - 1,
            idx,
        )
        await self.sql.execute("UPDATE coordinator SET next_index = next_index + 1")
        return range(idx, idx + 1)

    async def swap(self) -> range:
        """Lets two records change places."""
        one, other = sorted(self.rng.sample(range(self.size), 2))
        for table in RECORDS:
            await self.sql.execute(f"UPDATE {table} SET idx = {AWAY} + idx WHERE idx IN ($1, $2)", one, other)
            await self.sql.execute(f"UPDATE {table} SET idx = $1 - (idx - {AWAY}) WHERE idx >= {AWAY}", one + other)
        return range(one, one + 1)

    async def renumber(self) -> range:
        """Takes a record away, and closes the gap."""
        idx = self.rng.randrange(self.size - 1)
        await self._delete("idx = $1", idx)
        await self._move(idx + 1, -1)
        await self.sql.execute("UPDATE coordinator SET next_index = next_index - 1")
        return range(idx, idx + 1)

    async def cut_the_tail(self) -> range:
        """Takes the last records away, and gives their indices out again."""
        left = self.size - self.rng.randrange(1, 6)
        await self._delete("idx >= $1", left)
        await self.sql.execute("UPDATE coordinator SET next_index = $1", left)
        return range(left, left + 1)

    async def restore_an_old_copy(self) -> range:
        """Puts everything back to how it was at an earlier checkpoint: nothing in the database itself is wrong."""
        size = await self._earlier()
        await self._delete("idx >= $1", size)
        await self.sql.execute("DELETE FROM checkpoints WHERE size > $1", size)
        await self.sql.execute("DELETE FROM cosignatures WHERE size > $1", size)
        await self.sql.execute("DELETE FROM tiles WHERE (number + 1) << (8 * (level + 1)) > $1", size)
        await self._recount(size)
        return range(size, size + 1)

    async def edit_a_tile(self) -> range:
        """Changes a bit of a tile, or its root."""
        column = self.rng.choice(["hashes", "root"])
        row = await self.sql.fetchrow("SELECT level, number FROM tiles ORDER BY random() LIMIT 1")
        assert row is not None
        await self.sql.execute(
            f"UPDATE tiles SET {column} = set_bit({column}, $3, 1 - get_bit({column}, $3))"
            " WHERE level = $1 AND number = $2",
            row["level"],
            row["number"],
            self.rng.randrange(256),
        )
        first = row["number"] << 8 * (row["level"] + 1)
        return range(first, first + 1)

    async def edit_a_checkpoint(self) -> range:
        """Changes the root, the kept hashes, the size or the signature of a checkpoint."""
        size = await self._earlier()
        change = self.rng.choice(
            [
                "root = sha256(root)",
                "leaves = set_bit(leaves, 3, 1 - get_bit(leaves, 3))",
                "leaves = substring(leaves FROM 33)",
                "note = replace(note, E'\\n' || size || E'\\n', E'\\n' || size + 1 || E'\\n')",
                "note = reverse(note)",
                "note = left(note, length(note) - 9) || 'AAAAAAA=' || E'\\n'",
            ]
        )
        await self.sql.execute(f"UPDATE checkpoints SET {change} WHERE size = $1", size)
        before = await self._size_before(size)
        return range(before, size)

    async def fork_with_the_real_key(self) -> range:
        """Changes a record, and signs everything from there on anew with the log's own key."""
        idx = self.rng.randrange(self.size - 10)
        await self.sql.execute(CLOCK, idx)
        edge, start = Edge(), 0
        await self.sql.execute("DELETE FROM tiles")
        for checkpoint in await self.sql.fetch("SELECT size FROM checkpoints ORDER BY size"):
            rows = await self.sql.fetch(
                f"SELECT {ROW} FROM entries WHERE idx >= $1 AND idx < $2 ORDER BY idx", start, checkpoint["size"]
            )
            leaves = [leaf_hash(encode(Row(*row))) for row in rows]
            for leaf in leaves:
                for tile in edge.append(leaf):
                    await self.sql.execute("INSERT INTO tiles VALUES ($1, $2, $3, $4)", *tile)
            start = checkpoint["size"]
            note = sign(Checkpoint(self.key.name, start, edge.root()).text, [self.key])
            await self.sql.execute(
                "UPDATE checkpoints SET root = $2, leaves = $3, note = $4 WHERE size = $1",
                start,
                edge.root(),
                b"".join(leaves),
                note,
            )
        if self.rng.random() < 0.5:
            await self.sql.execute("DELETE FROM cosignatures")
            return range(1)
        return range(await self._size_before(idx + 1), idx + 1) if idx else range(1)

    async def replay_a_witness(self) -> range:
        """Puts a witness's line of one checkpoint on another."""
        sizes = [row[0] for row in await self.sql.fetch("SELECT size FROM cosignatures ORDER BY size")]
        one, other = self.rng.sample(sizes, 2)
        await self.sql.execute(
            "UPDATE cosignatures SET line = (SELECT line FROM cosignatures WHERE size = $2) WHERE size = $1", one, other
        )
        return range(await self._size_before(one), one)

    async def erase_without_the_eraser(self) -> range:
        """Takes away what names persons, and leaves no word of it."""
        idx = await self.any_record()
        await self.sql.execute("DELETE FROM personal WHERE idx = $1", idx)
        return range(idx, idx + 1)

    async def shift_a_counter(self) -> range:
        """Changes how many records a patient is said to have, or the place of one of them."""
        if self.rng.random() < 0.5:
            change = self.rng.choice(
                ["records = records + 1", "records = greatest(records - 1, 1) + 5", "patient_ref = gen_random_uuid()"]
            )
            await self.sql.execute(
                f"UPDATE patient_counters SET {change} WHERE patient_ref ="
                " (SELECT patient_ref FROM patient_counters ORDER BY random() LIMIT 1)"
            )
            return range(self.size, self.size + 1)
        idx = await self.sql.fetchval(
            "UPDATE personal SET patient_sequence = patient_sequence + 1 WHERE idx ="
            " (SELECT idx FROM personal WHERE patient_ref IS NOT NULL ORDER BY random() LIMIT 1) RETURNING idx"
        )
        return range(idx, idx + 1)

    async def _delete(self, where: str, *arguments: int) -> None:
        for table in RECORDS:
            await self.sql.execute(f"DELETE FROM {table} WHERE {where}", *arguments)

    async def _move(self, first: int, by: int) -> None:
        for table in RECORDS:
            await self.sql.execute(f"UPDATE {table} SET idx = {AWAY} + idx WHERE idx >= $1", first)
            await self.sql.execute(f"UPDATE {table} SET idx = idx - {AWAY} + $1 WHERE idx >= {AWAY}", by)

    async def _earlier(self) -> int:
        """Returns the size of a checkpoint that is not the newest."""
        sizes = await self.sql.fetch("SELECT size FROM checkpoints ORDER BY size DESC OFFSET 1")
        return int(self.rng.choice(sizes)[0])

    async def _size_before(self, size: int) -> int:
        """Returns the size of the checkpoint below this size."""
        found = await self.sql.fetchval("SELECT max(size) FROM checkpoints WHERE size < $1", size)
        return int(found or 0)

    async def _recount(self, size: int) -> None:
        """Makes the coordinator and the counters those of so many records."""
        await self.sql.execute("UPDATE coordinator SET next_index = $1", size)
        await self.sql.execute("DELETE FROM patient_counters")
        await self.sql.execute(
            "INSERT INTO patient_counters SELECT patient_ref, max(patient_sequence) FROM ("
            " SELECT patient_ref, patient_sequence FROM personal WHERE patient_ref IS NOT NULL"
            " UNION ALL SELECT patient_ref, patient_sequence FROM also_about) AS about GROUP BY patient_ref"
        )


Forgery = Callable[[Forger], Awaitable[range]]
FORGERIES: dict[str, Forgery] = {
    each.__name__: each
    for each in (
        Forger.change,
        Forger.delete,
        Forger.insert,
        Forger.swap,
        Forger.renumber,
        Forger.cut_the_tail,
        Forger.restore_an_old_copy,
        Forger.edit_a_tile,
        Forger.edit_a_checkpoint,
        Forger.fork_with_the_real_key,
        Forger.replay_a_witness,
        Forger.erase_without_the_eraser,
        Forger.shift_a_counter,
    )
}
