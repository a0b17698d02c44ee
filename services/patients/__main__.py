"""Serves patients and their privacy settings."""

import asyncio

from kjernejournal.patients.v1.patients_pb2 import DESCRIPTOR
from services.patients.care_relation_repository import CareRelations
from services.patients.merge_repository import Merges
from services.patients.privacy_servicer import PrivacyServicer
from services.patients.registration_repository import Registry
from services.patients.repository import Repository
from services.patients.servicer import PatientsServicer
from shared.database import Database
from shared.handling import register
from shared.register.outbox import serve_outbox
from shared.server import allowed_peers, new_server, observed, serve
from shared.settings import ServiceSettings, read


async def main() -> None:
    """Serves until SIGTERM."""
    settings = read(ServiceSettings)
    with observed("patients", settings):
        database = await Database.connect(settings.database_url.get_secret_value(), size=settings.pool_size)
        server = new_server(settings)
        repository, production = Repository(database), settings.production
        served = {
            DESCRIPTOR.services_by_name["PatientsService"]: PatientsServicer(
                repository, Registry(database), Merges(database), CareRelations(database), production=production
            ),
            DESCRIPTOR.services_by_name["PrivacyService"]: PrivacyServicer(repository, production=production),
        }
        for service, servicer in served.items():
            register(server, servicer, service, allowed_peers(settings))
        serve_outbox(server, database, allowed_peers(settings))
        await serve(server, settings, [service.full_name for service in served], ready=database.answers)
        await database.close()


if __name__ == "__main__":
    asyncio.run(main())
