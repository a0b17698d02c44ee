"""Judges of broken summaries prove nothing until they have found what was planted."""

from collections.abc import Callable

import grpc
import pytest

from gateway.registers.sources import SOURCES
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import EntryHeader, ListWindow
from kjernejournal.summary.v1 import summary_pb2
from kjernejournal.summary.v1.summary_pb2 import GetPatientSummaryResponse, SummarySection
from kjernejournal.visits.v1.visits_pb2 import Visit, VisitsSection
from tests.assurance.faults.whole import Asked, faults
from tests.support.client import Refusal

BROKEN = {"visits": {"TIMEOUT"}}


def whole() -> GetPatientSummaryResponse:
    """Returns a summary whose sections say that nothing is recorded, but for one visit."""
    reply = GetPatientSummaryResponse(completeness=summary_pb2.COMPLETENESS_COMPLETE)
    for source in SOURCES:
        section = reply.sections.add(section=source.section, state=summary_pb2.SECTION_STATE_NONE_RECORDED)
        getattr(section, source.content).SetInParent()
        if source.service == "visits":
            section.state = summary_pb2.SECTION_STATE_DATA
            visit = Visit(header=EntryHeader(id="a", version=1))
            section.visits.CopyFrom(VisitsSection(visits=[visit], window=ListWindow(total=1, returned=1)))
    return reply


def broken() -> GetPatientSummaryResponse:
    """Returns the same when the visits hang, stated as it should be."""
    reply = whole()
    section = of(reply, "visits")
    section.ClearField("content")
    section.state = summary_pb2.SECTION_STATE_UNAVAILABLE
    section.unavailable_reason = common_pb2.UNAVAILABLE_REASON_TIMEOUT
    reply.completeness = summary_pb2.COMPLETENESS_PARTIAL
    return reply


def of(reply: GetPatientSummaryResponse, service: str) -> SummarySection:
    [number] = [source.section for source in SOURCES if source.service == service]
    [section] = [each for each in reply.sections if each.section == number]
    return section


def judged(reply: GetPatientSummaryResponse, *, header: str = "PARTIAL", seconds: float = 0.5) -> list[str]:
    return faults(Asked(1.0, seconds, reply, header), whole(), BROKEN)


def reads_as_none(reply: GetPatientSummaryResponse) -> None:
    of(reply, "visits").state = summary_pb2.SECTION_STATE_NONE_RECORDED
    of(reply, "visits").ClearField("unavailable_reason")


def keeps_content(reply: GetPatientSummaryResponse) -> None:
    of(reply, "visits").visits.SetInParent()


def gives_another_reason(reply: GetPatientSummaryResponse) -> None:
    of(reply, "visits").unavailable_reason = common_pb2.UNAVAILABLE_REASON_OVERLOADED


def reads_as_complete(reply: GetPatientSummaryResponse) -> None:
    reply.completeness = summary_pb2.COMPLETENESS_COMPLETE


def takes_another_along(reply: GetPatientSummaryResponse) -> None:
    of(reply, "documents").state = summary_pb2.SECTION_STATE_UNAVAILABLE


def leaves_one_out(reply: GetPatientSummaryResponse) -> None:
    del reply.sections[-1]


def has_one_twice(reply: GetPatientSummaryResponse) -> None:
    reply.sections.append(reply.sections[0])


def test_a_summary_that_says_what_is_missing_is_in_order() -> None:
    assert judged(broken()) == []
    assert faults(Asked(1.0, 0.1, whole(), "COMPLETE"), whole(), {}) == []


@pytest.mark.parametrize(
    "plant",
    [
        reads_as_none,
        keeps_content,
        gives_another_reason,
        reads_as_complete,
        takes_another_along,
        leaves_one_out,
        has_one_twice,
    ],
    ids=lambda plant: plant.__name__,
)
def test_a_planted_fault_is_found(plant: Callable[[GetPatientSummaryResponse], None]) -> None:
    reply = broken()
    plant(reply)
    assert judged(reply) != []


def test_an_entry_that_is_lost_or_another_is_found() -> None:
    for plant in ("b", ""):
        reply = whole()
        if plant:
            of(reply, "visits").visits.visits[0].header.id = plant
        else:
            del of(reply, "visits").visits.visits[:]
        assert faults(Asked(1.0, 0.1, reply, "COMPLETE"), whole(), {}) != []


def test_a_late_one_a_wrong_header_and_a_refusal_are_found() -> None:
    assert judged(broken(), seconds=1.2) != []
    assert judged(broken(), header="COMPLETE") != []
    refusal = Refusal(grpc.StatusCode.UNAVAILABLE, "SERVICE_UNAVAILABLE", "", {}, {})
    assert faults(Asked(1.0, 0.1, None, refusal=refusal), whole(), BROKEN) != []


def test_critical_information_that_is_missing_is_more_than_partial() -> None:
    reply = whole()
    section = of(reply, "critical_info")
    section.ClearField("content")
    section.state = summary_pb2.SECTION_STATE_UNAVAILABLE
    section.unavailable_reason = common_pb2.UNAVAILABLE_REASON_ERROR
    reply.completeness = summary_pb2.COMPLETENESS_PARTIAL
    assert faults(Asked(1.0, 0.1, reply, "PARTIAL"), whole(), {"critical_info": {"ERROR"}}) != []
