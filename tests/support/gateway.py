"""The real gateway in this process, in front of services that answer as a test scripts them."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import grpc

from gateway.registers.breaker import Breaker
from gateway.registers.sources import SOURCES
from gateway.settings import GatewaySettings
from gateway.wiring import Gateway, wire
from kj.local.clients import PREFIX, ROWS
from kj.local.issuer import AUDIENCE, ensure_issuer
from kj.local.programs import ISSUER
from kj.synthetic.people.cast import MUNICIPALITY, REGISTERS
from tests.support.client import Client
from tests.support.scripted.services import AccessLog, People, Service, listening

LARGEST = 32 * 1024 * 1024


ADDRESS = "https://gateway.test"
"""By which callers know the gateway."""


@dataclass
class Front:
    """The gateway as its callers see it, what stands behind it, and its parts."""

    client: Client
    people: People
    log: AccessLog
    registers: dict[str, Service]
    """By name of the service: every register of the summary. `people` answers ResolvePatients beside "patients"."""
    gateway: Gateway
    reader_of_log: Service
    """Answers what is read of the access log, beside `log`, which takes the records."""

    def new_breakers(self, kind: type[Breaker] = Breaker) -> None:
        """Forgets what did not come in time."""
        for backend in self.gateway.backends.values():
            backend.breaker = kind()


def _clients(issuer: Path) -> Path:
    """Writes the local issuer's machines, each registered for other organisations too."""
    rows = [
        {"client_id": PREFIX + name, "organisation": organisation} | row
        for name, row in ROWS.items()
        for organisation in (REGISTERS, MUNICIPALITY, "983658776")
    ]
    path = issuer / "clients-of-tests.json"
    path.write_text(json.dumps({"clients": rows}))
    return path


@asynccontextmanager
async def running_gateway(
    issuer: Path,
    *,
    quota: int = 600,
    restrictions: Literal["shown", "hidden"] = "shown",
    stopped: frozenset[str] = frozenset(),
    options: Any = (),
    **limits: Any,
) -> AsyncIterator[Front]:
    """Serves the whole contract on a unix socket. `options` are those of its server, `limits` those of `wire`; nothing
    listens at the addresses of registers that are `stopped`; of patients, the steps are answered all the same."""
    people, log, reader_of_log = People(), AccessLog(), Service()
    registers = {source.service: Service() for source in SOURCES}
    async with AsyncExitStack() as stack:
        handlers: dict[str, tuple[grpc.GenericRpcHandler, ...]] = {name: (each,) for name, each in registers.items()}
        for name in stopped:
            del handlers[name]
        handlers["patients"] = (people,) if "patients" in stopped else (people, registers["patients"])
        handlers["audit"] = (log, reader_of_log)
        services = {name: f"unix:{issuer / name}.stopped" for name in stopped}
        for name, each in handlers.items():
            services[name] = await stack.enter_async_context(listening(*each))
        settings = GatewaySettings(
            listen="unix:/not/listened/at",  # the door alone is served, by `listening`
            services=services,
            jwks=str(ensure_issuer(issuer)),
            clients=_clients(issuer),
            issuer=ISSUER,
            audience=AUDIENCE,
            address=ADDRESS,
            indicator_quota=quota,
            restrictions=restrictions,
            max_message_bytes=LARGEST,
        )
        gateway = wire(settings, **limits)
        stack.push_async_callback(gateway.finish, 1.0)
        stack.callback(gateway.changes.close)
        await gateway.knowledge_cache.refresh()  # the medications service was not given any answer yet
        address = await stack.enter_async_context(listening(gateway.front_door, options=options))
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(address))
        yield Front(Client(channel, issuer), people, log, registers, gateway, reader_of_log)
