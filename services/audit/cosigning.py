"""Has each checkpoint cosigned by witnesses, and keeps their lines beside it.

A witness that is away is asked again, about the newest checkpoint alone. The log goes on without it: a record waits for
nobody, and `kj audit verify` says how far witnesses have come.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import grpc

from kjernejournal.witness.v1.witness_pb2 import AddCheckpointRequest, AddCheckpointResponse
from services.audit.proofs import Proofs
from services.audit.tree_repository import StoredCheckpoint, TreeRepository
from shared import deadline
from shared.errors import KjernejournalError
from shared.transparency.notes import NoteRefused, Verifier, open_note

log = logging.getLogger(__name__)

EVERY = 1.0
AFTER_A_REFUSAL = 30.0
SECONDS = 5.0
PATH = "/kjernejournal.witness.v1.WitnessService/AddCheckpoint"


@dataclass(frozen=True)
class Witness:
    """A witness: its public key, and the channel to it."""

    verifier: Verifier
    channel: grpc.aio.Channel


class Cosigning:
    """Asks one witness."""

    def __init__(self, trees: TreeRepository, proofs: Proofs, witness: Witness) -> None:
        self._trees = trees
        self._proofs = proofs
        self._witness = witness
        self._size = 0
        """Of the checkpoint that the witness has cosigned last, as far as is known here."""

    async def run(self) -> None:
        """Asks until it is cancelled."""
        name = self._witness.verifier.name
        while True:
            pause = EVERY
            try:
                deadline.set_deadline(2 * SECONDS)
                await self.ask()
            except NoteRefused as error:
                log.critical("witness %s gives a line that is not its own: %s", name, error)
                pause = AFTER_A_REFUSAL
            except grpc.aio.AioRpcError as error:
                log.warning("witness %s does not cosign: %s", name, error.code().name)
                pause = AFTER_A_REFUSAL if error.code() is grpc.StatusCode.FAILED_PRECONDITION else EVERY
            except KjernejournalError as error:
                log.warning("witness %s could not be asked: %s", name, error.reason)
            except Exception:
                log.exception("witness %s could not be asked", name)
                pause = AFTER_A_REFUSAL
            await asyncio.sleep(pause)

    async def ask(self) -> bool:
        """Has the newest checkpoint cosigned; returns whether there was one to cosign, and it was.

        Raises grpc.aio.AioRpcError, NoteRefused, Unavailable, TimedOut.
        """
        newest = await self._trees.not_cosigned(self._witness.verifier.name)
        if newest is None:
            return False
        response = await self._add(newest)
        if not response.cosignature and response.size <= newest.size:
            self._size = response.size
            response = await self._add(newest)
        if not response.cosignature:
            return False  # another replica was faster
        open_note(newest.note + response.cosignature, [self._witness.verifier])
        await self._trees.add_cosignature(newest.size, self._witness.verifier.name, response.cosignature)
        self._size = newest.size
        return True

    async def _add(self, newest: StoredCheckpoint) -> AddCheckpointResponse:
        hashes: Sequence[bytes] = ()
        if 0 < self._size <= newest.size:
            hashes = (await self._proofs.consistency(self._size, newest.size)).hashes
        request = AddCheckpointRequest(old_size=self._size, hashes=hashes, checkpoint=newest.note)
        call: Any = self._witness.channel.unary_unary(PATH, response_deserializer=AddCheckpointResponse.FromString)
        response: AddCheckpointResponse = await call(request.SerializeToString(), timeout=SECONDS)
        return response
