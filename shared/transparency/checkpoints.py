"""Writes and reads checkpoints, as C2SP tlog-checkpoint does: which log, how many leaves, which root."""

import base64
from dataclasses import dataclass

from shared.transparency.notes import NoteRefused
from shared.transparency.tree import HASH_BYTES


@dataclass(frozen=True)
class Checkpoint:
    """What a log says of itself at one time."""

    origin: str
    """Which log it is."""
    size: int
    """How many leaves it has."""
    root: bytes
    """The root of its tree."""

    @property
    def text(self) -> str:
        """Returns the text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """Returns what a checkpoint's text says. Lines after the third are extensions. Raises NoteRefused.

    There is one way to write a checkpoint: a size with leading zeros or a root in other base64 is refused.
    """
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or not all(lines[:-1]) or not lines[1].isascii() or not lines[1].isdigit():
        raise NoteRefused("a checkpoint is an origin, a size and a root, a line each")
    try:
        found = Checkpoint(lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True))
    except ValueError:
        raise NoteRefused("the root of a checkpoint is written in base64") from None
    if len(found.root) != HASH_BYTES or not text.startswith(found.text):
        raise NoteRefused("the checkpoint is not written as checkpoints are")
    return found
