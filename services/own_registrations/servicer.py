"""The rpcs of own registrations."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

from kjernejournal.common.v1.common_pb2 import CallerContext, EntryVersion, SectionQuery
from kjernejournal.own_registrations.v1 import own_registrations_pb2 as pb
from kjernejournal.own_registrations.v1.own_registrations_pb2_grpc import OwnRegistrationsServiceServicer
from services.own_registrations import convert, model
from services.own_registrations.import_repository import Imported, ImportRepository
from services.own_registrations.repository import Repository
from services.own_registrations.write_repository import Base, Draft, WriteRepository
from shared.convert import moment, optional_moment
from shared.errors import Invalid
from shared.handling import Context, caller
from shared.register.batch_sections import answer_each
from shared.register.bulk_import import entry_id, import_stream, patient_ref
from shared.register.convert import fed_provenance, window
from shared.register.entry import StoredEntry, imported_id
from shared.register.lateness import made_at
from shared.register.paging import page_of

MOMENT = timedelta(microseconds=1)
"""The least that PostgreSQL can distinguish."""


class Servicer(OwnRegistrationsServiceServicer):
    """Own registrations of patients."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._writes = WriteRepository(repository.database, repository.keys)
        self._imports = ImportRepository(repository.database, repository.keys)

    async def ListOwnRegistrations(
        self, request: pb.ListOwnRegistrationsRequest, context: Context
    ) -> pb.ListOwnRegistrationsResponse:
        as_of, kinds = optional_moment(request, "as_of"), model.asked_kinds(request.kinds)
        page = page_of(request.page_size, request.page_token, as_of, kinds)
        found = await self._repository.page(caller.patient_refs(), page, kinds=kinds, as_of=as_of)
        return pb.ListOwnRegistrationsResponse(
            registrations=[convert.entry(stored) for stored in found.entries],
            next_page_token=found.next_page_token,
            window=window(found, None),
        )

    async def SaveOwnRegistration(
        self, request: pb.SaveOwnRegistrationRequest, context: Context
    ) -> pb.SaveOwnRegistrationResponse:
        now = datetime.now(UTC)
        base = _base(request)
        with _inside("registration"):
            model.check(request.registration, now)
            model.check_reachable(request.registration)
            if request.registration.withdrawn:
                raise Invalid("withdrawn", "is a feed's to state: delete the registration")
        registration = convert.to_store(request.registration, convert.author(caller.current(), now))

        def draft(latest: StoredEntry | None) -> Draft:
            if latest is None:
                return Draft(model.kind_of(registration), now, convert.content(registration))
            with _inside("registration"):
                model.check_kind(registration, latest.kind)
            following = convert.following(registration, latest.content)
            # After what it changes, also where a feed's clock is ahead: else the feed would change it back.
            return Draft(latest.kind, max(now, latest.effective_at + MOMENT), convert.content(following))

        sent = convert.sent_request(request)
        stored = await self._writes.save(caller.patient_refs(), request.request_id, sent, base, draft)
        return pb.SaveOwnRegistrationResponse(registration=convert.entry(stored))

    async def DeleteOwnRegistration(
        self, request: pb.DeleteOwnRegistrationRequest, context: Context
    ) -> pb.DeleteOwnRegistrationResponse:
        if request.expected_version < 0:
            raise Invalid("expected_version", "must be 1 or more, or 0 for whichever it is")
        # Ids that nobody could guess and a number: a plain digest of them gives nothing away.
        asked = hashlib.sha256(f"{request.id.lower()} {request.expected_version}".encode()).digest()
        version = await self._writes.delete(
            caller.patient_refs(), request.request_id, request.id, request.expected_version, asked
        )
        return pb.DeleteOwnRegistrationResponse(deleted=EntryVersion(id=request.id.lower(), version=version))

    async def BatchGetSections(
        self, request: pb.BatchGetSectionsRequest, context: Context
    ) -> pb.BatchGetSectionsResponse:
        answers = await answer_each(request.queries, pb.SectionAnswer, self._section)
        return pb.BatchGetSectionsResponse(answers=answers)

    async def BulkImport(
        self, request_iterator: AsyncIterator[pb.BulkImportRequest], context: Context
    ) -> pb.BulkImportResponse:
        feed = caller.current()
        counts = await import_stream(request_iterator, lambda each: self._imports.store(list(_imported(each, feed))))
        return pb.BulkImportResponse(counts=counts)

    async def _section(self, query: SectionQuery) -> pb.OwnRegistrationsSection:
        as_of, since = optional_moment(query, "as_of"), optional_moment(query, "since")
        refs = list(query.caller.patient_refs)
        found = await self._repository.newest(refs, query.max_entries, as_of=as_of, since=since)
        return convert.section(found.page, found.counts, since)


def _base(request: pb.SaveOwnRegistrationRequest) -> Base | None:
    """Returns the version that is to be changed; None: the registration is new."""
    if not request.id:
        if request.expected_version:
            raise Invalid("expected_version", "belongs to a change: id names the entry")
        return None
    try:
        known_as = str(UUID(request.id))
    except ValueError:
        raise Invalid("id", "must be a UUID") from None
    if request.expected_version < 1:
        raise Invalid("expected_version", "is required: the version that the change is made from")
    return Base(known_as, request.expected_version)


@contextmanager
def _inside(path: str) -> Iterator[None]:
    """Puts `path` before the field of what the block refuses."""
    try:
        yield
    except Invalid as error:
        raise error.inside(path) from None


def _imported(message: pb.BulkImportRequest, feed: CallerContext) -> Iterator[Imported]:
    now = datetime.now(UTC)
    with_card: set[str] = set()
    for number, patient in enumerate(message.patients):
        path = f"patients[{number}]"
        ref = patient_ref(patient.patient, path)
        refs = list(dict.fromkeys([str(ref), *(str(UUID(alias)) for alias in patient.patient.alias_refs)]))
        for position, registration in enumerate(patient.registrations):
            where = f"{path}.registrations[{position}]"
            with _inside(where):
                model.check(registration, now)
            entry_id(ref, registration.header, where)
            stated = registration.header.provenance
            if moment(stated.recorded_at) > now + model.AHEAD:
                raise Invalid(f"{where}.header.provenance.recorded_at", "is in the future")
            if registration.HasField("donor_card"):
                if not with_card.isdisjoint(refs):
                    raise Invalid(f"{where}.donor_card", "is a second one: a patient has one donor card")
                with_card.update(refs)
            source = fed_provenance(stated, feed, now)
            yield Imported(
                refs=refs,
                names=[str(imported_id(each, stated.source_system, stated.source_id)) for each in refs],
                kind=model.kind_of(registration),
                recorded_at=made_at(source, now),
                listed_at=moment(source.recorded_at),
                registration=convert.to_store(registration, source),
                sent=convert.sent(registration),
                path=where,
            )
