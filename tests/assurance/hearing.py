"""What a follower heard of a register's changes, compared with what the register has stored."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import asyncpg

from tests.support.system import System


class Told(NamedTuple):
    """A change as a follower heard it; `stream` counts its streams."""

    change: tuple[str, int]
    stream: int


def faults(told: Sequence[Told], stored: Sequence[tuple[str, int]]) -> list[str]:
    """Returns what is wrong with what was sent of one patient in one register, whose changes are stored in this order.

    A stream may begin with what an earlier one has sent; from there on each change comes once, in order.
    """
    found = []
    numbers = {change: number for number, change in enumerate(stored)}
    missing = numbers.keys() - {each.change for each in told}
    if missing:
        found.append(f"{len(missing)} of {len(stored)} were not told, such as number {min(map(numbers.get, missing))}")  # type: ignore[type-var]  # they are all there
    furthest, last, stream = -1, -1, 0
    for each in told:
        number = numbers.get(each.change)
        if number is None:
            found.append(f"{each.change} is not stored")
            continue
        if number > furthest + 1:
            found.append(f"number {number} came before number {furthest + 1}")
        if each.stream == stream and number != last + 1:
            found.append(f"number {number} followed number {last} in one stream")
        furthest, last, stream = max(furthest, number), number, each.stream
    return found


async def stored_changes(system: System, service: str, refs: Sequence[str]) -> list[tuple[str, int]]:
    """Returns a register's changes of one patient in order. Fails when they are not the versions that it has stored."""
    connection = await asyncpg.connect(system.local.database_owner_url(service), timeout=10)
    try:
        ids = [UUID(ref) for ref in refs]
        entries = await connection.fetch("SELECT id, version FROM entries WHERE patient_ref = ANY($1)", ids)
        rows = await connection.fetch(
            "SELECT entry_id, version FROM outbox WHERE patient_ref = ANY($1) ORDER BY took_effect, seq", ids
        )
    finally:
        await connection.close()
    changes = [(str(row[0]), row[1]) for row in rows]
    assert sorted(changes) == sorted((str(row[0]), row[1]) for row in entries), f"{service}: outbox and entries differ"
    return changes
