"""Serves documents."""

import asyncio

from kjernejournal.documents.v1.documents_pb2 import DESCRIPTOR
from services.documents.repository import Repository
from services.documents.servicer import Servicer
from services.documents.settings import DocumentSettings
from services.documents.uploads import Uploads
from shared.database import Database
from shared.handling import register
from shared.register.outbox import serve_outbox
from shared.sealing import KeyWrap
from shared.server import allowed_peers, new_server, observed, serve
from shared.settings import read


async def main() -> None:
    """Serves until SIGTERM."""
    settings = read(DocumentSettings)
    with observed("documents", settings):
        keys = KeyWrap.from_file(settings.document_key_file)
        database = await Database.connect(settings.database_url.get_secret_value(), size=settings.pool_size)
        repository = Repository(database, keys)
        uploads = Uploads(repository, settings.document_max_bytes)
        server = new_server(settings)
        service = DESCRIPTOR.services_by_name["DocumentsService"]
        servicer = Servicer(repository, uploads, settings.document_max_bytes)
        register(server, servicer, service, allowed_peers(settings))
        serve_outbox(server, database, allowed_peers(settings))
        await serve(server, settings, [service.full_name], ready=database.answers)
        await uploads.settle()
        await database.close()


if __name__ == "__main__":
    asyncio.run(main())
