"""Sends patients and their entries to the registers, as a national register's feed does: BulkImport at the front door.

An import is safe to break off and to repeat: each message is stored whole or not at all, and what is there already
changes nothing. Patients go in first; no register takes entries of somebody it does not know.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Any, NamedTuple, cast

import grpc
from google.protobuf.message import Message

from kj.calls.call import error_info, refusal
from kj.calls.gateway import Gateway
from kj.errors import CommandError
from kj.local.clients import IMPORT, PATIENTS
from kjernejournal.common.v1.common_pb2 import ImportCounts
from kjernejournal.critical_info.v1 import critical_info_pb2
from kjernejournal.documents.v1 import documents_pb2
from kjernejournal.labs.v1 import labs_pb2
from kjernejournal.medications.v1 import medications_pb2
from kjernejournal.own_registrations.v1 import own_registrations_pb2
from kjernejournal.patients.v1 import patients_pb2
from kjernejournal.vaccinations.v1 import vaccinations_pb2
from kjernejournal.visits.v1 import visits_pb2
from shared.client_stream import ClientStream
from shared.register.bulk_import import add

REGISTERS: dict[str, tuple[ModuleType, str]] = {
    "patients": (patients_pb2, "PatientsService"),
    "critical_info": (critical_info_pb2, "CriticalInfoService"),
    "medications": (medications_pb2, "MedicationsService"),
    "visits": (visits_pb2, "VisitsService"),
    "documents": (documents_pb2, "DocumentsService"),
    "labs": (labs_pb2, "LabsService"),
    "vaccinations": (vaccinations_pb2, "VaccinationsService"),
    "own_registrations": (own_registrations_pb2, "OwnRegistrationsService"),
}
"""Each register's messages and its gRPC service."""

FULL_MESSAGE = 2 * 1024 * 1024
"""Bytes after which a message goes off: far below the 32 MB that the front door takes, and little to hold."""
MOST_PATIENTS = 100
"""Patients of one message: each costs the gateway a decision and a record in the access log before it goes on."""
LARGEST_ENTRY = 24 * 1024 * 1024
"""Bytes of one entry with its content; a larger document goes through UploadDocument."""
STREAM_SECONDS = 3600.0
"""The front door lets no feed's stream last longer."""

Patients = Iterable[Message] | AsyncIterable[Message]


