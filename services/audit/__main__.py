"""Serves the access log."""

import asyncio

from kjernejournal.audit.v1.audit_pb2 import DESCRIPTOR
from services.audit.committer import Committer
from services.audit.repository import Repository
from services.audit.servicer import Servicer
from shared.database import Database
from shared.handling import register
from shared.server import allowed_peers, new_server, observed, serve
from shared.settings import ServiceSettings, read


async def main() -> None:
    """Serves until SIGTERM; what waits for its commit is committed at the end."""
    settings = read(ServiceSettings)
    with observed("audit", settings):
        database = await Database.connect(settings.database_url.get_secret_value(), size=settings.pool_size)
        server = new_server(settings)
        service = DESCRIPTOR.services_by_name["AuditService"]
        repository = Repository(database)
        committer = Committer(repository.append)
        register(server, Servicer(repository, committer), service, allowed_peers(settings))
        await serve(server, settings, [service.full_name], ready=database.answers)
        await committer.drain()
        await database.close()


if __name__ == "__main__":
    asyncio.run(main())
