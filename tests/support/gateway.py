"""The real gateway in this process, in front of services that answer as a test tells them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from gateway import contract
from gateway.access.jwks import JwksSource
from gateway.access.tokens import TokenVerifier
from gateway.admission import Admission
from gateway.changes.handlers import Changes
from gateway.forwarding.handlers import Forwarding
from gateway.front_door import FrontDoor
from gateway.recorder import Recorder
from gateway.registers.backends import Backend
from gateway.registers.patient_lookup import PatientLookup
from gateway.registers.section_reader import SectionReader
from gateway.registers.sources import SOURCES
from gateway.restricted_entries import RestrictedEntries
from gateway.safety.knowledge_cache import KnowledgeCache
from gateway.steps import LOOK_AGAIN, Steps
from gateway.summary.check_medication import MedicationSafety
from gateway.summary.fanout import Fanout
from gateway.summary.handlers import Summary
from gateway.summary.indicator import Indicator, Quota
from kj.local.issuer import AUDIENCE, ensure_issuer
from kj.local.programs import ISSUER
from shared.channels import open_channel
from tests.support.client import Client
from tests.support.scripted import AccessLog, People, Service, listening

LARGEST = 32 * 1024 * 1024


@dataclass
class Front:
    """The gateway as its callers see it, and what stands behind it."""

    client: Client
    people: People
    log: AccessLog
    registers: dict[str, Service]
    """By name of the service: every register of the summary. `people` answers ResolvePatients beside "patients"."""
    recorder: Recorder
    fanout: Fanout
    knowledge_cache: KnowledgeCache
    changes: Changes


@asynccontextmanager
async def running_gateway(
    issuer: Path, *, quota: int = 600, stopped: frozenset[str] = frozenset(), **limits: Any
) -> AsyncIterator[Front]:
    """Serves the whole contract on a unix socket. `limits` are those of Forwarding; nothing listens at the addresses of
    registers that are `stopped`; of patients, the steps are answered all the same."""
    people, log = People(), AccessLog()
    registers = {source.service: Service() for source in SOURCES}
    verifier = TokenVerifier(JwksSource(str(ensure_issuer(issuer))), issuer=ISSUER, audience=AUDIENCE)
    async with AsyncExitStack() as stack:
        handlers: dict[str, tuple[grpc.GenericRpcHandler, ...]] = {name: (each,) for name, each in registers.items()}
        for name in stopped:
            del handlers[name]
        handlers["patients"] = (people,) if "patients" in stopped else (people, registers["patients"])
        handlers["audit"] = (log,)
        backends = {
            name: await _backend(stack, name, await stack.enter_async_context(listening(*each)))
            for name, each in handlers.items()
        }
        for name in stopped - set(backends):
            backends[name] = await _backend(stack, name, f"unix:{issuer / name}.stopped")
        recorder, reader = Recorder(backends["audit"]), SectionReader(backends)
        steps = Steps(verifier, PatientLookup(backends["patients"]), recorder, RestrictedEntries(reader))
        fanout = Fanout(reader)
        indicator = Indicator(steps, reader, Quota(quota), production=False)
        knowledge_cache = KnowledgeCache(backends["medications"])
        await knowledge_cache.refresh()  # the medications service has not been told to know anything yet
        summary = Summary(steps, recorder, fanout, indicator, knowledge_cache, production=False)
        forwarding = Forwarding(steps, recorder, backends, production=False, **limits)
        medication_safety = MedicationSafety(steps, recorder, fanout, knowledge_cache, forwarding, production=False)
        changes = Changes(steps, recorder, backends, production=False, look_again=limits.get("look_again", LOOK_AGAIN))
        stack.callback(changes.close)
        own: dict[str, Summary | Changes] = {contract.SUMMARY: summary, contract.CHANGES: changes}
        door = FrontDoor(
            contract.methods(),
            lambda method: (
                own[method.service].handlers(method)
                if method.service in own
                else medication_safety.handlers(method) or forwarding.handlers(method)
            ),
            Admission(verifier),
        )
        address = await stack.enter_async_context(listening(door))
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(address))
        yield Front(Client(channel, issuer), people, log, registers, recorder, fanout, knowledge_cache, changes)


async def _backend(stack: AsyncExitStack, name: str, address: str) -> Backend:
    backend = Backend(name, open_channel(address, cert=None, key=None, ca=None, max_message_bytes=LARGEST))
    stack.push_async_callback(backend.close)
    return backend
