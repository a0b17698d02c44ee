"""Summaries as a test asks for and looks at them."""

import time
from dataclasses import dataclass
from typing import Any

from kjernejournal.common.v1 import common_pb2
from kjernejournal.summary.v1 import summary_pb2
from kjernejournal.summary.v1.summary_pb2 import GetPatientSummaryRequest, StreamPatientSummaryRequest
from tests.support.client import Answer, Client
from tests.support.patients import Patient

SECTIONS = {
    "critical_info": common_pb2.SECTION_CRITICAL_INFO,
    "medications": common_pb2.SECTION_MEDICATIONS,
    "visits": common_pb2.SECTION_VISITS,
    "documents": common_pb2.SECTION_DOCUMENTS,
    "labs": common_pb2.SECTION_LABS,
    "vaccinations": common_pb2.SECTION_VACCINATIONS,
    "own_registrations": common_pb2.SECTION_OWN_REGISTRATIONS,
    "patients": common_pb2.SECTION_PATIENT,
}
"""The section that each service fills."""


@dataclass(frozen=True)
class Summary:
    """One reply."""

    answer: Answer
    seconds: float

    @property
    def completeness(self) -> str:
        return summary_pb2.Completeness.Name(self.answer.reply.completeness).removeprefix("COMPLETENESS_")

    @property
    def states(self) -> dict[str, str]:
        """The state of each service's section; with the reason where there is one: `UNAVAILABLE TIMEOUT`."""
        found = {each.section: each for each in self.answer.reply.sections}
        return {name: state(found[section]) for name, section in SECTIONS.items() if section in found}

    def section(self, service: str) -> Any:
        [found] = [each for each in self.answer.reply.sections if each.section == SECTIONS[service]]
        return found


def state(section: summary_pb2.SummarySection) -> str:
    """Returns `DATA`, `WITHHELD`, `UNAVAILABLE TIMEOUT`, ..."""
    name = summary_pb2.SectionState.Name(section.state).removeprefix("SECTION_STATE_")
    reason = common_pb2.UnavailableReason.Name(section.unavailable_reason).removeprefix("UNAVAILABLE_REASON_")
    return f"{name} {reason}" if section.unavailable_reason else name


WHOLE = dict.fromkeys(SECTIONS, "DATA")


def asked(patient: Patient, **fields: Any) -> GetPatientSummaryRequest:
    return GetPatientSummaryRequest(patient=patient.identifier, **fields)


def stream_asked(patient: Patient) -> StreamPatientSummaryRequest:
    return StreamPatientSummaryRequest(patient=patient.identifier)


async def summary(client: Client, patient: Patient, **caller: Any) -> Summary:
    """Returns a summary and how long it took. Raises AioRpcError."""
    began = time.monotonic()
    answer = await client.answer("GetPatientSummary", asked(patient), **caller)
    return Summary(answer, time.monotonic() - began)
