"""Serves visits."""

import asyncio

from kjernejournal.visits.v1.visits_pb2 import DESCRIPTOR
from services.visits.repository import Repository
from services.visits.servicer import Servicer
from shared.database import Database
from shared.handling import register
from shared.register.outbox import serve_outbox
from shared.server import allowed_peers, new_server, observed, serve
from shared.settings import ServiceSettings, read


async def main() -> None:
    """Serves until SIGTERM."""
    settings = read(ServiceSettings)
    with observed("visits", settings):
        database = await Database.connect(settings.database_url.get_secret_value(), size=settings.pool_size)
        server = new_server(settings)
        service = DESCRIPTOR.services_by_name["VisitsService"]
        register(server, Servicer(Repository(database)), service, allowed_peers(settings))
        serve_outbox(server, database, allowed_peers(settings))
        await serve(server, settings, [service.full_name], ready=database.answers)
        await database.close()


if __name__ == "__main__":
    asyncio.run(main())
