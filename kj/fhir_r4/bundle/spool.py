"""A spool for bytes that are needed again, outside memory: a nameless temporary file, gone with the process."""

import tempfile
from types import TracebackType
from typing import Self

from kj.fhir_r4.bundle.refusals import Failed

_IN_MEMORY = 1024 * 1024
"""Most bundles of one visit never reach the disk."""


class Spool:
    """Appends pieces and gives them back by where they begin. The file is the owner's alone, and has no name."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  # closed by close()
        self.end = 0

    def append(self, data: bytes) -> int:
        """Keeps the bytes and returns where they begin. Raises Failed when there is no room for them."""
        at = self.end
        try:
            self._file.seek(at)
            self._file.write(data)
        except OSError as error:
            raise Failed(f"no room for temporary data in {tempfile.gettempdir()}: {error.strerror}") from None
        self.end += len(data)
        return at

    def read(self, at: int, length: int) -> bytes:
        """Returns `length` bytes that begin at `at`, as `write` returned it."""
        self._file.seek(at)
        return self._file.read(length)

    def close(self) -> None:
        """Closes the file, which frees its bytes."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
