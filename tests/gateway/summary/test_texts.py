"""Texts of a summary: a code each, in the language that the caller asks for."""

import pytest

from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import PatientIdentifier
from kjernejournal.summary.v1.summary_pb2 import StreamPatientSummaryRequest
from tests.gateway.summary.whole import (
    KI,
    VISITS,
    answer_all,
    asked,
    fail,
)
from tests.support.gateway import Front


@pytest.fixture(autouse=True)
def registers(front: Front) -> None:
    """Lets every register answer with its content."""
    answer_all(front)


@pytest.mark.parametrize(
    "metadata, missing, why",
    [
        ((), "primærhelsetjenesten", "registeret feilet"),
        ((("accept-language", "nn-NO, en;q=0.5"),), "primærhelsetjenesten", "registeret feilet"),
        ((("accept-language", "en"),), "primary care", "the register failed"),
    ],
    ids=["norwegian by default", "nynorsk", "english"],
)
async def test_texts_have_codes_and_the_callers_language(
    front: Front, metadata: tuple[tuple[str, str], ...], missing: str, why: str
) -> None:
    fail(front, KI)
    patient = front.people.add()
    got = await front.client.answer("GetPatientSummary", asked(patient), extra=metadata)
    sections = {each.section: each for each in got.reply.sections}
    assert sections[VISITS].coverage.missing[0].code == "MISSING_PRIMARY_CARE"
    assert sections[VISITS].coverage.missing[0].text == missing
    assert sections[KI].explanation.code == "UNAVAILABLE_ERROR"
    assert why in sections[KI].explanation.text
    parts = await front.client.stream(
        "StreamPatientSummary",
        StreamPatientSummaryRequest(patient=PatientIdentifier(national_id=patient)),
        extra=metadata,
    )
    streamed_sections = {part.section.section: part.section for part in parts if part.HasField("section")}
    assert streamed_sections[VISITS].coverage == sections[VISITS].coverage
    assert streamed_sections[KI].explanation == sections[KI].explanation


async def test_that_the_patient_is_dead_stands_at_the_top_whatever_sections_come(front: Front) -> None:
    fail(front, common_pb2.SECTION_PATIENT)
    for dead in (True, False):
        patient = front.people.add(deceased=dead)
        reply = await front.client.call("GetPatientSummary", asked(patient, sections=[VISITS]))
        assert reply.deceased is dead
        assert [each.text for each in reply.notices] == ["Pasienten er død."] * dead
        [start, *_, end] = await front.client.stream(
            "StreamPatientSummary", StreamPatientSummaryRequest(patient=PatientIdentifier(national_id=patient))
        )
        assert start.start.deceased is dead
        assert start.start.notices == end.end.notices == reply.notices