class Feed:
    """An open way to the registers behind a gateway, with the tokens of their feeds. Streams may run side by side."""

    def __init__(self, channel: grpc.aio.Channel, gateway: Gateway, source_system: str, client: str) -> None:
        self._channel = channel
        self._gateway = gateway
        self._source_system = source_system
        self._client = client

    @classmethod
    @asynccontextmanager
    async def open(
        cls, gateway: Gateway, *, source_system: str = "kj feed", client: str = IMPORT
    ) -> "AsyncIterator[Feed]":
        """Opens a feed; `source_system` stands in the access log.

        `client` names who sends entries, of the local issuer's machines; "": each register's own feed. Who people are
        says the feed of patients, always.
        """
        async with gateway.channel() as channel:
            yield cls(channel, gateway, source_system, client)

    async def send(
        self, register: str, patients: Patients, *, sent: Callable[[int], None] | None = None
    ) -> ImportCounts:
        """Streams into a register, by its name in REGISTERS; returns what it stored.

        `patients` are the register's own messages, ImportedPatient or PatientEntries, each with its national id. They
        are taken as fast as the register takes them, and joined to messages here. `sent` is called with how many
        patients went off. When the register's feed gets a new token meanwhile, the rest goes off in a stream with that
        one. Raises CommandError when the gateway does not answer or refuses something; what was stored before stands.
        """
        stored: list[ImportCounts] = []
        stream = self._begin(register)
        try:
            async for message in _messages(REGISTERS[register][0].BulkImportRequest, patients):
                if self._gateway.credentials.replaced(register, stream.token):
                    stored.append(await self._end(stream, stored))
                    stream = self._begin(register)
                if not await stream.call.write(message):
                    break
                if sent is not None:
                    sent(len(message.patients))
            stored.append(await self._end(stream, stored))
        except BaseException:
            stream.call.cancel()
            raise
        return total(stored)

    def _begin(self, register: str) -> "_Stream":
        module, service = REGISTERS[register]
        multicallable: Any = self._channel.stream_unary(
            f"/{module.DESCRIPTOR.package}.{service}/BulkImport",
            request_serializer=module.BulkImportRequest.SerializeToString,
            response_deserializer=module.BulkImportResponse.FromString,
        )
        token = self._gateway.credentials.feed(register, PATIENTS if register == PATIENTS else self._client)
        metadata = (("authorization", f"Bearer {token}"), ("source-system", self._source_system))
        return _Stream(register, token, ClientStream(multicallable(timeout=STREAM_SECONDS, metadata=metadata)))

    async def _end(self, stream: "_Stream", before: list[ImportCounts]) -> ImportCounts:
        """Returns what the stream stored, after those `before` it."""
        try:
            await stream.call.done_writing()
            response = await stream.call
        except grpc.aio.AioRpcError as error:
            raise self._refusal(error, stream.register, total(before).batches) from None
        return cast("ImportCounts", response.counts)

    def _refusal(self, error: grpc.aio.AioRpcError, register: str, batches: int) -> CommandError:
        refused = refusal(error, self._gateway, refused=f"{register} refused the import")
        info = error_info(error)
        batches += int(info.metadata.get("batches_stored", 0)) if info else 0
        before = f"{batches} messages before it are stored. " if batches else ""
        refused.next_step = f"{before}Sending all of it again is safe. {refused.next_step}"
        return refused


class _Stream(NamedTuple):
    """An open stream into a register, and the token that it was opened with."""

    register: str
    token: str
    call: ClientStream[Any, Any]


def total(counts: Iterable[ImportCounts]) -> ImportCounts:
    """Returns the sum of several streams."""
    whole = ImportCounts()
    for each in counts:
        add(whole, each)
    return whole


async def _messages(kind: type[Any], patients: Patients) -> AsyncIterator[Any]:
    message, size = kind(), 0
    async for patient in _each(patients):
        for part in _parts(patient):
            weight = part.ByteSize()
            if size and (size + weight > FULL_MESSAGE or len(message.patients) >= MOST_PATIENTS):
                yield message
                message, size = kind(), 0
            message.patients.append(part)
            size += weight
    if size:
        yield message


async def _each(patients: Patients) -> AsyncIterator[Message]:
    if isinstance(patients, AsyncIterable):
        async for patient in patients:
            yield patient
        return
    for patient in patients:
        yield patient
        await asyncio.sleep(0)  # making messages takes time: the other streams get their turn


def _parts(patient: Message) -> Iterator[Message]:
    """Yields the patient whole; one with more entries than a message should hold, in several parts."""
    if patient.ByteSize() <= FULL_MESSAGE or "patient" not in patient.DESCRIPTOR.fields_by_name:
        yield patient
        return
    part = _without_entries(patient)
    size = 0
    for field, values in patient.ListFields():
        if not field.is_repeated:
            continue
        for value in values:
            weight = value.ByteSize()
            if weight > LARGEST_ENTRY:
                raise CommandError(f"An entry of {weight} bytes is more than an import takes.", "Leave it out.")
            if size and size + weight > FULL_MESSAGE:
                yield part
                part, size = type(patient)(patient=patient.patient), 0  # type: ignore[attr-defined]  # such messages name a patient
            getattr(part, field.name).append(value)
            size += weight
    yield part


def _without_entries(patient: Message) -> Message:
    """Returns the patient's identity and what there is only one of, such as a medication list."""
    part = type(patient)()
    for field, value in patient.ListFields():
        if not field.is_repeated:
            getattr(part, field.name).CopyFrom(value)
    return part
