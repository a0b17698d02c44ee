"""Serves the access log."""

import asyncio

from kjernejournal.audit.v1.audit_pb2 import DESCRIPTOR
from services.audit.committer import Committer
from services.audit.integrator import Integrator
from services.audit.proofs import Proofs
from services.audit.repository import Repository
from services.audit.servicer import Servicer
from services.audit.settings import AuditSettings, read_key
from services.audit.tree_repository import TreeRepository
from shared.database import Database
from shared.handling import register
from shared.server import allowed_peers, new_server, observed, serve
from shared.settings import read


async def main() -> None:
    """Serves until SIGTERM; what waits for its commit is committed at the end."""
    settings = read(AuditSettings)
    with observed("audit", settings):
        database = await Database.connect(settings.database_url.get_secret_value(), size=settings.pool_size)
        server = new_server(settings)
        service = DESCRIPTOR.services_by_name["AuditService"]
        repository = Repository(database)
        committer = Committer(repository.append)
        trees = TreeRepository(database)
        integrating = asyncio.create_task(Integrator(trees, read_key(settings.log_key_file)).run())
        register(server, Servicer(repository, committer, Proofs(trees)), service, allowed_peers(settings))
        await serve(server, settings, [service.full_name], ready=database.answers)
        integrating.cancel()
        await committer.drain()
        await database.close()


if __name__ == "__main__":
    asyncio.run(main())
