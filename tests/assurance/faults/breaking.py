"""Ways to break a service, and what the gateway must say of its section meanwhile."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from tests.assurance.faults import lies
from tests.assurance.faults.lies import Lie
from tests.assurance.faults.wires import Fault, Wired
from tests.support.system import System

SECTIONS_RPC = "BatchGetSections"


@dataclass(frozen=True)
class Way:
    """One way to break a service."""

    name: str
    reasons: frozenset[str]
    """What its section may say."""
    broken: Callable[[System, Wired, str], AbstractAsyncContextManager[None]]
    service: bool = True
    """Broken for every rpc of the service; a lie about patients is one about its section alone."""
    lists: bool = True
    """Lists are broken too: a garbled key, or an answer inside a reply, spoils answers to several questions alone."""


def _process(name: str, reason: str, *, killed: bool) -> Way:
    @asynccontextmanager
    async def broken(system: System, _: Wired, service: str) -> AsyncIterator[None]:
        if killed:
            with system.stopped(service):
                yield
            await system.serves(service)
        else:
            with system.frozen(service):
                yield

    return Way(name, frozenset({reason}), broken)


def _wire(fault: Fault, *reasons: str) -> Way:
    @asynccontextmanager
    async def broken(_: System, wired: Wired, service: str) -> AsyncIterator[None]:
        with wired.wires[service].faulty(fault):
            yield

    return Way(fault.name.lower(), frozenset(reasons), broken)


def _lie(lie: Lie, reason: str, *, lists: bool = True) -> Way:
    @asynccontextmanager
    async def broken(_: System, wired: Wired, service: str) -> AsyncIterator[None]:
        # Of patients its section alone: all else that it says decides on every section.
        with wired.wires[service].lying(lie, SECTIONS_RPC if service == "patients" else ""):
            yield

    return Way(lie.__name__, frozenset({reason}), broken, service=False, lists=lists)


WAYS = (
    _process("frozen", "TIMEOUT", killed=False),
    _process("killed", "ERROR", killed=True),
    _wire(Fault.SILENT, "TIMEOUT"),
    _wire(Fault.SLOW, "TIMEOUT"),
    _wire(Fault.REFUSED, "ERROR"),
    _wire(Fault.NOISE, "ERROR", "TIMEOUT"),
    _lie(lies.no_message, "ERROR"),
    _lie(lies.cut_short, "ERROR"),
    _lie(lies.nothing, "ERROR"),
    _lie(lies.foreign, "ERROR", lists=False),
    _lie(lies.twice, "ERROR", lists=False),
    _lie(lies.without_result, "ERROR", lists=False),
    _lie(lies.unheard_of, "ERROR", lists=False),
    _lie(lies.hollow, "ERROR", lists=False),
    _lie(lies.overloaded, "OVERLOADED"),
    _lie(lies.unknown, "ERROR"),
    _lie(lies.never, "TIMEOUT"),
)

BY_NAME = {way.name: way for way in WAYS}


def _about_everything(lie: Lie) -> Way:
    @asynccontextmanager
    async def broken(_: System, wired: Wired, service: str) -> AsyncIterator[None]:
        with wired.wires[service].lying(lie):
            yield

    return Way(lie.__name__, frozenset(), broken)


LOG_WAYS = (
    *(way for way in WAYS if way.service),
    *map(
        _about_everything,
        (
            lies.no_message,
            lies.cut_short,
            lies.nothing,
            lies.foreign,
            lies.twice,
            lies.without_result,
            lies.hollow,
            lies.overloaded,
            lies.unknown,
        ),
    ),
)
"""Ways to break the service that identifies patients, or the one that holds the log."""
