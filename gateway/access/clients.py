"""Says what each machine may do: the operator's table of registered clients. Pure: reads text, no file and no clock.

The table is JSON, a row a client and organisation:

    {"clients": [{
      "client_id": "npr-feed",
      "organisation": "983658776",
      "feeds": ["visits"],
      "source_systems": ["npr"],
      "rights": ["indicator"]
    }], "indicator_quotas": {"983658776": 600}}

`feeds` are sections of the record, whose registers the client may write into. `source_systems` are those that it may
name as the source of what it sends; "*" is any, for who moves a whole record from elsewhere, and goes with no right to
say who people are, who their doctor is, or who is whom. `rights` are the other values of MachineRight. A client that is
not in the table, or under another organisation, may do nothing.
`indicator_quotas` are patients a minute of whom an organisation may ask for the status, by its size.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Self, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from kjernejournal.common.v1 import common_pb2
from shared.national_id import valid_organisation_number
from shared.register.convert import ANY_SOURCE
from shared.register.sections import CLINICAL

MachineRightValue: TypeAlias = "common_pb2.MachineRight.ValueType"

FEEDS = {common_pb2.Section.Name(each).removeprefix("SECTION_").lower(): each for each in CLINICAL}
"""Sections that a client may feed, by their names in the table; who feeds patients has rights of its own."""
del FEEDS["patient"]
RIGHTS = {
    name.removeprefix("MACHINE_RIGHT_").lower(): value
    for name, value in common_pb2.MachineRight.items()
    if value not in {common_pb2.MACHINE_RIGHT_UNSPECIFIED, common_pb2.MACHINE_RIGHT_FEED}
}
_NATIONAL = frozenset(
    {
        common_pb2.MACHINE_RIGHT_POPULATION,
        common_pb2.MACHINE_RIGHT_GENERAL_PRACTITIONERS,
        common_pb2.MACHINE_RIGHT_MERGES,
    }
)
"""Rights of national feeds, which decide who reads what. Whoever speaks for any source has none of them."""


def _of(names: dict[str, Any], values: object) -> object:
    if not isinstance(values, list):
        return values
    if unknown := [each for each in values if each not in names]:
        raise ValueError(f"holds {unknown[0]!r}, which is none of {', '.join(names)}")
    return frozenset(names[each] for each in values)


class Client(BaseModel):
    """One row: a machine of one organisation, and what it may do."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    client_id: str = Field(min_length=1, max_length=200)
    organisation: str
    """Organisation number of the legal entity in the client's tokens."""
    feeds: Annotated[frozenset[int], BeforeValidator(lambda values: _of(FEEDS, values))] = frozenset()
    source_systems: frozenset[str] = frozenset()
    rights: Annotated[frozenset[int], BeforeValidator(lambda values: _of(RIGHTS, values))] = frozenset()

    @field_validator("organisation")
    @classmethod
    def _a_number(cls, organisation: str) -> str:
        if not valid_organisation_number(organisation):
            raise ValueError("is no organisation number")
        return organisation

    @model_validator(mode="after")
    def _speaks_for_any_or_for_a_national_feed(self) -> Self:
        if ANY_SOURCE in self.source_systems and (
            both := [each for each in RIGHTS if RIGHTS[each] in self.rights & _NATIONAL]
        ):
            raise ValueError(f'holds "*" among source_systems beside {both[0]}: register a client of its own for that')
        return self

    def may(self, right: MachineRightValue, section: "common_pb2.Section.ValueType") -> bool:
        """Whether the client is registered for a right; to feed, for this section."""
        if right == common_pb2.MACHINE_RIGHT_FEED:
            return section in self.feeds
        return right in self.rights

    def speaks_for(self, source_system: str) -> bool:
        """Whether the client may name this source system as its own."""
        return source_system in self.source_systems or ANY_SOURCE in self.source_systems


class Clients:
    """The table."""

    def __init__(self, clients: Iterable[Client] = (), quotas: Mapping[str, int] | None = None) -> None:
        """Raises ValueError for two rows about one client of one organisation."""
        self.quotas = quotas or {}
        """Patients a minute whose status an organisation may ask for, where it has a number of its own."""
        self._clients: dict[tuple[str, str], Client] = {}
        for client in clients:
            key = (client.client_id, client.organisation)
            if key in self._clients:
                raise ValueError(f"holds client {client.client_id!r} twice for one organisation")
            self._clients[key] = client

    def of(self, client_id: str, organisation: str) -> Client | None:
        """Returns what a client is registered for; None: nothing."""
        return self._clients.get((client_id, organisation))


NO_CLIENTS = Clients()
"""Nobody is registered: no machine may do anything."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    clients: list[Client]
    indicator_quotas: dict[str, Annotated[int, Field(ge=1)]] = {}

    @field_validator("indicator_quotas")
    @classmethod
    def _of_organisations(cls, quotas: dict[str, int]) -> dict[str, int]:
        if wrong := [each for each in quotas if not valid_organisation_number(each)]:
            raise ValueError(f"{wrong[0]!r} is no organisation number")
        return quotas


def read_clients(text: str | bytes) -> Clients:
    """Returns the table in this JSON. Raises ValueError, whose text says where it is wrong."""
    try:
        table = _Table.model_validate_json(text)
        return Clients(table.clients, table.indicator_quotas)
    except ValidationError as error:
        [first, *_] = error.errors(include_url=False, include_context=False, include_input=False)
        where = ".".join(str(each) for each in first["loc"])
        raise ValueError(f"{where}: {first['msg'].removeprefix('Value error, ')}") from None
