"""The witness's settings."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from shared.settings import InnerSettings, ReadableFile
from shared.transparency.notes import COSIGNATURE, ED25519, NoteRefused, Signer, Verifier, parse_signer


def _checked_key(path: Path) -> Path:
    try:
        read_key(path)
    except NoteRefused as error:
        raise ValueError(str(error)) from None
    return path


def _checked_log(text: str) -> str:
    try:
        kind = Verifier.parse(text).kind
    except NoteRefused as error:
        raise ValueError(str(error)) from None
    if kind != ED25519:
        raise ValueError("is the key of a witness, not of a log")
    return text


class WitnessSettings(InnerSettings):
    """What the witness needs."""

    witness_key_file: Annotated[ReadableFile, AfterValidator(_checked_key)]
    """The private key that cosigns: a line PRIVATE+KEY+name+id+key, of a witness. Nobody who runs the log has it."""
    witness_directory: Path
    """Where the last checkpoint that was cosigned is kept, in a file `checkpoint`. Of this process alone."""
    witnessed_log: Annotated[str, AfterValidator(_checked_log)]
    """Public key of the log: name+id+key."""
    allowed_peers: list[str] = Field(default=["spiffe://kjernejournal/audit"])
    """The log alone."""


def read_key(path: Path) -> Signer:
    """Returns the witness's key. Raises NoteRefused, whose text never holds the key."""
    found = parse_signer(path.read_text(encoding="utf-8", errors="replace"))
    if found.kind != COSIGNATURE:
        raise NoteRefused("is the key of a log, not of a witness")
    return found
