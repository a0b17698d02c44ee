"""Builds the tree of the access log, and signs a checkpoint at most once a second.

Every replica tries; one has the turn, in a transaction that holds a locked row. A process that is stopped in the middle
leaves nothing behind, and one that comes back late commits nothing: its lock is gone, and a size is signed once.
"""

import asyncio
import logging

from services.audit.tree_repository import StoredCheckpoint, TreeRepository, Turn
from shared import deadline, telemetry
from shared.errors import KjernejournalError
from shared.transparency.checkpoints import Checkpoint
from shared.transparency.entries import encode
from shared.transparency.notes import NoteRefused, Signer, open_note, sign
from shared.transparency.tiles import FULL, HEIGHT, Edge, FullTile
from shared.transparency.tree import leaf_hash

log = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between two checkpoints, at least."""
AFTER_A_FAULT = 30.0
TURN_SECONDS = 20.0
"""What one turn may take, in all."""
CHUNK = 200
"""Records that are hashed in one go: others are served in between."""
MOST = 20_000
"""Records in one turn."""


class LogDiffers(Exception):
    """The log is not what its last checkpoint signs. The text says how."""


class Integrator:
    """Integrates records into the tree."""

    def __init__(self, trees: TreeRepository, signer: Signer, *, every: float = EVERY) -> None:
        self._trees = trees
        self._signer = signer
        self._every = every
        self._edge: Edge | None = None

    async def run(self) -> None:
        """Integrates until it is cancelled. A log that differs from its checkpoint is never signed again."""
        while True:
            pause = self._every
            try:
                deadline.set_deadline(TURN_SECONDS)
                await self.integrate()
            except LogDiffers as fault:
                log.critical("the access log was changed, and is not signed any more: %s", fault)
                pause = AFTER_A_FAULT
            except KjernejournalError as error:
                log.warning("the access log could not be integrated: %s", error.reason)
            except Exception:
                log.exception("the access log could not be integrated")
                pause = AFTER_A_FAULT
            await asyncio.sleep(pause)

    async def integrate(self) -> int:
        """Takes a turn; returns how many records were added to the tree. Raises LogDiffers, Unavailable, TimedOut."""
        edge, self._edge = self._edge, None
        async with self._trees.turn() as turn:
            if turn is None:
                return 0
            newest = await turn.newest()
            if newest is not None and await turn.seconds_since(newest.signed_at) < self._every / 2:
                self._edge = edge
                return 0
            if edge is None or edge.size != (newest.size if newest else 0):
                edge = await self._edge_at(turn, newest)
            before = edge.size
            with telemetry.span("integrate", parent=None) as span:
                leaves, filled = await _append(turn, edge)
                span.set("kj.rows", edge.size - before)
            if edge.size > before:
                checkpoint = Checkpoint(self._signer.name, edge.size, edge.root())
                await turn.add(filled, b"".join(leaves), checkpoint, sign(checkpoint.text, [self._signer]))
        self._edge = edge
        return edge.size - before

    async def _edge_at(self, turn: Turn, newest: StoredCheckpoint | None) -> Edge:
        """Returns the edge of the tree as the newest checkpoint signs it. Raises LogDiffers."""
        if newest is None:
            return Edge()
        try:
            open_note(newest.note, [self._signer.verifier])
        except NoteRefused as error:
            raise LogDiffers(f"the checkpoint of size {newest.size}: {error}") from None
        rows = await turn.rows(newest.size - newest.size % FULL, newest.size % FULL)
        partial, level = [[leaf_hash(encode(row)) for row in rows]], 1
        while full := newest.size >> HEIGHT * level:
            try:
                partial.append(await turn.tile_roots(level - 1, full - full % FULL, full))
            except LookupError as error:
                raise LogDiffers(str(error)) from None
            level += 1
        edge = Edge(newest.size, partial)
        if edge.root() != newest.root:
            raise LogDiffers(f"its root at size {newest.size} is another than the checkpoint's")
        return edge


async def _append(turn: Turn, edge: Edge) -> tuple[list[bytes], list[FullTile]]:
    """Adds the records that follow; returns their hashes, and the tiles that they fill."""
    leaves: list[bytes] = []
    filled: list[FullTile] = []
    ends = edge.size + MOST
    while edge.size < ends and (rows := await turn.rows(edge.size, CHUNK)):
        for row in rows:
            if row.idx != edge.size:
                raise LogDiffers(f"record {edge.size} is missing")
            leaves.append(leaf_hash(encode(row)))
            filled += edge.append(leaves[-1])
    return leaves, filled
