"""The feed against a front door that only listens: what it is sent, and what a person reads when it refuses."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import grpc
import pytest

from kj.calls.gateway import Gateway
from kj.calls.local_gateway import local_gateway
from kj.calls.remote_gateway import remote_gateway
from kj.errors import CommandError
from kj.feeds.feed import FULL_MESSAGE, LARGEST_ENTRY, MOST_PATIENTS, REGISTERS, Feed
from kj.feeds.memory import DirectoryMemory
from kj.load import CLINICAL, Population, load_population
from kj.local.data_directory import DataDirectory
from kj.local.issuer import ensure_issuer
from kj.local.known_patients import known
from kj.local.local_system import LocalSystem
from kj.local.process import ProcessId
from kj.local.state import State
from kjernejournal.common.v1.common_pb2 import ImportCounts, PatientIdentifier
from kjernejournal.documents.v1 import documents_pb2
from kjernejournal.patients.v1 import patients_pb2
from shared.errors import Invalid, KjernejournalError, Reason, Unavailable
from shared.handling import failures
from tests.support.waiting import becomes

AS_OF = date(2026, 11, 1)


class Listening(grpc.GenericRpcHandler):
    """Takes every BulkImport stream; refuses the message that `refusal` is for."""

    def __init__(self) -> None:
        self.messages: dict[str, list[Any]] = {register: [] for register in REGISTERS}
        self.metadata: list[dict[str, Any]] = []
        self.order: list[str] = []
        self.refusal: KjernejournalError | None = None
        self.open = 0
        self.most_open = 0

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        register, module = next(
            (name, module) for name, (module, service) in REGISTERS.items() if f".{service}/" in details.method
        )

        async def take(messages: AsyncIterator[Any], context: Any) -> Any:
            self.metadata.append(dict(context.invocation_metadata()))
            self.open += 1
            self.most_open = max(self.most_open, self.open)
            try:
                async for message in messages:
                    if self.refusal is not None:
                        await self._refuse(context)
                    self.messages[register].append(message)
                    self.order.append(register)
            finally:
                self.open -= 1
            counts = ImportCounts(batches=len(self.messages[register]), created=1)
            return module.BulkImportResponse(counts=counts)

        return grpc.stream_unary_rpc_method_handler(
            take,
            request_deserializer=module.BulkImportRequest.FromString,
            response_serializer=module.BulkImportResponse.SerializeToString,
        )

    async def _refuse(self, context: Any) -> None:
        assert self.refusal is not None
        status = self.refusal.status()
        context.set_trailing_metadata(((failures.STATUS_DETAILS, status.SerializeToString()), ("trace-id", "ab" * 16)))
        await context.abort(self.refusal.code, self.refusal.text)


@pytest.fixture
def listening() -> Listening:
    return Listening()


@pytest.fixture
async def gateway(listening: Listening, tmp_path: Path) -> AsyncIterator[Gateway]:
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", 32 * 1024 * 1024)])
    server.add_generic_rpc_handlers((listening,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield local(tmp_path, port)
    await server.stop(0)


def local(root: Path, port: int) -> Gateway:
    directory = DataDirectory.at(root)
    ensure_issuer(directory.issuer)
    state = State(supervisor=ProcessId(pid=1, started=0.0), gateway=f"127.0.0.1:{port}", socket_directory="")
    return local_gateway(LocalSystem(directory, state))


def memory(root: Path) -> DirectoryMemory:
    return DirectoryMemory(DataDirectory.at(root))


def people(number: int) -> Iterator[patients_pb2.ImportedPatient]:
    for each in range(number):
        name = patients_pb2.HumanName(family=str(each))
        yield patients_pb2.ImportedPatient(person=patients_pb2.Person(name=name))


def document(size: int) -> documents_pb2.ImportedDocument:
    return documents_pb2.ImportedDocument(content=bytes(size))


async def test_patients_are_joined_to_messages_in_their_order(gateway: Gateway, listening: Listening) -> None:
    told: list[int] = []
    async with Feed.open(gateway) as feed:
        counts = await feed.send("patients", people(2 * MOST_PATIENTS + 7), sent=told.append)
    messages = listening.messages["patients"]
    assert [len(message.patients) for message in messages] == [MOST_PATIENTS, MOST_PATIENTS, 7] == told
    names = [patient.person.name.family for message in messages for patient in message.patients]
    assert names == [str(each) for each in range(2 * MOST_PATIENTS + 7)]
    assert counts.batches == 3


async def test_a_stream_without_patients_sends_no_message(gateway: Gateway, listening: Listening) -> None:
    async with Feed.open(gateway) as feed:
        assert (await feed.send("visits", ())).batches == 0
    assert listening.messages["visits"] == []


async def test_the_token_is_a_systems_and_the_source_is_named(gateway: Gateway, listening: Listening) -> None:
    async with Feed.open(gateway, source_system="kj import") as feed:
        await feed.send("patients", people(1))
    [metadata] = listening.metadata
    assert metadata["authorization"].startswith("Bearer ey")
    assert metadata["source-system"] == "kj import"


async def test_each_register_is_fed_with_its_own_token(gateway: Gateway, listening: Listening, tmp_path: Path) -> None:
    for name in ("all", "visits"):
        (tmp_path / name).write_text(f"token-of-{name}\n")
    files = [str(tmp_path / "all"), f"visits={tmp_path / 'visits'}"]
    async with Feed.open(remote_gateway(gateway.address, None, files, REGISTERS)) as feed:
        for register in ("patients", "visits", "labs"):
            await feed.send(register, ())
    tokens = [each["authorization"] for each in listening.metadata]
    assert tokens == ["Bearer token-of-all", "Bearer token-of-visits", "Bearer token-of-all"]


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    """Holds the first of two tokens."""
    path = tmp_path / "token"
    path.write_text("first")
    return path


async def test_a_token_that_is_replaced_is_taken_in_the_middle_of_an_import(
    gateway: Gateway, listening: Listening, token_file: Path
) -> None:
    def over_an_hour() -> Iterator[patients_pb2.ImportedPatient]:
        for number, each in enumerate(people(5 * MOST_PATIENTS)):
            if number == MOST_PATIENTS:
                token_file.write_text("")  # being written: the one before is still good
            if number == 3 * MOST_PATIENTS:
                token_file.write_text("second")
            yield each

    async with Feed.open(remote_gateway(gateway.address, None, [str(token_file)], REGISTERS)) as feed:
        counts = await feed.send("patients", over_an_hour())
    assert [each["authorization"] for each in listening.metadata] == ["Bearer first", "Bearer second"]
    names = [each.person.name.family for message in listening.messages["patients"] for each in message.patients]
    assert names == [str(each) for each in range(5 * MOST_PATIENTS)]
    assert counts.created == 2, "the counts of both streams"


async def test_a_refusal_after_a_new_token_counts_what_is_stored_before(
    gateway: Gateway, listening: Listening, token_file: Path
) -> None:
    async def refused_later() -> AsyncIterator[patients_pb2.ImportedPatient]:
        for each in people(MOST_PATIENTS + 1):
            yield each
        await becomes(lambda: bool(listening.messages["patients"]))
        token_file.write_text("second")
        listening.refusal = Invalid("patients[0].person", "is missing")

    async with Feed.open(remote_gateway(gateway.address, None, [str(token_file)], REGISTERS)) as feed:
        with pytest.raises(CommandError) as refused:
            await feed.send("patients", refused_later())
    assert "1 messages before it are stored" in refused.value.next_step


async def test_patients_may_come_from_an_asynchronous_source(gateway: Gateway, listening: Listening) -> None:
    async def slowly() -> AsyncIterator[patients_pb2.ImportedPatient]:
        for each in people(3):
            await asyncio.sleep(0)
            yield each

    async with Feed.open(gateway) as feed:
        await feed.send("patients", slowly())
    assert [len(message.patients) for message in listening.messages["patients"]] == [3]


async def test_messages_stay_small_and_a_large_patient_goes_in_parts(gateway: Gateway, listening: Listening) -> None:
    patient = PatientIdentifier(national_id="13717404089")
    entries = [document(FULL_MESSAGE // 3) for _ in range(10)]
    large = documents_pb2.PatientEntries(patient=patient, documents=entries)
    small = documents_pb2.PatientEntries(patient=patient, documents=[document(1000)])
    async with Feed.open(gateway) as feed:
        await feed.send("documents", [small, large, small])
    messages = listening.messages["documents"]
    assert all(message.ByteSize() < FULL_MESSAGE + 10_000 for message in messages)
    parts = [part for message in messages for part in message.patients]
    assert {part.patient.national_id for part in parts} == {"13717404089"}
    assert sum(len(part.documents) for part in parts) == 12


async def test_one_large_document_goes_alone(gateway: Gateway, listening: Listening) -> None:
    patient = documents_pb2.PatientEntries(documents=[document(FULL_MESSAGE * 4), document(10)])
    async with Feed.open(gateway) as feed:
        await feed.send("documents", [patient])
    assert [len(part.documents) for message in listening.messages["documents"] for part in message.patients] == [1, 1]


async def test_a_document_that_no_message_holds_is_refused_here(gateway: Gateway) -> None:
    patient = documents_pb2.PatientEntries(documents=[document(LARGEST_ENTRY + 1)])
    async with Feed.open(gateway) as feed:
        with pytest.raises(CommandError, match="more than an import takes"):
            await feed.send("documents", [patient])


async def test_a_refused_message_names_its_field_and_what_is_stored(gateway: Gateway, listening: Listening) -> None:
    refusal = Invalid("patients[3].entries[0].unit", "needs a name")
    refusal.details["batches_stored"] = "4"
    listening.refusal = refusal
    async with Feed.open(gateway) as feed:
        with pytest.raises(CommandError) as refused:
            await feed.send("patients", people(1000))
    assert refused.value.what == (
        "patients refused the import, INVALID_ARGUMENT: patients[3].entries[0].unit: needs a name (INVALID_FIELD)."
    )
    assert "4 messages before it are stored" in refused.value.next_step
    assert f"kj trace {'ab' * 16}" in refused.value.next_step


async def test_a_register_that_is_down_is_no_gateway_that_is_down(gateway: Gateway, listening: Listening) -> None:
    listening.refusal = Unavailable(Reason.ERROR_REASON_AUDIT_UNAVAILABLE, "the access log cannot commit")
    async with Feed.open(gateway) as feed:
        with pytest.raises(CommandError, match=r"the access log cannot commit \(AUDIT_UNAVAILABLE\)"):
            await feed.send("patients", people(1))


async def test_a_gateway_that_does_not_answer_is_told_as_such(tmp_path: Path) -> None:
    async with Feed.open(local(tmp_path, 1)) as feed:
        with pytest.raises(CommandError, match=r"The gateway at 127\.0\.0\.1:1 does not answer"):
            await feed.send("patients", people(300))


async def test_a_source_that_fails_ends_its_stream(gateway: Gateway, listening: Listening) -> None:
    def failing() -> Iterator[patients_pb2.ImportedPatient]:
        yield from people(MOST_PATIENTS + 1)
        raise RuntimeError("the source is broken")

    async with Feed.open(gateway) as feed:
        with pytest.raises(RuntimeError, match="the source is broken"):
            await feed.send("patients", failing())
        assert (await feed.send("patients", people(1))).created == 1


async def test_a_load_sends_patients_first_then_the_registers_side_by_side(
    gateway: Gateway, listening: Listening, tmp_path: Path
) -> None:
    steps: list[None] = []
    loaded = await load_population(
        gateway, memory(tmp_path), Population(150, 4, AS_OF), progressed=lambda: steps.append(None)
    )
    assert loaded.patients == 150
    assert len(steps) == 150 * (1 + sum(map(len, CLINICAL.values())))
    assert listening.order[:2] == ["patients", "patients"]
    assert "patients" not in listening.order[2:]
    assert set(listening.order) == set(REGISTERS)
    assert listening.most_open > 1
    patients = [patient for message in listening.messages["patients"] for patient in message.patients]
    sent = [patient.person.national_ids[0].value for patient in patients]
    assert list(known(DataDirectory.at(tmp_path))) == sent
    for register in REGISTERS.keys() - {"patients"}:
        named = {part.patient.national_id for message in listening.messages[register] for part in message.patients}
        assert named <= set(sent)


async def test_a_load_that_is_refused_remembers_nobody(gateway: Gateway, listening: Listening, tmp_path: Path) -> None:
    listening.refusal = Invalid("patients[0].person.name", "needs a given name or a family name")
    with pytest.raises(CommandError, match="patients refused the import"):
        await load_population(gateway, memory(tmp_path), Population(10, 1, AS_OF))
    assert known(DataDirectory.at(tmp_path)) == {}
