"""Drug knowledge: loaded whole or not at all, by version, and sent to nobody who has it."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from uuid import uuid4

import grpc
import pytest

from kj.feeds.knowledge_table import SHIPPED, parse, read
from kjernejournal.medications.v1 import knowledge_pb2 as pb
from kjernejournal.medications.v1 import medications_pb2
from kjernejournal.medications.v1.knowledge_pb2_grpc import DrugKnowledgeServiceStub
from services.medications.knowledge.repository import KnowledgeRepository
from services.medications.knowledge.servicer import KnowledgeServicer
from shared.database import Database
from tests.support.client import refusal
from tests.support.postgres import Cluster
from tests.support.service import FEED, calling, served

if TYPE_CHECKING:
    from kjernejournal.medications.v1.knowledge_pb2_grpc import DrugKnowledgeServiceAsyncStub

AVOID = medications_pb2.SEVERITY_AVOID


@pytest.fixture
async def stub(postgres: Cluster) -> "AsyncIterator[DrugKnowledgeServiceAsyncStub]":
    """The service on a database without knowledge."""
    database = await Database.connect((await postgres.migrated("medications")).dsn)
    servicer = KnowledgeServicer(KnowledgeRepository(database))
    async with served((servicer, pb.DESCRIPTOR.services_by_name["DrugKnowledgeService"])) as channel:
        yield DrugKnowledgeServiceStub(channel)
    await database.close()


def table(version: str = "1", text: str = "bleeding") -> pb.DrugKnowledge:
    interaction = pb.Interaction(
        first_atc=["B01AA03"], second_atc=["M01AE"], severity=AVOID, text=text, source="SPC Marevan 4.5"
    )
    return pb.DrugKnowledge(knowledge_version=version, interactions=[interaction])


async def load(
    stub: "DrugKnowledgeServiceAsyncStub", knowledge: pb.DrugKnowledge, request_id: str = ""
) -> pb.ImportDrugKnowledgeResponse:
    request = pb.ImportDrugKnowledgeRequest(request_id=request_id or str(uuid4()), knowledge=knowledge)
    return await stub.ImportDrugKnowledge(request, metadata=calling(FEED))


async def in_force(stub: "DrugKnowledgeServiceAsyncStub", known: int = 0) -> pb.GetDrugKnowledgeResponse:
    return await stub.GetDrugKnowledge(pb.GetDrugKnowledgeRequest(known_load=known))


async def test_before_the_first_load_there_is_none(stub: "DrugKnowledgeServiceAsyncStub") -> None:
    told = await refusal(in_force(stub))
    assert told.short == ("NOT_FOUND", "ENTRY_NOT_FOUND")


async def test_the_last_load_is_in_force(stub: "DrugKnowledgeServiceAsyncStub") -> None:
    first = await load(stub, table("1"))
    assert (first.knowledge_version, first.knowledge_version_before, first.rows, first.unchanged) == ("1", "", 1, False)
    second = await load(stub, table("2", "serious bleeding"))
    assert (second.knowledge_version, second.knowledge_version_before, second.unchanged) == ("2", "1", False)
    got = await in_force(stub)
    assert got.knowledge == table("2", "serious bleeding")
    assert got.HasField("loaded_at")


async def test_who_has_it_is_sent_nothing(stub: "DrugKnowledgeServiceAsyncStub") -> None:
    await load(stub, table())
    number = (await in_force(stub)).load
    got = await in_force(stub, number)
    assert (got.load, got.HasField("knowledge")) == (number, False)
    await load(stub, table("2"))
    assert (await in_force(stub, number)).knowledge.knowledge_version == "2"


async def test_the_version_in_force_again_changes_nothing(stub: "DrugKnowledgeServiceAsyncStub") -> None:
    await load(stub, table())
    before = await in_force(stub)
    assert (await load(stub, table())).unchanged
    assert await in_force(stub) == before


async def test_an_earlier_version_comes_back(stub: "DrugKnowledgeServiceAsyncStub") -> None:
    for version in ("1", "2", "1"):
        await load(stub, table(version))
    assert (await in_force(stub)).knowledge.knowledge_version == "1"


async def test_a_version_keeps_its_rows(stub: "DrugKnowledgeServiceAsyncStub") -> None:
    await load(stub, table("1"))
    await load(stub, table("2"))
    told = await refusal(load(stub, table("1", "something else")))
    assert told.short == ("FAILED_PRECONDITION", "STATE_CONFLICT")
    assert (await in_force(stub)).knowledge.knowledge_version == "2"


async def test_the_same_request_has_no_further_effect(stub: "DrugKnowledgeServiceAsyncStub") -> None:
    request_id = str(uuid4())
    first = await load(stub, table("1"), request_id)
    assert await load(stub, table("1"), request_id) == first
    await load(stub, table("2"))
    assert await load(stub, table("1"), request_id.upper()) == first
    assert (await in_force(stub)).knowledge.knowledge_version == "2"
    told = await refusal(load(stub, table("3"), request_id))
    assert told.short == ("INVALID_ARGUMENT", "REQUEST_ID_REUSED")


async def test_a_request_that_changed_nothing_does_not_undo_what_came_after_it(
    stub: "DrugKnowledgeServiceAsyncStub",
) -> None:
    request_id = str(uuid4())
    await load(stub, table("1"))
    first = await load(stub, table("1"), request_id)
    await load(stub, table("2"))
    assert await load(stub, table("1"), request_id) == first
    assert (await in_force(stub)).knowledge.knowledge_version == "2"
    told = await refusal(load(stub, table("3"), request_id))
    assert told.short == ("INVALID_ARGUMENT", "REQUEST_ID_REUSED")


async def test_loads_at_the_same_time_come_one_after_the_other(stub: "DrugKnowledgeServiceAsyncStub") -> None:
    await asyncio.gather(*(load(stub, table(f"v{number % 2}")) for number in range(8)))
    got = await asyncio.gather(*(load(stub, table("same")) for _ in range(8)))
    assert sum(not each.unchanged for each in got) == 1


ONE_OF_EACH = [
    "version\t9",
    "substance\tpenicillin\tJ01C\tATC",
    "allergy\tJ01C\tJ01D\tcaution\ttext\tadvice\tsource",
    "interaction\tB01AA03\tM01A\tavoid\ttext\tadvice\tsource",
    "duplicate\tM01A\tcaution\ttext\tadvice\tsource",
    "condition\tD66\tM01A\tavoid\ttext\tadvice\tsource",
]


@pytest.mark.parametrize(
    "row, old, new, field",
    [
        (0, "9", "two words", "knowledge_version"),
        (1, "penicillin", " ", "substances[0].coding.code"),
        (1, "J01C", "J1", "substances[0].atc[0]"),
        (1, "\tATC", "\t", "substances[0].source"),
        (2, "J01C", "", "cross_reactions[0].allergy_atc"),
        (2, "J01D", "J01 j01", "cross_reactions[0].medicine_atc[1]"),
        (3, "B01AA03", "B01AA0", "interactions[0].first_atc[0]"),
        (3, "M01A", "Ø01", "interactions[0].second_atc[0]"),
        (3, "text", "", "interactions[0].text"),
        (4, "M01A", "M01AE011", "therapeutic_groups[0].atc[0]"),
        (4, "source", "", "therapeutic_groups[0].source"),
        (5, "M01A", "", "condition_conflicts[0].atc"),
        (5, "D66", "d66", "condition_conflicts[0].conditions[0].code"),
        (5, "D66", "http://hl7.org/fhir/sid/icpc-2|", "condition_conflicts[0].conditions[0]"),
    ],
)
async def test_a_wrong_row_refuses_the_whole_table(
    stub: "DrugKnowledgeServiceAsyncStub", row: int, old: str, new: str, field: str
) -> None:
    lines = list(ONE_OF_EACH)
    lines[row] = lines[row].replace(old, new)
    told = await refusal(load(stub, parse(lines)))
    assert (told.code, told.details["field"]) == (grpc.StatusCode.INVALID_ARGUMENT, f"knowledge.{field}")
    assert (await refusal(in_force(stub))).short == ("NOT_FOUND", "ENTRY_NOT_FOUND")


@pytest.mark.parametrize("lines", [ONE_OF_EACH[:1], ONE_OF_EACH[:2]])
async def test_knowledge_without_a_rule_is_none(stub: "DrugKnowledgeServiceAsyncStub", lines: list[str]) -> None:
    told = await refusal(load(stub, parse(lines)))
    assert (told.code, told.details["field"]) == (grpc.StatusCode.INVALID_ARGUMENT, "knowledge.interactions")


async def test_the_knowledge_that_comes_along_is_taken(stub: "DrugKnowledgeServiceAsyncStub") -> None:
    shipped = read(SHIPPED)
    loaded = await load(stub, shipped)
    assert (loaded.knowledge_version, loaded.unchanged) == (shipped.knowledge_version, False)
    assert (await in_force(stub)).knowledge == shipped
