"""Wraps patients' keys anew, so that a wrapping key can be taken out of use. What is encrypted stays as it is.

The service may run meanwhile: a key is read with its number in one statement, and both orders of rows are the same.
"""

from typing import NamedTuple
from uuid import UUID

import asyncpg

from shared.sealing import ContentDamagedError, KeyWrap, WrappedKey

_BATCH = 1000
"""Keys of one transaction: those who write for these patients wait for it."""
_BEFORE_ALL = UUID(int=0)


class Rewrapped(NamedTuple):
    """What became of the keys that another key had wrapped."""

    done: int
    closed: int
    """Keys that do not open: damaged, or their wrapping key is not in the file. They stay as they are."""


class RewrapError(Exception):
    """The database failed; what was wrapped before that stays. The text holds nothing of the database's address."""


async def rewrap(dsn: str, keys: KeyWrap) -> Rewrapped:
    """Wraps every key of `patient_keys` that another key than the first of `keys` has wrapped. Raises RewrapError.

    `dsn` is of the owner role.
    """
    try:
        return await _rewrap(dsn, keys)
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise RewrapError(f"the database failed ({type(error).__name__})") from None


async def _rewrap(dsn: str, keys: KeyWrap) -> Rewrapped:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await connection.execute("SET lock_timeout = '10s'")
        done = closed = 0
        after = _BEFORE_ALL
        while True:
            async with connection.transaction():
                rows = await connection.fetch(
                    "SELECT patient_ref, wrapped, key_id FROM patient_keys"
                    " WHERE key_id <> $1 AND wrapped IS NOT NULL AND patient_ref > $2"
                    " ORDER BY patient_ref LIMIT $3 FOR UPDATE",
                    keys.key_id,
                    after,
                    _BATCH,
                )
                if not rows:
                    return Rewrapped(done, closed)
                after = rows[-1]["patient_ref"]
                made = [(row["patient_ref"], new) for row in rows if (new := _anew(row, keys)) is not None]
                await connection.executemany(
                    "UPDATE patient_keys SET wrapped = $2, key_id = $3 WHERE patient_ref = $1",
                    [(ref, new.wrapped, new.key_id) for ref, new in made],
                )
            done += len(made)
            closed += len(rows) - len(made)
    finally:
        await connection.close(timeout=5)


def _anew(row: asyncpg.Record, keys: KeyWrap) -> WrappedKey | None:
    try:
        return keys.rewrap(str(row["patient_ref"]), WrappedKey(row["wrapped"], row["key_id"]))
    except ContentDamagedError:
        return None
