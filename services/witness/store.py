"""Keeps the last checkpoint that was cosigned, in a file that is whole at any time."""

import fcntl
import os
from pathlib import Path

from shared.environment import SettingsError
from shared.transparency.checkpoints import Checkpoint, parse_checkpoint
from shared.transparency.notes import NoteRefused, Verifier, open_note

FILE = "checkpoint"


class Store:
    """The directory of one witness. No second process may use it."""

    def __init__(self, directory: Path, witness: Verifier) -> None:
        """Locks the directory. Raises SettingsError when it cannot be used, or holds what this witness never wrote."""
        self._path = directory / FILE
        self._witness = witness
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(directory / "lock")
        except OSError as error:
            raise SettingsError(f"KJ_WITNESS_DIRECTORY cannot be used: {error.strerror}") from None
        try:
            self.last = self._read()
            """The checkpoint that was cosigned last; None: none yet."""
        except SettingsError:
            self.close()
            raise

    def write(self, note: str, checkpoint: Checkpoint) -> None:
        """Keeps a checkpoint as it was cosigned; returns once it is durable.

        Raises OSError, and the one before stays.
        """
        partial = self._path.with_suffix(".partial")
        with partial.open("w", encoding="utf-8") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(self._path)
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        self.last = checkpoint

    async def usable(self) -> bool:
        """Whether the directory is there and can be written."""
        return os.access(self._path.parent, os.W_OK)

    def close(self) -> None:
        """Lets another process have the directory."""
        os.close(self._lock)

    def _read(self) -> Checkpoint | None:
        try:
            note = self._path.read_text(encoding="utf-8")
            return parse_checkpoint(open_note(note, [self._witness])[0])
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError, NoteRefused):
            raise SettingsError(
                "KJ_WITNESS_DIRECTORY holds a checkpoint that this witness has not cosigned: find out who changed it"
            ) from None


def _locked(path: Path) -> int:
    """Returns the descriptor of a file that this process alone has locked. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
