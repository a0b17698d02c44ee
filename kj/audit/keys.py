"""Whose signatures a log is verified with: the local system's, or public keys that were given."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kj.errors import CommandError
from kj.local.local_system import LocalSystem
from shared.transparency.checkpoints import Checkpoint, parse_checkpoint
from shared.transparency.notes import ED25519, NoteRefused, Verifier, open_note, parse_signer, secret_line, signer


@dataclass(frozen=True)
class Keys:
    """Public keys, and checkpoints that stand elsewhere than in the log's own database."""

    log: Verifier
    witnesses: Sequence[Verifier] = ()
    known: Sequence[Checkpoint] = ()


def local_keys(system: LocalSystem) -> Keys:
    """Returns the keys of the local system. Raises CommandError."""
    path = system.directory.keys / "log.key"
    try:
        return Keys(parse_signer(path.read_text()).verifier)
    except (OSError, NoteRefused) as error:
        raise CommandError(f"The key of the local log cannot be read: {path}.", "kj up makes it.") from error


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


def new_key(name: str) -> str:
    """Returns a new private key for a log of this name, as KJ_LOG_KEY_FILE holds it. Raises CommandError."""
    try:
        return secret_line(signer(name, ED25519, os.urandom(32)))
    except NoteRefused as error:
        raise CommandError(f"A log needs another name: {error}.", "Such as log.helsenett.example") from error
