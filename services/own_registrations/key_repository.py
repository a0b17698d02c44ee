"""SQL of the patients' keys: locked for who writes, unwrapped for who reads."""

from collections.abc import Iterable, Mapping

from services.own_registrations.sealing import RegistrationKey
from shared.database import Session
from shared.sealing import ContentDamagedError, KeyWrap


class PatientKeys:
    """The keys of some patients."""

    def __init__(self, wrap: KeyWrap, wrapped: Mapping[str, bytes | None]) -> None:
        self._wrap = wrap
        self._wrapped = dict(wrapped)
        self._opened: dict[str, RegistrationKey] = {}

    def of(self, patient_ref: str) -> RegistrationKey:
        """The patient's key. Raises ContentDamagedError when there is none, or it does not open."""
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
        wrapped = [self._wrap.new_key(ref) for ref in new]
        await session.execute(
            "UPDATE patient_keys SET wrapped = new.wrapped"
            " FROM unnest($1::uuid[], $2::bytea[]) AS new (patient_ref, wrapped)"
            " WHERE patient_keys.patient_ref = new.patient_ref",
            new,
            wrapped,
            name="make_patient_keys",
        )
        self._wrapped.update(zip(new, wrapped, strict=True))


async def locked(session: Session, wrap: KeyWrap, refs: Iterable[str]) -> PatientKeys:
    """The keys of patients, for whom nobody else writes until the transaction ends.

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
        "SELECT patient_ref, wrapped FROM patient_keys WHERE patient_ref = ANY($1::uuid[])"
        " ORDER BY patient_ref FOR UPDATE",
        wanted,
        name="lock_patient_keys",
    )
    return PatientKeys(wrap, {str(row["patient_ref"]): row["wrapped"] for row in rows})
