"""The access log's own settings."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from shared.settings import ReadableFile, ServiceSettings
from shared.transparency.notes import ED25519, NoteRefused, Signer, parse_signer


def _checked(path: Path) -> Path:
    try:
        read_key(path)
    except NoteRefused as error:
        raise ValueError(str(error)) from None
    return path


class AuditSettings(ServiceSettings):
    """What the access log needs."""

    log_key_file: Annotated[ReadableFile, AfterValidator(_checked)]
    """The private key that signs checkpoints: a line PRIVATE+KEY+name+id+key. Its name is the log's."""


def read_key(path: Path) -> Signer:
    """Returns the log's key. Raises NoteRefused, whose text never holds the key."""
    found = parse_signer(path.read_text(encoding="utf-8", errors="replace"))
    if found.kind != ED25519:
        raise NoteRefused("is the key of a witness, not of a log")
    return found
