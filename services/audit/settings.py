"""The access log's own settings."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from shared.settings import Address, ReadableFile, ServiceSettings
from shared.transparency.notes import COSIGNATURE, ED25519, NoteRefused, Signer, Verifier, parse_signer


def _checked(path: Path) -> Path:
    try:
        read_key(path)
    except NoteRefused as error:
        raise ValueError(str(error)) from None
    return path


def _checked_witnesses(witnesses: dict[str, str]) -> dict[str, str]:
    try:
        kinds = {Verifier.parse(key).kind for key in witnesses}
    except NoteRefused as error:
        raise ValueError(str(error)) from None
    if kinds - {COSIGNATURE}:
        raise ValueError("holds the key of a log, not of a witness")
    return witnesses


class AuditSettings(ServiceSettings):
    """What the access log needs."""

    review_days: Annotated[int, Field(ge=1, le=365)] = 14
    """Days that a review may wait before it is overdue."""
    log_key_file: Annotated[ReadableFile, AfterValidator(_checked)]
    """The private key that signs checkpoints: a line PRIVATE+KEY+name+id+key. Its name is the log's."""
    witnesses: Annotated[dict[str, Address], AfterValidator(_checked_witnesses)] = Field(default_factory=dict)
    """Address of each witness by its public key, name+id+key (KJ_WITNESSES, a JSON object).

    None: who holds the log's key and its database can write another log, and nobody finds it."""


def read_key(path: Path) -> Signer:
    """Returns the log's key. Raises NoteRefused, whose text never holds the key."""
    found = parse_signer(path.read_text(encoding="utf-8", errors="replace"))
    if found.kind != ED25519:
        raise NoteRefused("is the key of a witness, not of a log")
    return found
