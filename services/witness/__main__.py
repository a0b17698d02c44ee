"""Serves the witness of the access log."""

import asyncio

from kjernejournal.witness.v1.witness_pb2 import DESCRIPTOR
from services.witness.servicer import Servicer
from services.witness.settings import WitnessSettings, read_key
from services.witness.store import Store
from shared.handling import register
from shared.server import allowed_peers, new_server, observed, serve
from shared.settings import read
from shared.transparency.notes import Verifier


async def main() -> None:
    """Serves until SIGTERM."""
    settings = read(WitnessSettings)
    with observed("witness", settings):
        signer = read_key(settings.witness_key_file)
        store = Store(settings.witness_directory, signer.verifier)
        server = new_server(settings)
        service = DESCRIPTOR.services_by_name["WitnessService"]
        servicer = Servicer(store, signer, Verifier.parse(settings.witnessed_log))
        register(server, servicer, service, allowed_peers(settings))
        await serve(server, settings, [service.full_name], ready=store.usable)
        store.close()


if __name__ == "__main__":
    asyncio.run(main())
