"""Calls to own registrations, as the gateway makes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from kjernejournal.common.v1.common_pb2 import (
    CALLER_KIND_CITIZEN,
    REPRESENTATION_PARENT,
    REPRESENTATION_PROXY,
    REPRESENTATION_SELF,
    CallerContext,
    CodeableConcept,
    Coding,
    EntryHeader,
    EntryVersion,
    PatientIdentifier,
    Provenance,
    SectionQuery,
)
from kjernejournal.own_registrations.v1 import own_registrations_pb2 as pb
from shared.convert import timestamp
from shared.database import Database
from tests.support.service import DOCTOR, FEED, calling

if TYPE_CHECKING:
    from kjernejournal.own_registrations.v1.own_registrations_pb2_grpc import OwnRegistrationsServiceAsyncStub

CITIZEN = CallerContext(kind=CALLER_KIND_CITIZEN, for_patient=True, representation=REPRESENTATION_SELF)
PROXY = CallerContext(kind=CALLER_KIND_CITIZEN, for_patient=True, representation=REPRESENTATION_PROXY)
GUARDIAN = CallerContext(kind=CALLER_KIND_CITIZEN, for_patient=True, representation=REPRESENTATION_PARENT)
RECORDED = datetime(2024, 5, 1, 9, tzinfo=UTC)
FAMILY = "http://hl7.no/fhir/CodeSystem/no-basis-family-relation"


def new_ref() -> str:
    return str(uuid4())


def patient(*refs: str) -> PatientIdentifier:
    return PatientIdentifier(patient_ref=refs[0], alias_refs=refs[1:])


def contact(name: str = "Ola Nordmann", phone: str = "+47 99 99 99 99") -> pb.OwnRegistration:
    return pb.OwnRegistration(
        contact=pb.Contact(
            name=name,
            roles=[pb.CONTACT_ROLE_NEXT_OF_KIN],
            relation=CodeableConcept(codings=[Coding(system=FAMILY, code="søsken", display="Søsken")]),
            contact_points=[pb.ContactPoint(system=pb.ContactPoint.SYSTEM_PHONE, value=phone)],
            priority=1,
        )
    )


def need() -> pb.OwnRegistration:
    return pb.OwnRegistration(
        communication_need=pb.CommunicationNeed(kind=pb.COMMUNICATION_KIND_LANGUAGE, language="so", interpreter=True)
    )


def illness(text: str = "Epilepsi som barn") -> pb.OwnRegistration:
    return pb.OwnRegistration(illness=pb.Illness(condition=CodeableConcept(text=text)))


def card(comment: str = "", decision: pb.DonorDecision.ValueType = pb.DONOR_DECISION_WILLING) -> pb.OwnRegistration:
    return pb.OwnRegistration(donor_card=pb.DonorCard(decision=decision, comment=comment))


def fed(registration: pb.OwnRegistration, source_id: str, recorded: datetime = RECORDED) -> pb.OwnRegistration:
    """Returns the registration as a feed sends it."""
    source = Provenance(source_system="helsenorge", source_id=source_id, recorded_at=timestamp(recorded))
    registration.header.CopyFrom(EntryHeader(provenance=source))
    return registration


@dataclass
class Register:
    """The register's rpcs for one patient each, and its database as the superuser sees it."""

    stub: OwnRegistrationsServiceAsyncStub
    superuser: Database

    async def save(
        self,
        refs: str | Sequence[str],
        registration: pb.OwnRegistration,
        *,
        request_id: str = "",
        of: pb.OwnRegistration | None = None,
        caller: CallerContext = CITIZEN,
    ) -> pb.OwnRegistration:
        """Saves a registration; `of` is the version that is changed."""
        known = [refs] if isinstance(refs, str) else list(refs)
        request = pb.SaveOwnRegistrationRequest(
            patient=patient(known[0]),
            request_id=request_id or str(uuid4()),
            id=of.header.id if of else "",
            expected_version=of.header.version if of else 0,
            registration=registration,
        )
        return (await self.stub.SaveOwnRegistration(request, metadata=calling(caller, *known))).registration

    async def delete(
        self, refs: str | Sequence[str], entry_id: str, *, version: int = 0, request_id: str = ""
    ) -> EntryVersion:
        known = [refs] if isinstance(refs, str) else list(refs)
        request = pb.DeleteOwnRegistrationRequest(
            patient=patient(known[0]), request_id=request_id or str(uuid4()), id=entry_id, expected_version=version
        )
        return (await self.stub.DeleteOwnRegistration(request, metadata=calling(CITIZEN, *known))).deleted

    async def listed(self, *refs: str, **fields: object) -> pb.ListOwnRegistrationsResponse:
        request = pb.ListOwnRegistrationsRequest(patient=patient(refs[0]), **fields)  # type: ignore[arg-type]  # the fields of the message
        return await self.stub.ListOwnRegistrations(request, metadata=calling(DOCTOR, *refs))

    async def entries(self, *refs: str) -> list[pb.OwnRegistration]:
        return list((await self.listed(*refs)).registrations)

    async def load(self, refs: str | Sequence[str], *entries: pb.OwnRegistration) -> tuple[int, int, int]:
        """Imports, and returns how many were created, updated, left as they were."""
        known = [refs] if isinstance(refs, str) else list(refs)
        message = pb.BulkImportRequest(patients=[pb.PatientEntries(patient=patient(*known), registrations=entries)])
        counts = (await self.stub.BulkImport(iter([message]), metadata=calling(FEED))).counts
        return counts.created, counts.updated, counts.unchanged + counts.outdated

    async def answer(self, *refs: str, **fields: object) -> pb.SectionAnswer:
        caller = CallerContext(patient_refs=refs)
        caller.MergeFrom(DOCTOR)
        query = SectionQuery(access_id="a", caller=caller, **fields)  # type: ignore[arg-type]  # the fields of the message
        answers = await self.stub.BatchGetSections(pb.BatchGetSectionsRequest(queries=[query]))
        return answers.answers[0]
