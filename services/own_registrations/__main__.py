"""Serves own registrations."""

import asyncio

from kjernejournal.own_registrations.v1.own_registrations_pb2 import DESCRIPTOR
from services.own_registrations.repository import Repository
from services.own_registrations.servicer import Servicer
from services.own_registrations.settings import OwnRegistrationSettings
from shared.database import Database
from shared.handling import register
from shared.register.outbox import serve_outbox
from shared.sealing import KeyWrap
from shared.server import allowed_peers, new_server, observed, serve
from shared.settings import read


async def main() -> None:
    """Serves until SIGTERM."""
    settings = read(OwnRegistrationSettings)
    with observed("own_registrations", settings):
        keys = KeyWrap.from_file(settings.own_registrations_key_file)
        database = await Database.connect(settings.database_url.get_secret_value(), size=settings.pool_size)
        server = new_server(settings)
        service = DESCRIPTOR.services_by_name["OwnRegistrationsService"]
        register(server, Servicer(Repository(database, keys)), service, allowed_peers(settings))
        serve_outbox(server, database, allowed_peers(settings))
        await serve(server, settings, [service.full_name], ready=database.answers)
        await database.close()


if __name__ == "__main__":
    asyncio.run(main())
