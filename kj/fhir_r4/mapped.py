"""A bundle as it was mapped: what goes to each register, and what became of every resource."""

from collections import Counter
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from kj.fhir_r4.message_spool import MessageSpool
from kj.fhir_r4.resources.patients import Record
from kj.fhir_r4.tally import Tally


class Mapped:
    """A bundle that can be sent. Closing it frees its temporary file."""

    def __init__(
        self,
        records: list[Record],
        messages: MessageSpool,
        tally: Tally,
        beside: Counter[str],
        cuts: Counter[str],
        refused: list[str],
    ):
        self.records = records
        self.messages = messages
        self.tally = tally
        self.beside = beside
        """Entries and states that come from parts of resources, and are no resources of their own, by what they are."""
        self.cuts = cuts
        """Texts and forms that were longer or more than our fields hold, counted."""
        self.refused = refused
        """Why patients were left out who could not be read, with the path."""

    @property
    def national_ids(self) -> list[str]:
        """The national id of each patient, in order."""
        return [each.known.national_id for each in self.records]

    def streams(self, register: str) -> Iterator[Iterator[Any]]:
        """Returns what goes to a register, in streams to be sent one after another."""
        return self.messages.streams(register, self.national_ids)

    def close(self) -> None:
        """Frees the temporary file that holds the messages."""
        self.messages.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
