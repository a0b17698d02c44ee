"""SQL of the patients' keys: locked for who writes, unwrapped for who reads."""

from collections.abc import Iterable, Mapping

import asyncpg

from services.own_registrations.sealing import RegistrationKey
from shared.database import Session
from shared.sealing import ContentDamagedError, KeyWrap, WrappedKey


class PatientKeys:
    """The keys of some patients."""

    def __init__(self, wrap: KeyWrap, wrapped: Mapping[str, WrappedKey | None]) -> None:
        self._wrap = wrap
        self._wrapped = dict(wrapped)
        self._opened: dict[str, RegistrationKey] = {}

    def of(self, patient_ref: str) -> RegistrationKey:
        """Returns the patient's key. Raises ContentDamagedError when there is none, or it does not open."""
        if patient_ref not in self._opened:
            wrapped = self._wrapped.get(patient_ref)
            if wrapped is None:
                raise ContentDamagedError("a patient's key is missing")
            self._opened[patient_ref] = RegistrationKey(self._wrap.unwrap(patient_ref, wrapped))
        return self._opened[patient_ref]

    async def make(self, session: Session, refs: Iterable[str]) -> None:
        """Makes the keys of those who have none."""
        new = [ref for ref in sorted(set(refs)) if self._wrapped.get(ref) is None]
        if not new:
            return
        keys = [self._wrap.new_key(ref) for ref in new]
        await session.execute(
            "UPDATE patient_keys SET wrapped = new.wrapped, key_id = new.key_id"
            " FROM unnest($1::uuid[], $2::bytea[], $3::smallint[]) AS new (patient_ref, wrapped, key_id)"
            " WHERE patient_keys.patient_ref = new.patient_ref",
            new,
            [key.wrapped for key in keys],
            [key.key_id for key in keys],
            name="make_patient_keys",
        )
        self._wrapped.update(zip(new, keys, strict=True))


async def locked(session: Session, wrap: KeyWrap, refs: Iterable[str]) -> PatientKeys:
    """Returns the keys of patients, for whom nobody else writes until the transaction ends.

    Rows come before locks, and both in order: who waits for whom is never a circle. Locks of rows, since those of an
    import's thousands of patients would not fit in PostgreSQL's table of advisory locks.
    """
    wanted = sorted(set(refs))
    await session.execute(
        "INSERT INTO patient_keys (patient_ref) SELECT ref FROM unnest($1::uuid[]) AS ref ORDER BY ref"
        " ON CONFLICT DO NOTHING",
        wanted,
        name="add_patient_keys",
    )
    rows = await session.fetch(
        "SELECT patient_ref, wrapped, key_id FROM patient_keys WHERE patient_ref = ANY($1::uuid[])"
        " ORDER BY patient_ref FOR UPDATE",
        wanted,
        name="lock_patient_keys",
    )
    return PatientKeys(wrap, wrapped_keys(rows))


def wrapped_keys(rows: Iterable[asyncpg.Record]) -> dict[str, WrappedKey | None]:
    """Returns the wrapped keys that rows hold, by patient; None for a patient without one."""
    return {
        str(row["patient_ref"]): WrappedKey(row["wrapped"], row["key_id"]) if row["wrapped"] is not None else None
        for row in rows
    }
