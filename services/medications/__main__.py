"""Serves medicines."""

import asyncio

from kjernejournal.medications.v1 import knowledge_pb2
from kjernejournal.medications.v1.medications_pb2 import DESCRIPTOR
from services.medications.knowledge.repository import KnowledgeRepository
from services.medications.knowledge.servicer import KnowledgeServicer
from services.medications.repository import Repository
from services.medications.servicer import Servicer
from shared.database import Database
from shared.handling import register
from shared.register.outbox import serve_outbox
from shared.server import allowed_peers, new_server, observed, serve
from shared.settings import ServiceSettings, read


async def main() -> None:
    """Serves until SIGTERM."""
    settings = read(ServiceSettings)
    with observed("medications", settings):
        database = await Database.connect(settings.database_url.get_secret_value(), size=settings.pool_size)
        server = new_server(settings)
        service = DESCRIPTOR.services_by_name["MedicationsService"]
        register(server, Servicer(Repository(database)), service, allowed_peers(settings))
        knowledge = knowledge_pb2.DESCRIPTOR.services_by_name["DrugKnowledgeService"]
        register(server, KnowledgeServicer(KnowledgeRepository(database)), knowledge, allowed_peers(settings))
        serve_outbox(server, database, allowed_peers(settings))
        await serve(server, settings, [service.full_name, knowledge.full_name], ready=database.answers)
        await database.close()


if __name__ == "__main__":
    asyncio.run(main())
