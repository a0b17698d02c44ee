"""A mixed load of reads and writes whose clients note every reply."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import grpc
from google.protobuf.message import Message

from kjernejournal.critical_info.v1.critical_info_pb2 import CreateCriticalInfoRequest
from kjernejournal.documents.v1.documents_pb2 import UploadDocumentRequest
from kjernejournal.labs.v1.labs_pb2 import RecordLabReportRequest
from kjernejournal.medications.v1.medications_pb2 import RecordPrescriptionRequest
from kjernejournal.own_registrations.v1.own_registrations_pb2 import SaveOwnRegistrationRequest
from kjernejournal.summary.v1.summary_pb2 import GetPatientSummaryResponse
from kjernejournal.vaccinations.v1.vaccinations_pb2 import RecordVaccinationRequest
from kjernejournal.visits.v1.visits_pb2 import RecordVisitRequest
from tests.assurance.faults.whole import SLOW, Asked, faults, told
from tests.assurance.under_load.ledger import Ledger, Reply, Write
from tests.services.documents.calls import document
from tests.services.labs.calls import report
from tests.services.medications.feed import prescription
from tests.services.own_registrations.calls import contact
from tests.services.patients.people import person, registering
from tests.services.vaccinations.register import dose
from tests.support.client import Answer, Client, method
from tests.support.filling import least
from tests.support.patients import Patient, reaction, visit
from tests.support.summaries import asked

SECONDS = 2.0
ORDERLY = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"})
"""How a call may be refused while a process is away."""
_DOCTOR: dict[str, Any] = {"kind": "doctor"}
_AT_REQUEST: dict[str, Any] = {"kind": "doctor", "basis": "SAMTYKKE"}
_FEED: dict[str, Any] = {"kind": "system"}


@dataclass(frozen=True)
class Kind:
    """One kind of write: its rpc, and the messages of one request."""

    service: str
    rpc: str
    messages: Callable[[Patient, str], list[Message]]
    caller: dict[str, Any]


def _request(request: Callable[..., Message], **content: Callable[[], Any]) -> Callable[[Patient, str], list[Message]]:
    """Returns how to make one message with an entry; a feed's is known at its source by the request's own id."""

    def messages(patient: Patient, request_id: str) -> list[Message]:
        made = {name: make() for name, make in content.items()}
        for entry in made.values():
            if entry.header.provenance.source_id:
                entry.header.provenance.source_id = request_id
        return [request(patient=patient.identifier, request_id=request_id, **made)]

    return messages


def _upload(patient: Patient, request_id: str) -> list[Message]:
    first = UploadDocumentRequest(patient=patient.identifier, request_id=request_id, document=document())
    return [first, UploadDocumentRequest(chunk=request_id.encode() * 100)]


def _register(patient: Patient, request_id: str) -> list[Message]:
    return [registering(person(patient.national_id, family=request_id), request_id)]


KINDS = (
    Kind("critical_info", "CreateCriticalInfo", _request(CreateCriticalInfoRequest, critical_info=reaction), _DOCTOR),
    Kind(
        "medications",
        "RecordPrescription",
        _request(RecordPrescriptionRequest, prescription=lambda: prescription("x")),
        _FEED,
    ),
    Kind("visits", "RecordVisit", _request(RecordVisitRequest, visit=lambda: visit("x")), _FEED),
    Kind("documents", "UploadDocument", _upload, _DOCTOR),
    Kind("labs", "RecordLabReport", _request(RecordLabReportRequest, report=lambda: report(source_id="x")), _FEED),
    Kind("vaccinations", "RecordVaccination", _request(RecordVaccinationRequest, vaccination=lambda: dose("x")), _FEED),
    Kind(
        "own_registrations",
        "SaveOwnRegistration",
        _request(SaveOwnRegistrationRequest, registration=contact),
        _AT_REQUEST,
    ),
    Kind("patients", "RegisterPatient", _register, _FEED),
)
_LISTS = ("ListCriticalInfo", "ListPrescriptions", "ListVisits", "ListDocuments")


class Load:
    """Writers on one patient, who has nothing else; readers on another, who has entries that nobody changes."""

    def __init__(self, client: Client, written: Patient, read: Patient, rng: random.Random) -> None:
        self.ledger = Ledger()
        self._client = client
        self._written = written
        self.read = read
        self._rng = rng
        self._sent: list[tuple[Kind, list[Message], Write]] = []
        self._going = True
        self._tasks: list[asyncio.Task[None]] = []
        self._before = GetPatientSummaryResponse()
        self._totals: dict[str, int] = {}

    async def start(self, *, writers: int = 2, readers: int = 1) -> None:
        """Begins, once it knows what the patient that is read has."""
        self._before = (await self._client.answer("GetPatientSummary", asked(self.read))).reply
        for rpc in _LISTS:
            request = least(method(rpc).descriptor.input_type, self.read.identifier)
            self._totals[rpc] = (await self._client.call(rpc, request)).window.total
        assert all(self._totals.values()), "a list that loses its entries would not be noticed"
        work = [self._write] * writers + [self._read_summary, self._read_list] * readers
        self._tasks = [asyncio.create_task(self._repeat(each)) for each in work]

    async def stop(self) -> None:
        """Ends, and raises what a client could not explain."""
        self._going = False
        await asyncio.gather(*self._tasks)

    async def send_again(self) -> None:
        """Sends every write once more with its own request_id, many at a time."""
        waiting = iter(self._sent)

        async def work() -> None:
            for kind, messages, write in waiting:
                for _ in range(10):  # a busy machine
                    if await self._send(kind, messages, write):
                        break
                    await asyncio.sleep(0.2)
                else:
                    self.ledger.wrong.append(
                        f"{kind.rpc} {write.request_id} cannot be sent again: {write.refusals[-1]}"
                    )

        await asyncio.gather(*(work() for _ in range(4)))

    async def _repeat(self, work: Callable[[], Any]) -> None:
        while self._going:
            await work()
            await asyncio.sleep(0.03)

    async def _write(self) -> None:
        kind = self._rng.choice(KINDS)
        request_id = str(uuid4())
        write = Write(kind.service, request_id)
        self.ledger.writes.append(write)
        messages = kind.messages(self._written, request_id)
        self._sent.append((kind, messages, write))
        for _ in range(self._rng.choice((1, 1, 2))):
            if not await self._send(kind, messages, write):
                await asyncio.sleep(0.05)

    async def _send(self, kind: Kind, messages: list[Message], write: Write) -> bool:
        found = method(kind.rpc)
        try:
            if found.descriptor.client_streaming:
                reply = await self._client.send(kind.rpc, messages, seconds=SECONDS, **kind.caller)
            else:
                reply = await self._client.call(kind.rpc, messages[0], seconds=SECONDS, **kind.caller)
        except grpc.aio.AioRpcError as error:
            write.refusals.append(error.code().name)
            self._note(kind.rpc, error)
            return False
        write.answers.append(tuple(found.disclosed_in(reply)))
        self.ledger.codes["OK"] += 1
        return True

    async def _read_summary(self) -> None:
        answer = await self._asked("GetPatientSummary", asked(self.read))
        if answer is None:
            return
        got = Asked(SECONDS, 0.0, answer.reply, str(answer.headers.get("kj-completeness", "")))
        unexplained = [wrong for wrong in faults(got, self._before, {}) if not _is_absence(wrong)]
        self.ledger.wrong += [f"GetPatientSummary: {wrong}" for wrong in unexplained]

    async def _read_list(self) -> None:
        rpc = self._rng.choice(_LISTS)
        answer = await self._asked(rpc, least(method(rpc).descriptor.input_type, self.read.identifier))
        if answer is not None and answer.reply.window.total != self._totals[rpc]:
            self.ledger.wrong.append(f"{rpc}: {answer.reply.window.total} entries of {self._totals[rpc]}")

    async def _asked(self, rpc: str, request: Message) -> Answer | None:
        try:
            answer = await self._client.answer(rpc, request, seconds=SECONDS)
        except grpc.aio.AioRpcError as error:
            self._note(rpc, error)
            await asyncio.sleep(0.05)
            return None
        self.ledger.codes["OK"] += 1
        self.ledger.replies.append(Reply(rpc, answer.trace_id, str(answer.trailers.get("audit-index", ""))))
        return answer

    def _note(self, rpc: str, error: grpc.aio.AioRpcError) -> None:
        refusal = told(error)
        self.ledger.codes[f"{refusal.code.name} {refusal.reason}".strip()] += 1
        if refusal.code.name not in ORDERLY:
            self.ledger.wrong.append(f"{rpc}: {refusal.short} {refusal.text}")


def _is_absence(wrong: str) -> bool:
    """Whether it is about a section that is stated as not available."""
    return wrong.startswith(SLOW) or ": UNAVAILABLE " in wrong
