"""`kj accesses` against a front door of its own, and what people see of it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from rich.console import Console

from kj.accesses import read
from kj.calls.gateway import Gateway
from kj.calls.local_gateway import LocalIssuer
from kj.errors import CommandError
from kj.show import access_table, columns
from kj.show.access_table import rows
from kj.show.norwegian import WORDS
from kjernejournal.audit.v1 import audit_pb2 as pb
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import Coding, ListWindow, Organisation, Practitioner
from kjernejournal.summary.v1.summary_pb2 import SectionState
from shared.convert import timestamp
from shared.errors import Reason, patient_not_found
from shared.handling import failures

PATIENT = "13875499818"


def access(number: int = 0, **fields: object) -> pb.Access:
    made = pb.Access(
        access_id=f"access {number}",
        occurred_at=timestamp(datetime(2026, 11, 22, 12, 0, number % 60, tzinfo=UTC)),
        caller_kind=common_pb2.CALLER_KIND_CLINICIAN,
        practitioner=Practitioner(name="Ola Pleiersen", role=Coding(code="SP")),
        point_of_care=Organisation(number="100100088", name="Hjemmetjenesten vest", department="Sone øst"),
        ground=pb.AccessGround(basis=common_pb2.ACCESS_BASIS_SAMTYKKE),
        sections=[
            pb.AccessedSection(
                section=common_pb2.SECTION_CRITICAL_INFO,
                decision=common_pb2.SECTION_DECISION_PERMIT,
                entries=[pb.DisclosedEntry(id="entry-1", version=3)],
                entry_count=1,
            )
        ],
        outcome=pb.ACCESS_OUTCOME_DISCLOSED,
        trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
    )
    for name, value in fields.items():
        made.ClearField(name)  # type: ignore[arg-type]  # the fields of the message
        made.MergeFrom(pb.Access(**{name: value}))  # type: ignore[arg-type]  # the fields of the message
    return made


def drawn(*accesses: pb.Access, entries: bool = False) -> str:
    console = Console(width=200)
    with console.capture() as captured:
        columns.show(list(rows(accesses, entries=entries)), console)
    return captured.get()


def test_people_see_who_where_why_what_and_how_it_ended() -> None:
    text = drawn(access())
    for part in (
        "Ola Pleiersen, sykepleier",
        "Hjemmetjenesten vest, Sone øst",
        "samtykke (SAMTYKKE)",
        "kritisk informasjon: 1",
        "sett",
        "4bf92f3577b34da6a3ce929d0e0e4736",
    ):
        assert part in text
    assert "entry-1" not in text
    assert "entry-1 v3" in drawn(access(), entries=True)


def test_emergencies_refusals_and_openings_stand_out() -> None:
    ground = pb.AccessGround(basis=common_pb2.ACCESS_BASIS_FORHOYET_AKUTT)
    opened = access_table.basis(access(ground=ground, emergency=True, restricted_opened=True)).plain
    assert "FORHOYET_AKUTT" in opened
    assert "åpnet det som er sperret" in opened
    withheld = pb.AccessedSection(section=common_pb2.SECTION_VISITS, decision=common_pb2.SECTION_DECISION_WITHHOLD)
    refused = drawn(
        access(outcome=pb.ACCESS_OUTCOME_DENIED, reason=Reason.ERROR_REASON_SECTION_RESTRICTED, sections=[withheld])
    )
    for part in ("avslått: sperret av pasienten", "(SECTION_RESTRICTED)"):
        assert part in refused
    for part in ("besøkshistorikk:", "sperret av pasienten"):
        assert part in refused


def test_a_citizen_is_named_by_what_they_are_to_the_patient() -> None:
    own = access(practitioner=None, representation=common_pb2.REPRESENTATION_SELF)
    verge = access(practitioner=None, representation=common_pb2.REPRESENTATION_GUARDIAN)
    assert access_table.who(verge) == "en verge"
    assert "pasienten" in drawn(own)


def test_who_acted_for_the_patient_is_named() -> None:
    parent = access(practitioner=None, representation=common_pb2.REPRESENTATION_PARENT, acting_name="Kari Nordmann")
    assert access_table.who(parent) == "Kari Nordmann, en forelder"


@pytest.mark.parametrize("basis", list(common_pb2.AccessBasis.values())[1:])
def test_every_basis_is_said_in_words(basis: common_pb2.AccessBasis.ValueType) -> None:
    name = common_pb2.AccessBasis.Name(basis)
    said = access_table.basis(access(ground=pb.AccessGround(basis=basis))).plain
    assert said == f"{WORDS[name]} ({name.removeprefix('ACCESS_BASIS_')})"


def test_a_place_is_named_with_its_business_and_no_number_stands_alone() -> None:
    place = Organisation(number="100100088", name="Hjemmetjenesten vest")
    business = Organisation(number="100100673", name="Kystbyen kommune")
    assert access_table.where(access(point_of_care=place, legal_entity=business)) == (
        "Hjemmetjenesten vest, Kystbyen kommune"
    )
    business.ClearField("name")
    assert access_table.where(access(point_of_care=place, legal_entity=business)) == (
        "Hjemmetjenesten vest, org.nr. 100100673"
    )
    assert access_table.where(access(point_of_care=place, legal_entity=place)) == "Hjemmetjenesten vest"
    assert access_table.where(access(point_of_care=None)) == ""


def test_a_section_that_could_not_be_read_is_not_one_in_which_nothing_was_seen() -> None:
    section = pb.AccessedSection(
        section=common_pb2.SECTION_LABS, decision=common_pb2.SECTION_DECISION_PERMIT, state="unavailable"
    )
    assert "prøvesvar: 0 (ikke tilgjengelig)" in drawn(access(sections=[section]))
    section.state = "data"
    assert "prøvesvar: vist" in drawn(access(sections=[section]))


@pytest.mark.parametrize("state", [name.removeprefix("SECTION_STATE_").lower() for name, _ in SectionState.items()])
def test_every_state_that_the_log_names_is_in_norwegian(state: str) -> None:
    section = pb.AccessedSection(
        section=common_pb2.SECTION_LABS, decision=common_pb2.SECTION_DECISION_PERMIT, state=state
    )
    assert state not in drawn(access(sections=[section], trace_id="", rpcs=[]))


class FrontDoor:
    """Answers ListAccesses with pages of what it holds."""

    def __init__(self) -> None:
        self.held = [access(number) for number in range(1_200)]
        self.asked: list[pb.ListAccessesRequest] = []
        self.tokens: list[str] = []
        self.address = ""

    async def serve(self, data: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        request = pb.ListAccessesRequest.FromString(data)
        self.asked.append(request)
        self.tokens += [str(value) for key, value in context.invocation_metadata() or () if key == "authorization"]
        if request.patient.national_id != PATIENT:
            await failures.abort(context, patient_not_found())
        first = int(request.page_token or 0)
        page = self.held[first : first + request.page_size]
        after = first + len(page)
        token = str(after) if after < len(self.held) else ""
        window = ListWindow(returned=len(page), total=len(self.held), older_exist=bool(token))
        return pb.ListAccessesResponse(accesses=page, next_page_token=token, window=window).SerializeToString()


@pytest.fixture
async def front_door() -> AsyncIterator[FrontDoor]:
    door = FrontDoor()
    server = grpc.aio.server()
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(door.serve)
    service = "kjernejournal.audit.v1.AuditService"
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"ListAccesses": handler}),))
    door.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    yield door
    await server.stop(0)


def at(address: str) -> Gateway:
    return Gateway(address, None, LocalIssuer(Path("nowhere")), unreachable="", trace_command="")


async def test_every_page_is_read_up_to_the_limit(front_door: FrontDoor) -> None:
    response = await read(at(front_door.address), "token", PATIENT, limit=700, since=datetime(2026, 1, 1, tzinfo=UTC))
    assert [each.access_id for each in response.accesses] == [each.access_id for each in front_door.held[:700]]
    assert (response.window.returned, response.window.total, response.window.older_exist) == (700, 1_200, True)
    assert [request.page_size for request in front_door.asked] == [500, 200]
    assert all(request.since.seconds == 1_767_225_600 for request in front_door.asked)
    assert set(front_door.tokens) == {"Bearer token"}


async def test_a_refusal_is_told_with_its_reason(front_door: FrontDoor) -> None:
    with pytest.raises(CommandError, match="PATIENT_NOT_FOUND"):
        await read(at(front_door.address), "token", "17912099997")


async def test_a_gateway_that_is_not_there_is_told() -> None:
    with pytest.raises(CommandError, match="does not answer"):
        await read(at("127.0.0.1:9"), "token", PATIENT)
