"""Serves the access log."""

import asyncio

from kjernejournal.audit.v1.audit_pb2 import DESCRIPTOR
from services.audit.committer import Committer
from services.audit.cosigning import Cosigning, Witness
from services.audit.integrator import Integrator
from services.audit.practitioner_repository import PractitionerRepository
from services.audit.proofs import Proofs
from services.audit.replays import forget_proofs
from services.audit.repository import Repository
from services.audit.review_queue import ReviewQueue
from services.audit.review_repository import ReviewRepository
from services.audit.reviews import Reviews
from services.audit.servicer import Servicer
from services.audit.settings import AuditSettings, read_key
from services.audit.tree_repository import TreeRepository
from shared.channels import open_channel
from shared.database import Database
from shared.handling import register
from shared.server import allowed_peers, new_server, observed, serve
from shared.settings import read
from shared.transparency.notes import Verifier


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
        proofs, witnesses = Proofs(trees), open_witnesses(settings)
        queue = ReviewRepository(database)
        running = [asyncio.create_task(Integrator(trees, read_key(settings.log_key_file)).run())]
        running.append(asyncio.create_task(forget_proofs(repository)))
        running += [asyncio.create_task(Cosigning(trees, proofs, each).run()) for each in witnesses]
        running.append(asyncio.create_task(ReviewQueue(queue, settings.review_days).run()))
        practitioners, reviews = PractitionerRepository(database), Reviews(queue)
        servicer = Servicer(repository, practitioners, committer, proofs, reviews)
        register(server, servicer, service, allowed_peers(settings))
        await serve(server, settings, [service.full_name], ready=database.answers)
        for task in running:
            task.cancel()
        await committer.drain()
        await database.close()


def open_witnesses(settings: AuditSettings) -> list[Witness]:
    """Returns the witnesses, each with a channel that connects when it is first used."""
    return [
        Witness(
            Verifier.parse(key),
            open_channel(
                address,
                cert=settings.tls_cert,
                key=settings.tls_key,
                ca=settings.tls_ca,
                max_message_bytes=settings.max_message_bytes,
            ),
        )
        for key, address in settings.witnesses.items()
    ]


if __name__ == "__main__":
    asyncio.run(main())
