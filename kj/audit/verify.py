"""`kj audit verify`: verifies the whole access log, and names the first record that is not as it was signed."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

from kj.audit.database import LogDatabase
from kj.audit.verification import Finding, Verification
from shared.transparency.checkpoints import Checkpoint
from shared.transparency.notes import Verifier

Progress = Callable[[int], None]
"""Hears how many records are through."""
Take = Callable[[Any], Iterator[Finding]]


async def findings(
    log: LogDatabase,
    key: Verifier,
    *,
    witnesses: Sequence[Verifier] = (),
    known: Sequence[Checkpoint] = (),
    progress: Progress = lambda _: None,
) -> AsyncIterator[Finding]:
    """Yields what is not as it was signed, the first record first."""
    verification = Verification(key, witnesses, known)
    verification.wanted_roots([each.size for each in known])
    async for take, item in _in_order(log, verification):
        for each in take(item):
            yield each
        if not verification.records % 1000:
            progress(verification.records)
    async for level, number, hashes, root in log.tiles():
        for each in verification.tile(level, number, hashes, root):
            yield each
    for each in verification.end(await log.size(), iter(await log.counters())):
        yield each
    progress(verification.records)


async def _in_order(log: LogDatabase, verification: Verification) -> AsyncIterator[tuple[Take, Any]]:
    """Yields each checkpoint before the records that it covers, and again after them; and who takes it."""
    checkpoints = log.checkpoints()
    signed = await anext(checkpoints, None)
    if signed is not None:
        yield verification.checkpoint, signed
    async for record in log.records():
        while signed is not None and record.row.idx >= signed.size:
            yield verification.at_checkpoint, signed
            signed = await anext(checkpoints, None)
            if signed is not None:
                yield verification.checkpoint, signed
        yield verification.record, record
    while signed is not None:
        yield verification.at_checkpoint, signed
        signed = await anext(checkpoints, None)
        if signed is not None:
            yield verification.checkpoint, signed
