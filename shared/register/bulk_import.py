"""A feed's stream into a register: each message stored whole or not at all, and sending it again changes nothing."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import TypeVar
from uuid import UUID

from kjernejournal.common.v1.common_pb2 import EntryHeader, ImportCounts, PatientIdentifier
from shared.errors import Invalid, KjernejournalError
from shared.handling import identities
from shared.register.entry import SOURCE_NEEDED, imported_id

Request = TypeVar("Request")


async def import_stream(
    messages: AsyncIterator[Request], store: Callable[[Request], Awaitable[ImportCounts]]
) -> ImportCounts:
    """Lets `store` take each message whole, and adds up what it did.

    A refused message ends the stream; `batches_stored` in the details says how many before it stand.
    """
    counts = ImportCounts()
    try:
        async for message in messages:
            replaced = identities.replaced()
            stored = await store(message)
            stored.batches, stored.national_ids_replaced = 1, replaced
            add(counts, stored)
    except KjernejournalError as error:
        error.details["batches_stored"] = str(counts.batches)
        raise
    return counts


def add(into: ImportCounts, counts: ImportCounts) -> None:
    """Adds counts to counts."""
    for field in ImportCounts.DESCRIPTOR.fields:
        setattr(into, field.name, getattr(into, field.name) + getattr(counts, field.name))


def patient_ref(patient: PatientIdentifier, path: str) -> str:
    """Returns the reference that the front door put in place of the national id, in lower case as PostgreSQL gives it
    back.

    Raises Invalid when there is none.
    """
    if not patient.patient_ref:
        raise Invalid(f"{path}.patient", "the patient is not known")
    return str(UUID(patient.patient_ref))


def alias_refs(patient: PatientIdentifier) -> list[str]:
    """Returns the patient's other references, which merges have left."""
    return [str(UUID(ref)) for ref in patient.alias_refs]


def entry_id(ref: str, header: EntryHeader, path: str) -> str:
    """Returns the id of an imported entry, from its identifier at the source. Raises Invalid without one, or without a
    time."""
    source = header.provenance
    if not source.source_id:
        raise Invalid(f"{path}.header.provenance.source_id", "is required: the entry's identifier at the source")
    if not source.source_system:
        raise Invalid(f"{path}.header.provenance.source_system", SOURCE_NEEDED)
    if not source.HasField("recorded_at"):
        raise Invalid(f"{path}.header.provenance.recorded_at", "is required: when the source recorded the entry")
    return imported_id(ref, source.source_system, source.source_id)


def elsewhere(aliases: Iterable[str], header: EntryHeader, name: str = "{}") -> list[tuple[str, str]]:
    """Returns the reference and id that an imported entry has where it came before a merge. `name`: what its source_id
    is put in, in registers whose ids are made with the kind of entry too."""
    source = header.provenance
    return [(ref, imported_id(ref, source.source_system, name.format(source.source_id))) for ref in aliases]
