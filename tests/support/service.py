"""A service's real servicer on a unix socket, called as the gateway would call it."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.rpc import error_details_pb2, status_pb2

from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import CallerContext, Coding, EntryVersion, Machine, Organisation, Practitioner
from shared.handling import register
from shared.handling.failures import STATUS_DETAILS

DOCTOR = CallerContext(
    kind=common_pb2.CALLER_KIND_CLINICIAN,
    practitioner=Practitioner(
        hpr_number="9144900",
        name="Kari Nordlege",
        role=Coding(system="urn:oid:2.16.578.1.12.4.1.1.9060", code="LE", display="Lege"),
    ),
    organisation=Organisation(number="100100673", name="Arendal legesenter"),
    legal_entity="100100673",
    source_system="TestEPJ 1.0",
)
FEED = CallerContext(
    kind=common_pb2.CALLER_KIND_SYSTEM,
    organisation=Organisation(number="100100223"),
    machine=Machine(client_id="a-feed", organisation_number="100100223"),
    source_systems=["*"],
)


def calling(caller: CallerContext, *refs: str) -> list[tuple[str, str | bytes]]:
    """Returns the metadata with which the gateway calls a service for this caller and this patient."""
    context = CallerContext()
    context.CopyFrom(caller)
    context.patient_refs.extend(refs)
    context.access_id = str(uuid4())
    return [("kj-caller-bin", context.SerializeToString())]


@asynccontextmanager
async def served(*services: tuple[object, ServiceDescriptor]) -> AsyncIterator[grpc.aio.Channel]:
    """Serves the servicers on a socket of their own and gives a channel to it."""
    with tempfile.TemporaryDirectory(prefix="kj-", dir="/tmp") as folder:
        address = f"unix:{Path(folder) / 's'}"
        server = grpc.aio.server(options=[("grpc.max_receive_message_length", 32 * 1024 * 1024)])
        for servicer, descriptor in services:
            register(server, servicer, descriptor, None)
        server.add_insecure_port(address)
        await server.start()
        try:
            async with grpc.aio.insecure_channel(address) as channel:
                yield channel
        finally:
            await server.stop(0)


def version_of(entry: Any) -> EntryVersion:
    """Returns an entry that is read, as the reply to the machine that wrote it names it."""
    return EntryVersion(id=entry.header.id, version=entry.header.version, stored_at=entry.header.stored_at)


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """Returns ErrorInfo.reason of a refusal."""
    reason: str = _info(error).reason
    return reason


def details_of(error: grpc.aio.AioRpcError) -> dict[str, str]:
    """Returns ErrorInfo.metadata of a refusal: `field`, `current_version`, ..."""
    return dict(_info(error).metadata)


def _info(error: grpc.aio.AioRpcError) -> error_details_pb2.ErrorInfo:
    trailing: dict[str, Any] = dict(error.trailing_metadata() or ())
    info = error_details_pb2.ErrorInfo()
    for detail in status_pb2.Status.FromString(trailing[STATUS_DETAILS]).details:
        if detail.Unpack(info):
            return info
    raise AssertionError("the refusal carries no ErrorInfo")
