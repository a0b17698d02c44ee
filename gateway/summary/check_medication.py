"""Serves four rpcs of medication safety here: CheckMedication, since the gateway alone sees critical information and
medicines together; UpdateMedicationList and ProposeMedicationChange, whose answers bring the alerts that the new list,
or what is proposed, gives; and ImportDrugKnowledge, so that this gateway checks with new knowledge at once."""

import asyncio
import hashlib
import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from gateway.access.facts import SectionValue
from gateway.contract import Method, withheld
from gateway.decided_call import DecidedCall, Incoming
from gateway.forwarding.handlers import Forwarding
from gateway.front_door import Context, Handlers, add_receipt
from gateway.recorder import Recorder
from gateway.registers.sources import BY_SECTION
from gateway.safety.check import Checked, WhyNot, check, not_made, seen
from gateway.safety.knowledge_cache import KnowledgeCache
from gateway.steps import Steps
from gateway.summary.fanout import Fanout, Question, hold_back
from gateway.texts.catalogue import put_texts
from gateway.texts.languages import Language
from kjernejournal.audit.v1.audit_pb2 import Receipt, SectionRecord
from kjernejournal.common.v1 import common_pb2
from kjernejournal.medications.v1 import medications_pb2 as pb
from kjernejournal.medications.v1.medications_pb2 import CheckMedicationRequest, CheckMedicationResponse, Medication
from kjernejournal.summary.v1 import summary_pb2
from kjernejournal.summary.v1.summary_pb2 import SummarySection
from shared import deadline, telemetry
from shared.errors import Denied, Invalid, KjernejournalError
from shared.handling.decoding import decode

log = logging.getLogger(__name__)

CHECK = "/kjernejournal.medications.v1.MedicationsService/CheckMedication"
UPDATE = "/kjernejournal.medications.v1.MedicationsService/UpdateMedicationList"
PROPOSE = "/kjernejournal.medications.v1.MedicationsService/ProposeMedicationChange"
AFTER_A_WRITE = 1.5
"""Seconds for which the answer of a write waits for its alerts, at most."""
SECTIONS: tuple[SectionValue, ...] = (common_pb2.SECTION_CRITICAL_INFO, common_pb2.SECTION_MEDICATIONS)
MOST_ENTRIES = 500
"""Entries of a list that are checked."""


