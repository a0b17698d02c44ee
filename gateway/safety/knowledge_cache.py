"""Keeps the knowledge that medicines are checked against in memory: asks for it at start, and again every minute.

A summary never waits for it for long. Without knowledge no check is made, and alerts say so; what was read once
stays when the medications service is away, and every finding names its version.
"""

import asyncio
import contextvars
import logging
from contextlib import suppress

import grpc
from google.protobuf.message import DecodeError

from gateway.registers.backends import Backend
from gateway.safety.knowledge import Knowledge
from kjernejournal.medications.v1.knowledge_pb2 import GetDrugKnowledgeRequest, GetDrugKnowledgeResponse

log = logging.getLogger(__name__)

PATH = "/kjernejournal.medications.v1.DrugKnowledgeService/GetDrugKnowledge"
EVERY = 60.0
"""Seconds between two looks at whether other knowledge is in force."""
UNTIL_FIRST = 1.0
"""The same until there is some."""
LONGEST_READ = 5.0
FIRST_WAIT = 0.3
"""Seconds for which the first checks after a start wait for knowledge."""


class KnowledgeCache:
    """The knowledge in force, as far as this process has heard."""

    def __init__(self, medications: Backend) -> None:
        self._medications = medications
        self._load = 0
        self._knowledge: Knowledge | None = None
        self._asked = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    @property
    def now(self) -> Knowledge | None:
        """Returns what is known at this moment; None: nothing was loaded, or none could be read yet."""
        return self._knowledge

    def begin(self) -> None:
        """Starts to ask in the background, each time in a trace of its own, until `end`."""
        self._looking = asyncio.create_task(self._look(), context=contextvars.Context())

    async def end(self) -> None:
        """Stops asking."""
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking

    async def get(self) -> Knowledge | None:
        """Returns the knowledge; after a start, once it was asked for or FIRST_WAIT has passed."""
        if self._knowledge is None and not self._asked.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(FIRST_WAIT):
                    await self._asked.wait()
        return self._knowledge

    async def refresh(self) -> None:
        """Asks the medications service. What cannot be read changes nothing."""
        request = GetDrugKnowledgeRequest(known_load=self._load).SerializeToString()
        try:
            reply = GetDrugKnowledgeResponse.FromString(
                await self._medications.read(PATH, request, caller=None, timeout=LONGEST_READ)
            )
        except (grpc.aio.AioRpcError, DecodeError):
            return
        finally:
            self._asked.set()
        if reply.HasField("knowledge"):
            self._knowledge = Knowledge(reply.knowledge)
            self._load = reply.load
            log.info("drug knowledge %s is in force", self._knowledge.version)

    async def _look(self) -> None:
        while True:
            try:
                await self.refresh()
            except Exception:  # a bug of ours must not end the looking
                log.exception("drug knowledge could not be taken over")
            await asyncio.sleep(EVERY if self._knowledge else UNTIL_FIRST)
