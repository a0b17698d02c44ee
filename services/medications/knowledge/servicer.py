"""The rpcs of drug knowledge."""

from kjernejournal.medications.v1 import knowledge_pb2 as pb
from kjernejournal.medications.v1.knowledge_pb2_grpc import DrugKnowledgeServiceServicer
from services.medications.knowledge import checks
from services.medications.knowledge.repository import KnowledgeRepository
from shared.convert import digest, timestamp
from shared.errors import Invalid, NotFound, Reason
from shared.handling import Context


class KnowledgeServicer(DrugKnowledgeServiceServicer):
    """What is known of medicines, not of patients."""

    def __init__(self, repository: KnowledgeRepository) -> None:
        self._repository = repository

    async def ImportDrugKnowledge(
        self, request: pb.ImportDrugKnowledgeRequest, context: Context
    ) -> pb.ImportDrugKnowledgeResponse:
        table = request.knowledge
        try:
            rows = checks.knowledge(table)
        except Invalid as error:
            raise error.inside("knowledge") from None
        content = table.SerializeToString(deterministic=True)
        before = await self._repository.add(table.knowledge_version, request.request_id.lower(), digest(table), content)
        version_before = before.version if before else ""
        return pb.ImportDrugKnowledgeResponse(
            knowledge_version=table.knowledge_version,
            knowledge_version_before=version_before,
            rows=rows,
            unchanged=version_before == table.knowledge_version,
        )

    async def GetDrugKnowledge(
        self, request: pb.GetDrugKnowledgeRequest, context: Context
    ) -> pb.GetDrugKnowledgeResponse:
        found = await self._repository.newest(request.known_load)
        if found is None:
            raise NotFound(Reason.ERROR_REASON_ENTRY_NOT_FOUND, "no drug knowledge was loaded")
        reply = pb.GetDrugKnowledgeResponse(load=found.number, loaded_at=timestamp(found.loaded_at))
        if found.number != request.known_load:
            reply.knowledge.ParseFromString(found.content)
        return reply
