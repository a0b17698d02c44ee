"""The rpcs of patients: identities and lists of general practitioners."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from kjernejournal.common.v1.common_pb2 import CallerContext, ImportCounts, Provenance, SectionQuery
from kjernejournal.patients.v1 import patients_pb2 as pb
from kjernejournal.patients.v1.patients_pb2_grpc import PatientsServiceServicer
from services.patients import convert, model, privacy
from services.patients.care_relation_repository import CareRelations, Organisation
from services.patients.merge_repository import Merged, Merges
from services.patients.registration_repository import Registration, Registry
from services.patients.repository import Repository
from shared import national_id
from shared.convert import optional_moment, timestamp
from shared.errors import Denied, Invalid, Reason, patient_not_found
from shared.handling import Context, caller
from shared.register.batch_sections import answer_each
from shared.register.bulk_import import import_stream
from shared.register.convert import provenance

REFS_KEY = "kj-patient-refs-bin"
"""Trailing metadata for the audit record: a serialized CallerContext with patient_refs. The front door takes it off."""

MOST_REFS = 100
"""References in the trailing metadata. More would not fit into what an HTTP/2 peer takes."""


class PatientsServicer(PatientsServiceServicer):
    """Identities of patients. `production`: real national ids only, otherwise synthetic ones only."""

    def __init__(
        self,
        repository: Repository,
        registry: Registry,
        merges: Merges,
        care_relations: CareRelations,
        *,
        production: bool,
    ) -> None:
        self._repository = repository
        self._registry = registry
        self._merges = merges
        self._care_relations = care_relations
        self._production = production

    async def GetPatient(self, request: pb.GetPatientRequest, context: Context) -> pb.GetPatientResponse:
        rows = await self._repository.about(caller.patient_refs(), None)
        section = convert.section(rows, datetime.now(UTC))
        if not section.version:
            raise patient_not_found()
        return pb.GetPatientResponse(patient=section)

    async def RegisterPatient(self, request: pb.RegisterPatientRequest, context: Context) -> pb.RegisterPatientResponse:
        with inside("person"):
            model.check_person(request.person, production=self._production)
        source = provenance(caller.current(), datetime.now(UTC))
        stored = await self._registry.register(Registration(request.person), request.request_id, source)
        _send_refs(context, stored.refs)
        return pb.RegisterPatientResponse(
            version=stored.version, stored_at=timestamp(stored.stored_at), outdated=stored.outdated
        )

    async def MergePatients(self, request: pb.MergePatientsRequest, context: Context) -> pb.MergePatientsResponse:
        made = await self._merge(request, request.merged_national_id, "merged_national_id", context, joined=True)
        response = pb.MergePatientsResponse.FromString(made.content)
        response.stored_at.CopyFrom(timestamp(made.stored_at))
        response.outdated = made.outdated
        return response

    async def UnmergePatients(self, request: pb.UnmergePatientsRequest, context: Context) -> pb.UnmergePatientsResponse:
        value = request.separated_national_id
        made = await self._merge(request, value, "separated_national_id", context, joined=False)
        response = pb.UnmergePatientsResponse.FromString(made.content)
        response.stored_at.CopyFrom(timestamp(made.stored_at))
        response.outdated = made.outdated
        return response

    async def _merge(
        self,
        request: pb.MergePatientsRequest | pb.UnmergePatientsRequest,
        value: str,
        field: str,
        context: Context,
        *,
        joined: bool,
    ) -> Merged:
        national_id.parse(value, production=self._production, field=field)
        made = await self._merges.merge(
            caller.patient_refs()[0],
            value,
            request.request_id,
            convert.sent(request),
            _at(provenance(caller.current(), datetime.now(UTC)), request),
            joined=joined,
        )
        _send_refs(context, made.refs)
        return made

    async def AssignGeneralPractitioner(
        self, request: pb.AssignGeneralPractitionerRequest, context: Context
    ) -> pb.AssignGeneralPractitionerResponse:
        with inside("assignment"):
            model.check_assignment(request.assignment)
        stored = await self._repository.assign(
            caller.patient_refs()[0],
            request.assignment,
            request.request_id,
            convert.sent(request),
            provenance(caller.current(), datetime.now(UTC)),
        )
        return pb.AssignGeneralPractitionerResponse(
            version=stored.version, stored_at=timestamp(stored.stored_at), outdated=stored.outdated
        )

    async def RegisterCareRelation(
        self, request: pb.RegisterCareRelationRequest, context: Context
    ) -> pb.RegisterCareRelationResponse:
        asking = caller.current()
        if not asking.legal_entity:
            raise Denied(Reason.ERROR_REASON_NO_ACCESS, "the token names no organisation to have the relation")
        relation = await self._care_relations.register(
            caller.patient_refs()[0],
            Organisation(asking.legal_entity, asking.organisation.number or asking.legal_entity),
            optional_moment(request, "until"),
            request.request_id,
            convert.sent(request),
            provenance(asking, datetime.now(UTC)),
        )
        return pb.RegisterCareRelationResponse(relation=relation)

    async def ResolvePatients(self, request: pb.ResolvePatientsRequest, context: Context) -> pb.ResolvePatientsResponse:
        asked = list(dict.fromkeys(request.national_ids))
        found: dict[str, list[convert.Row]] = defaultdict(list)
        for row in await self._repository.resolve(asked):
            found[row["value"]].append(row)
        now = datetime.now(UTC)
        return pb.ResolvePatientsResponse(
            patients=[
                convert.resolution(value, found[value], now)
                if value in found
                else pb.PatientResolution(national_id=value, state=pb.RESOLUTION_STATE_UNKNOWN)
                for value in asked
            ]
        )

    async def BatchGetSections(
        self, request: pb.BatchGetSectionsRequest, context: Context
    ) -> pb.BatchGetSectionsResponse:
        answers = await answer_each(request.queries, pb.SectionAnswer, self._section)
        return pb.BatchGetSectionsResponse(answers=answers)

    async def _section(self, query: SectionQuery) -> pb.PatientSection:
        as_of = optional_moment(query, "as_of")
        rows = await self._repository.about(list(query.caller.patient_refs), as_of)
        section = convert.section(rows, as_of or datetime.now(UTC))
        # Only the counts are wanted: that there is something, and nothing of it.
        return section if query.max_entries else pb.PatientSection(version=section.version)

    async def BulkImport(
        self, request_iterator: AsyncIterator[pb.BulkImportRequest], context: Context
    ) -> pb.BulkImportResponse:
        refs: dict[str, None] = {}

        async def store(message: pb.BulkImportRequest) -> ImportCounts:
            source = provenance(caller.current(), datetime.now(UTC))
            stored, concerned = await self._registry.import_batch(list(self._checked(message.patients)), source)
            if len(refs) <= MOST_REFS:
                refs.update(dict.fromkeys(concerned))
            return stored

        try:
            counts = await import_stream(request_iterator, store)
        finally:
            if len(refs) <= MOST_REFS:
                _send_refs(context, refs)
        return pb.BulkImportResponse(counts=counts)

    def _checked(self, patients: Iterable[pb.ImportedPatient]) -> Iterator[Registration]:
        seen: set[str] = set()
        for position, patient in enumerate(patients):
            with inside(f"patients[{position}]"):
                self._check(patient)
            values = {number.value for number in patient.person.national_ids}
            if not seen.isdisjoint(values):
                raise Invalid(f"patients[{position}].person.national_ids", "stands in this message already")
            seen |= values
            yield Registration(
                patient.person,
                patient.general_practitioners or None,
                patient.privacy if patient.HasField("privacy") else None,
                optional_moment(patient, "general_practitioners_changed_at"),
            )

    def _check(self, patient: pb.ImportedPatient) -> None:
        with inside("person"):
            model.check_person(patient.person, production=self._production)
        for position, assignment in enumerate(patient.general_practitioners):
            with inside(f"general_practitioners[{position}]"):
                model.check_assignment(assignment)
        if patient.HasField("privacy"):
            own = {number.value for number in patient.person.national_ids}
            with inside("privacy"):
                privacy.check_imported(patient.privacy, own, production=self._production)


@contextmanager
def inside(path: str) -> Iterator[None]:
    """Puts `path` before the field of what the block refuses."""
    try:
        yield
    except Invalid as error:
        raise error.inside(path) from None


def _at(source: Provenance, request: pb.MergePatientsRequest | pb.UnmergePatientsRequest) -> Provenance:
    """Returns who did it, with the time that the register states."""
    if request.HasField("changed_at"):
        source.changed_at.CopyFrom(request.changed_at)
    return source


def _send_refs(context: Context, refs: Iterable[str]) -> None:
    context.set_trailing_metadata(((REFS_KEY, CallerContext(patient_refs=refs).SerializeToString()),))
