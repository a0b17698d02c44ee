"""What the patient withholds: how loudly it is said."""

from typing import Any

import pytest

from gateway.registers.sources import BY_SECTION
from kjernejournal.medications.v1 import medications_pb2
from kjernejournal.summary.v1 import summary_pb2
from tests.gateway.summary.whole import (
    CONTENT,
    KI,
    MEDICINES,
    VISITS,
    answer_all,
    asked,
    fail,
    states,
    streamed,
)
from tests.support.gateway import Front


@pytest.fixture(autouse=True)
def registers(front: Front) -> None:
    """Lets every register answer with its content."""
    answer_all(front)


@pytest.mark.parametrize("section", [KI, MEDICINES], ids=["critical information", "medicines"])
async def test_critical_information_or_medicines_that_are_withheld_are_as_loud_as_missing_ones(
    front: Front, section: Any
) -> None:
    patient = front.people.add(restricted_sections=[section])
    fail(front, VISITS)
    got = await front.client.answer("GetPatientSummary", asked(patient))
    assert got.reply.completeness == summary_pb2.COMPLETENESS_CRITICAL_WITHHELD
    assert got.headers["kj-completeness"] == "CRITICAL_WITHHELD"
    assert (await streamed(front, patient))[-1].end.completeness == summary_pb2.COMPLETENESS_CRITICAL_WITHHELD
    fail(front, KI, MEDICINES)
    got = await front.client.answer("GetPatientSummary", asked(patient))
    assert got.headers["kj-completeness"] == "CRITICAL_MISSING", "what is unknown is louder still"


async def test_single_medicines_that_are_withheld_are_as_loud(front: Front) -> None:
    locked = medications_pb2.MedicationsSection()
    locked.CopyFrom(CONTENT[MEDICINES])
    locked.prescriptions_window.withheld = 1

    async def reply(data: bytes, _: Any) -> bytes:
        queries = medications_pb2.BatchGetSectionsRequest.FromString(data).queries
        answers = [medications_pb2.SectionAnswer(access_id=each.access_id, section=locked) for each in queries]
        return medications_pb2.BatchGetSectionsResponse(answers=answers).SerializeToString()

    front.registers["medications"].unary(BY_SECTION[MEDICINES].path, reply)
    got = await front.client.answer("GetPatientSummary", asked(front.people.add()))
    assert states(got.reply.sections)[MEDICINES] == "DATA"
    assert got.headers["kj-completeness"] == "CRITICAL_WITHHELD"
