"""Forgets the DPoP proofs that the log has seen, once no gateway takes them any more."""

import asyncio
import logging

from services.audit.repository import Repository
from shared import deadline
from shared.errors import KjernejournalError

log = logging.getLogger(__name__)

EVERY = 60.0
"""Seconds."""


async def forget_proofs(repository: Repository) -> None:
    """Forgets until it is cancelled. Every replica does it: what is gone already costs nothing."""
    while True:
        await asyncio.sleep(EVERY)
        deadline.set_deadline(EVERY / 2)
        try:
            await repository.forget_proofs()
        except KjernejournalError as error:
            log.warning("proofs could not be forgotten: %s", error.reason)
