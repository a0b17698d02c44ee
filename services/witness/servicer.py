"""The rpc of the witness."""

import asyncio
import logging
import time
from collections.abc import Callable

from kjernejournal.witness.v1 import witness_pb2 as pb
from kjernejournal.witness.v1.witness_pb2_grpc import WitnessServiceServicer
from services.witness.store import Store
from shared.errors import Invalid, Reason, StateConflict, Unavailable
from shared.handling import Context
from shared.transparency.checkpoints import Checkpoint, parse_checkpoint
from shared.transparency.notes import NoteRefused, Signer, Verifier, open_note, split
from shared.transparency.tree import empty_root
from shared.transparency.verify import ProofRefused, verify_consistency

log = logging.getLogger(__name__)


class Servicer(WitnessServiceServicer):
    """The witness of one log."""

    def __init__(
        self, store: Store, signer: Signer, witnessed: Verifier, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._signer = signer
        self._witnessed = witnessed
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()

    async def AddCheckpoint(self, request: pb.AddCheckpointRequest, context: Context) -> pb.AddCheckpointResponse:
        new = self._checkpoint(request.checkpoint)
        async with self._one_at_a_time:
            last = self._store.last
            size = last.size if last else 0
            if request.old_size != size:
                return pb.AddCheckpointResponse(size=size)
            if new.size < size:
                raise Invalid("checkpoint", "is older than the one that was cosigned last")
            self._check_consistent(last or Checkpoint(new.origin, 0, empty_root()), new, list(request.hashes))
            text, lines = split(request.checkpoint)
            line = self._signer.line(text, at=int(self._clock()))
            note = text + "\n" + "".join(f"{each}\n" for each in lines) + line
            await self._keep(note, new)
            return pb.AddCheckpointResponse(cosignature=line, size=new.size)

    def _checkpoint(self, note: str) -> Checkpoint:
        """Returns the checkpoint that the log has signed. Raises Invalid."""
        try:
            found = parse_checkpoint(open_note(note, [self._witnessed])[0])
        except NoteRefused as error:
            raise Invalid("checkpoint", str(error)) from None
        if found.origin != self._witnessed.name:
            raise Invalid("checkpoint", "is of another log")
        return found

    async def _keep(self, note: str, new: Checkpoint) -> None:
        """Returns once the checkpoint is durable here. Raises Unavailable, and the one before stays."""
        try:
            await asyncio.to_thread(self._store.write, note, new)
        except OSError as error:
            log.warning("a checkpoint could not be kept: %s", error.strerror)
            raise Unavailable(
                Reason.ERROR_REASON_SERVICE_UNAVAILABLE, "the checkpoint cannot be kept: try again"
            ) from None

    def _check_consistent(self, last: Checkpoint, new: Checkpoint, proof: list[bytes]) -> None:
        """Raises StateConflict when the new log is not the last one, grown."""
        try:
            verify_consistency(last.size, new.size, last.root, new.root, proof)
        except ProofRefused as error:
            log.critical("the log of size %d is not the one of size %d, grown: %s", new.size, last.size, error)
            raise StateConflict(
                Reason.ERROR_REASON_STATE_CONFLICT, "the log is not the one that was cosigned"
            ) from None