class MedicationSafety:
    """Checks medicines on request."""

    def __init__(
        self,
        steps: Steps,
        recorder: Recorder,
        fanout: Fanout,
        knowledge_cache: KnowledgeCache,
        forwarding: Forwarding,
        methods: Mapping[str, Method],
    ) -> None:
        self._steps = steps
        self._recorder = recorder
        self._fanout = fanout
        self._knowledge_cache = knowledge_cache
        self._forwarding = forwarding
        self._check_method = methods[CHECK]

    def handlers(self) -> dict[str, Handlers]:
        """Returns what serves the rpcs of other services that are served here, by path."""
        return {
            CHECK: Handlers(unary=self.check),
            UPDATE: Handlers(unary=self.update),
            PROPOSE: Handlers(unary=self.propose),
            "/kjernejournal.medications.v1.DrugKnowledgeService/ImportDrugKnowledge": Handlers(unary=self.load),
        }

    async def check(self, incoming: Incoming, data: bytes, context: Context) -> bytes:
        """Reads both sections as a summary would, and releases what was found in what may be released."""
        request = decode(CheckMedicationRequest, data)
        _check_candidates(request.candidates)
        reply, receipt = await self._found(incoming, request)
        add_receipt(context, receipt)
        return reply.SerializeToString(deterministic=True)

    async def update(self, incoming: Incoming, data: bytes, context: Context) -> bytes:
        """Forwards the new list, and adds the alerts that it gives."""
        reply = pb.UpdateMedicationListResponse.FromString(await self._forwarding.unary(incoming, data, context))
        patient = pb.UpdateMedicationListRequest.FromString(data).patient
        reply.alerts.CopyFrom(await self._after(incoming, CheckMedicationRequest(patient=patient)))
        return reply.SerializeToString()

    async def propose(self, incoming: Incoming, data: bytes, context: Context) -> bytes:
        """Forwards proposals, and adds the alerts that the medicines give that are to be taken: the proposer is the one
        who can still think again."""
        reply = pb.ProposeMedicationChangeResponse.FromString(await self._forwarding.unary(incoming, data, context))
        request = pb.ProposeMedicationChangeRequest.FromString(data)
        taken = [
            each.entry.medication
            for each in request.proposals
            if each.HasField("entry") and each.entry.status != pb.ENTRY_STATUS_DISCONTINUED
        ]
        if taken:
            asked = CheckMedicationRequest(patient=request.patient, candidates=taken)
            reply.alerts.CopyFrom(await self._after(incoming, asked))
        return reply.SerializeToString()

    async def _after(self, incoming: Incoming, request: CheckMedicationRequest) -> CheckMedicationResponse:
        """Returns what a check after a write finds: a read of its own, decided and on record as one.

        What was written stands from the service's answer on; a check that cannot be made after it is said, and refuses
        nothing.
        """
        asking = Incoming(self._check_method, incoming.metadata, incoming.caller, incoming.basis)
        try:
            async with asyncio.timeout(deadline.inside(AFTER_A_WRITE)):
                return (await self._found(asking, request))[0]
        except Denied:
            return _unmade(pb.NOT_CHECKED_REASON_SECTION_NOT_AUTHORIZED, incoming.language)
        except (KjernejournalError, TimeoutError):
            return _unmade(pb.NOT_CHECKED_REASON_SECTION_UNAVAILABLE, incoming.language)
        except Exception:  # a bug of ours must not hide that it was stored
            log.exception("what was written could not be checked")
            return _unmade(pb.NOT_CHECKED_REASON_SECTION_UNAVAILABLE, incoming.language)

    async def _found(
        self, incoming: Incoming, request: CheckMedicationRequest
    ) -> tuple[CheckMedicationResponse, Receipt]:
        """Returns what a check finds, once it is on record and may be released, and its place in the access log."""
        decided = await self._steps.enter(incoming, request, sections=SECTIONS)
        question = Question(as_of=None, max_entries=MOST_ENTRIES)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._fanout.ask(BY_SECTION[each], decided, question)) for each in SECTIONS]
        sections = [task.result() for task in tasks]
        reply = await self._checked(incoming, request, sections)
        record = decided.disclosure(_recorded(decided, each, reply) for each in sections)
        receipt = (await self._recorder.record([record]))[0]
        if hold_back(await self._steps.fresh(decided, SECTIONS), sections):
            reply = await self._checked(incoming, request, sections)
        return reply, receipt

    async def load(self, incoming: Incoming, data: bytes, context: Context) -> bytes:
        """Forwards the load; from its answer on this gateway checks with it."""
        reply = await self._forwarding.unary(incoming, data, context)
        await self._knowledge_cache.refresh()
        return reply

    async def _checked(
        self, incoming: Incoming, request: CheckMedicationRequest, sections: Iterable[SummarySection]
    ) -> CheckMedicationResponse:
        with telemetry.span("check medicines"):
            knowledge = await self._knowledge_cache.get()
            checked = check(knowledge, seen(sections), datetime.now(UTC), request.candidates)
            return _reply(checked, incoming.language)


def _reply(checked: Checked, language: Language) -> CheckMedicationResponse:
    reply = CheckMedicationResponse(
        findings=checked.findings(language),
        not_checked=checked.not_checked,
        knowledge_version=checked.version,
        checked=checked.checked,
        findings_left_out=checked.left_out,
        interaction_coverage=checked.coverage,
    )
    put_texts(reply, language)
    return reply


def _unmade(reason: WhyNot, language: Language) -> CheckMedicationResponse:
    return _reply(not_made(reason), language)


def _check_candidates(candidates: Iterable[Medication]) -> None:
    for position, medication in enumerate(candidates):
        if not (medication.atc.code or medication.code.codings or medication.code.text or medication.ingredients):
            raise Invalid(f"candidates[{position}].code", "needs a coding, or the medicine in words")


def _recorded(decided: DecidedCall, section: SummarySection, reply: CheckMedicationResponse) -> SectionRecord:
    """Returns what the access log keeps of a section: state, entries that findings name, hash of the reply."""
    entries = [
        (each.entry_id, each.version)
        for finding in reply.findings
        for each in finding.evidence
        if each.section == section.section
    ]
    sha256 = hashlib.sha256(reply.SerializeToString(deterministic=True)).digest()
    record = decided.section(section.section, dict.fromkeys(entries), sha256)
    record.state = summary_pb2.SectionState.Name(section.state).removeprefix("SECTION_STATE_").lower()
    record.unavailable = section.unavailable_reason
    content = BY_SECTION[section.section].content
    if section.HasField(content):  # type: ignore[arg-type]  # a field of the oneof, by the table
        record.withheld = withheld(getattr(section, content))
    return record
