"""Changes of one patient's privacy settings, by the citizen and by others."""

from typing import Any, TypeAlias
from uuid import uuid4

from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import CallerContext, Organisation, PatientIdentifier, Practitioner
from kjernejournal.patients.v1 import patients_pb2 as pb
from tests.support.service import DOCTOR

CITIZEN = CallerContext(kind=common_pb2.CALLER_KIND_CITIZEN, for_patient=True, organisation=Organisation(number=""))

Section: TypeAlias = "common_pb2.Section.ValueType"


def with_basis(basis: "common_pb2.AccessBasis.ValueType") -> CallerContext:
    """Returns the doctor with this basis."""
    made = CallerContext()
    made.CopyFrom(DOCTOR)
    made.basis = basis
    return made


class Change:
    """One patient's settings, changed by the citizen."""

    def __init__(self, service: Any, value: str, patient: PatientIdentifier, metadata: Any) -> None:
        self.service, self.value, self.patient, self.metadata = service, value, patient, metadata

    def base(self) -> dict[str, Any]:
        return {"patient": self.patient, "request_id": str(uuid4())}

    async def block(self, *hpr: str) -> pb.PrivacySettings:
        request = pb.BlockPersonnelRequest(**self.base(), personnel=[Practitioner(hpr_number=one) for one in hpr])
        reply: pb.BlockPersonnelResponse = await self.service.privacy.BlockPersonnel(request, metadata=self.metadata)
        return reply.settings

    async def grant(self, national_id: str, *areas: pb.ProxyArea.ValueType, **fields: Any) -> pb.PrivacySettings:
        proxy = pb.NewProxy(national_id=national_id, name="Ola Nordmann", areas=areas, **fields)
        request = pb.GrantProxyRequest(**self.base(), proxy=proxy)
        reply: pb.GrantProxyResponse = await self.service.privacy.GrantProxy(request, metadata=self.metadata)
        return reply.settings

    async def facts(self) -> pb.PatientFacts:
        found: pb.PatientFacts = await self.service.facts(self.value)
        return found
