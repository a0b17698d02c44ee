"""Serves GetIndicator: what an EHR's icon shows, 0 to 5, for a patient or a day's list. No content, no audit record."""

from collections.abc import Sequence
from typing import Any, cast

import grpc
from google.protobuf.message import DecodeError

from gateway.access.facts import Outcome
from gateway.decided_call import DecidedCall, Incoming
from gateway.front_door import Context, Handlers
from gateway.quota import Quota
from gateway.registers.section_reader import SectionReader
from gateway.registers.sources import BY_SECTION, Source
from gateway.requests import parse
from gateway.steps import Steps
from gateway.summary.fanout import seconds_for
from gateway.sweeps import Sweeps
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import PatientIdentifier, SectionQuery
from kjernejournal.own_registrations.v1 import own_registrations_pb2
from kjernejournal.summary.v1 import summary_pb2
from kjernejournal.summary.v1.summary_pb2 import GetIndicatorRequest, GetIndicatorResponse
from shared import telemetry
from shared.errors import Invalid, Reason, Unavailable
from shared.handling.decoding import validate

CRITICAL_INFO = BY_SECTION[common_pb2.SECTION_CRITICAL_INFO]
OWN_REGISTRATIONS = BY_SECTION[common_pb2.SECTION_OWN_REGISTRATIONS]
_SHOWN = frozenset(
    {own_registrations_pb2.REGISTRATION_KIND_ILLNESS, own_registrations_pb2.REGISTRATION_KIND_COMMUNICATION_NEED}
)
"""Kinds of own registrations that the icon shows. Contacts and the donor card are not among them."""


DIGITS = 11
"""Of a national id."""


class Indicator:
    """Answers GetIndicator."""

    def __init__(
        self, steps: Steps, section_reader: SectionReader, quota: Quota, sweeps: Sweeps, *, hides: bool = False
    ) -> None:
        self._steps = steps
        self._section_reader = section_reader
        self._quota = quota
        self._sweeps = sweeps
        self._without_any = summary_pb2.INDICATOR_STATUS_NOT_SHOWN if hides else summary_pb2.INDICATOR_STATUS_RECORD
        """Where restrictions are hidden, nobody's status says that there is nothing: it may be restricted."""

    def handlers(self) -> dict[str, Handlers]:
        """Returns what serves GetIndicator, by path."""
        return {"/kjernejournal.summary.v1.SummaryService/GetIndicator": Handlers(unary=self.get)}

    async def get(self, incoming: Incoming, data: bytes, _: Context) -> bytes:
        """Returns the statuses, the one patient's and the list's. Raises Unavailable: it is not known, which is not
        none."""
        request = cast("GetIndicatorRequest", parse(incoming.method, data))
        validate(_without_what_is_no_id(request))
        if not request.HasField("patient") and not request.patients:
            raise Invalid("patient", "is required, or patients")
        asked = incoming.method.patients_in(request)
        self._quota.take(incoming.caller.legal_entity, len(asked))
        ids = [self._id(path, patient) for path, patient in asked]
        statuses = await self._statuses(incoming, [each for each in ids if each])
        answers = [statuses.get(each, summary_pb2.INDICATOR_STATUS_UNSPECIFIED) for each in ids]
        if not request.HasField("patient"):
            return GetIndicatorResponse(statuses=answers).SerializeToString()
        return GetIndicatorResponse(status=answers[0], statuses=answers[1:]).SerializeToString()

    def _id(self, path: str, patient: PatientIdentifier) -> str:
        """Returns the national id; "" when it is not a valid one. A reference from outside is an error all the same."""
        try:
            return self._steps.national_id_of(path, patient)
        except Invalid as error:
            if error.reason == Reason.ERROR_REASON_PATIENT_REF_REFUSED:
                raise
            return ""

    async def _statuses(
        self, incoming: Incoming, ids: Sequence[str]
    ) -> dict[str, "summary_pb2.IndicatorStatus.ValueType"]:
        decided_calls = await self._steps.decide_each(incoming, list(dict.fromkeys(ids)))
        self._sweeps.saw(decided_calls)
        present = await self._present({each.patient or "": each for each in decided_calls if each.decision.permitted})
        latest = await self._steps.fresh_each(decided_calls)
        if any(now.hides_more_than(then) for now, then in zip(latest, decided_calls, strict=True)):
            raise _not_known()
        return {each.patient or "": await self._status(each, present) for each in latest}

    async def _status(
        self, decided: DecidedCall, present: dict[str, "summary_pb2.IndicatorStatus.ValueType"]
    ) -> "summary_pb2.IndicatorStatus.ValueType":
        """Returns what the latest decision lets the caller know of what was found."""
        if decided.decision.outcome is Outcome.NOT_FOUND:
            return summary_pb2.INDICATOR_STATUS_NO_RECORD
        if decided.decision.outcome is Outcome.EXISTS:
            return summary_pb2.INDICATOR_STATUS_NOT_SHOWN
        await self._steps.refuse_if_denied(decided)
        if decided.patient not in present:
            raise _not_known()  # permitted a moment ago: nothing was asked
        return present[decided.patient]

    async def _present(self, wanted: dict[str, DecidedCall]) -> dict[str, "summary_pb2.IndicatorStatus.ValueType"]:
        """Returns the highest status that holds. Who has critical information needs no other register for it."""
        found: dict[str, summary_pb2.IndicatorStatus.ValueType] = {}
        for patient, critical in (await self._sections(CRITICAL_INFO, wanted)).items():
            if critical.active:
                found[patient] = summary_pb2.INDICATOR_STATUS_CRITICAL_INFORMATION
        rest = {patient: decided for patient, decided in wanted.items() if patient not in found}
        for patient, decided in list(rest.items()):
            if decided.restricts(OWN_REGISTRATIONS.section):
                found[patient] = summary_pb2.INDICATOR_STATUS_NOT_SHOWN
                del rest[patient]
        for patient, own in (await self._sections(OWN_REGISTRATIONS, rest)).items():
            shown = any(each.total for each in own.counts if each.kind in _SHOWN)
            found[patient] = summary_pb2.INDICATOR_STATUS_OWN_REGISTRATIONS if shown else self._without_any
        return found

    async def _sections(self, source: Source, wanted: dict[str, DecidedCall]) -> dict[str, Any]:
        """Returns each patient's section, without entries, by one call to the register. Raises Unavailable for a single
        one that does not come: what is not known is not "none"."""
        if not wanted:
            return {}
        queries = [
            SectionQuery(
                access_id=str(number),
                caller=decided.context(decided.method.rule.section, read=source.section),
                traceparent=telemetry.traceparent(),
            )
            for number, decided in enumerate(wanted.values())
        ]
        try:
            answers = await self._section_reader.read(source, queries, seconds_for(source, len(queries)))
        except (grpc.aio.AioRpcError, DecodeError):
            raise _not_known() from None
        found = {}
        for number, patient in enumerate(wanted):
            answer = answers.get(str(number))
            if answer is None or not answer.HasField("section"):
                raise _not_known()
            found[patient] = answer.section
        return found


def _without_what_is_no_id(request: GetIndicatorRequest) -> GetIndicatorRequest:
    """Returns the request with "" for ids that are too long to be any: one of a list must not stop the others."""
    for patient in (request.patient, *request.patients):
        if len(patient.national_id) > DIGITS:
            patient.national_id = ""
    return request


def _not_known() -> Unavailable:
    return Unavailable(Reason.ERROR_REASON_SERVICE_UNAVAILABLE, "what there is cannot be asked about now: try again")
