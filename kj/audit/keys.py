"""Whose signatures a log is verified with: the local system's, or public keys that were given."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kj.errors import CommandError
from kj.local.local_system import LocalSystem
from kj.local.programs import LOG_KEY, WITNESS_KEY
from shared.transparency.checkpoints import Checkpoint, parse_checkpoint
from shared.transparency.notes import (
    COSIGNATURE,
    ED25519,
    NoteRefused,
    Verifier,
    open_note,
    parse_signer,
    secret_line,
    signer,
)


@dataclass(frozen=True)
class Keys:
    """Public keys, and checkpoints that stand elsewhere than in the log's own database."""

    log: Verifier
    witnesses: Sequence[Verifier] = ()
    known: Sequence[Checkpoint] = ()


def local_keys(system: LocalSystem) -> Keys:
    """Returns the keys of the local log and its witness, and what the witness has kept. Raises CommandError."""
    directory = system.directory
    try:
        log, witness = (parse_signer((directory.keys / name).read_text()).verifier for name in (LOG_KEY, WITNESS_KEY))
    except (OSError, NoteRefused) as error:
        raise CommandError(
            f"The keys of the local log cannot be read: {directory.keys}.", "kj up makes them."
        ) from error
    keys, kept = Keys(log, [witness]), directory.witness / "checkpoint"
    return Keys(log, [witness], [read_known(kept, keys)] if kept.exists() else [])


def parsed_keys(log: str, witnesses: Sequence[str]) -> Keys:
    """Returns the keys that were given as name+id+key. Raises CommandError."""
    try:
        return Keys(Verifier.parse(log), [Verifier.parse(each) for each in witnesses])
    except NoteRefused as error:
        raise CommandError(f"A public key was given that is none: {error}.") from error


def read_known(path: Path, keys: Keys) -> Checkpoint:
    """Returns the checkpoint in a file, which the log or a witness has signed. Raises CommandError."""
    try:
        text, _ = open_note(path.read_text(encoding="utf-8"), [keys.log, *keys.witnesses])
        return parse_checkpoint(text)
    except (OSError, UnicodeDecodeError, NoteRefused) as error:
        raise CommandError(f"{path} holds no checkpoint of this log: {error}.") from error


def new_key(name: str, *, of_witness: bool) -> tuple[str, str]:
    """Returns a new private key for a log of this name, or for a witness, as a key file holds it; and the public one.

    Raises CommandError.
    """
    try:
        made = signer(name, COSIGNATURE if of_witness else ED25519, os.urandom(32))
    except NoteRefused as error:
        raise CommandError(f"A key needs another name: {error}.", "Such as log.helsenett.example") from error
    return secret_line(made), str(made.verifier)
