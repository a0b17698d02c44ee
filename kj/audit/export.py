"""`kj audit export`: writes the newest signed log as files that any C2SP tool reads, and a stranger can verify.

`checkpoint` is the signed note, `tile/` holds hashes, `tile/entries/` entries (c2sp.org/tlog-tiles). An entry holds
ids, times, the business's number and hashes; neither what was shown nor whom it is about.
"""

from collections.abc import AsyncIterator
from pathlib import Path

from kj.audit.database import LogDatabase
from kj.audit.verification import Signed
from kj.errors import CommandError
from shared.transparency.entries import encode
from shared.transparency.tiles import FULL, HEIGHT, Edge, Tile, bundle, bundle_path
from shared.transparency.tree import leaf_hash


async def export(log: LogDatabase, directory: Path) -> Signed:
    """Writes everything below `directory`; returns the checkpoint. Raises CommandError when it cannot be exported."""
    signed = await log.newest()
    if signed is None:
        raise CommandError("No checkpoint has been signed yet.", "Try again when something is on record.")
    edge, entries, number = Edge(), list[bytes](), 0
    try:
        async for entry in _entries(log, signed.size):
            for tile in edge.append(leaf_hash(entry)):
                _write(directory / Tile(tile.level, tile.number).path, tile.hashes)
            entries.append(entry)
            if len(entries) == FULL:
                _write(directory / bundle_path(number), bundle(entries))
                entries, number = [], number + 1
        if entries:
            _write(directory / bundle_path(number, len(entries)), bundle(entries))
        for level, hashes in enumerate(edge.partial):
            if hashes:
                last = Tile(level, signed.size >> HEIGHT * (level + 1), len(hashes))
                _write(directory / last.path, b"".join(hashes))
        _write(directory / "checkpoint", signed.note.encode())
    except OSError as error:
        raise CommandError(f"{error.filename} cannot be written: {error.strerror}.") from error
    return signed


async def _entries(log: LogDatabase, size: int) -> AsyncIterator[bytes]:
    async for record in log.records():
        if record.row.idx >= size:
            return
        yield encode(record.row)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
