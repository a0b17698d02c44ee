"""A home-care system that follows its patients: it notes what it hears, and goes on with its last token."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple
from uuid import uuid4

import grpc

from kj.synthetic.people.cast import MUNICIPALITY
from kjernejournal.changes.v1.changes_pb2 import FollowedPatient, WatchChangesRequest
from kjernejournal.common.v1 import common_pb2
from kjernejournal.patients.v1.patients_pb2 import RegisterCareRelationRequest
from tests.support.client import Client, Refusal
from tests.support.patients import Patient

PASSING = frozenset({"UNAVAILABLE", "CANCELLED", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"})
"""How streams end that are opened again."""


class Heard(NamedTuple):
    """One change, as the follower noted it."""

    key: str
    section: str
    entry_id: str
    version: int
    kind: int
    stream: int
    """The stream that sent it, counted from 1."""


class Follower:
    """Follows patients under keys of its own."""

    def __init__(self, client: Client, patients: Mapping[str, Patient], sections: Sequence[int] = ()) -> None:
        self.client = client
        self.patients = patients
        self.sections = sections
        self.heard: list[Heard] = []
        self.token = ""
        self.signs = 0
        self.without_relation: list[list[str]] = []
        """Each list of patients without a care relation that was sent."""
        self.streams = 0
        self.refusal: Refusal | None = None
        """What ended the following: a refusal that no waiting mends."""
        self._task: asyncio.Task[None] | None = None

    def request(self) -> WatchChangesRequest:
        followed = [FollowedPatient(patient=each.identifier, key=key) for key, each in self.patients.items()]
        return WatchChangesRequest(patients=followed, resume_token=self.token, sections=self.sections)  # type: ignore[arg-type]  # numbers of the enum

    async def begin(self) -> None:
        """Follows until `end`. Returns when the first token is there."""
        self._task = asyncio.create_task(self._follow())
        await self.until(lambda: bool(self.token) or self.refusal is not None)

    async def end(self) -> None:
        """Goes away in the middle of whatever it hears."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def until(self, condition: Callable[[], bool], seconds: float = 20.0) -> None:
        """Returns when the condition holds; fails after `seconds`, and when the following has failed."""
        async with asyncio.timeout(seconds):
            while not condition():
                if self._task is not None and self._task.done():
                    self._task.result()
                await asyncio.sleep(0.02)

    async def until_level(self) -> None:
        """Returns after two more signs of life."""
        signs = self.signs
        await self.until(lambda: self.signs > signs + 1)

    async def _follow(self) -> None:
        while self.refusal is None:
            self.streams += 1
            call = self.client.open("WatchChanges", self.request(), seconds=None, kind="system", org=MUNICIPALITY)
            try:
                async for message in call:
                    self._note(message)
            except grpc.aio.AioRpcError as error:
                if error.code().name not in PASSING:
                    self.refusal = Refusal.of(error)
            finally:
                call.cancel()
            await asyncio.sleep(0.1)

    def _note(self, message: Any) -> None:
        if message.HasField("change"):
            change = message.change
            section = common_pb2.Section.Name(change.section).removeprefix("SECTION_").lower()
            self.heard.append(Heard(change.key, section, change.entry_id, change.version, change.kind, self.streams))
        else:
            self.signs += 1
        if message.HasField("without_care_relation"):
            self.without_relation.append(list(message.without_care_relation.keys))
        self.token = message.resume_token

    def entries(self, key: str, section: str = "") -> list[tuple[str, int]]:
        """Returns entries and versions that were heard of one patient, in order."""
        return [
            (each.entry_id, each.version)
            for each in self.heard
            if each.key == key and section in ("", each.section) and each.section != "patient"
        ]


async def relate(client: Client, *patients: Patient) -> None:
    """Has home care's nurse register that the municipality treats these patients."""
    for each in patients:
        request = RegisterCareRelationRequest(patient=each.identifier, request_id=str(uuid4()))
        await client.call("RegisterCareRelation", request, kind="nurse", basis="UNNTAK")


@asynccontextmanager
async def following_treated(
    client: Client, sections: Sequence[int] = (), **patients: Patient
) -> AsyncIterator[Follower]:
    """Does the same once the care relations are registered, where the services are real."""
    await relate(client, *patients.values())
    async with following(client, sections, **patients) as follower:
        yield follower


@asynccontextmanager
async def following(client: Client, sections: Sequence[int] = (), **patients: Patient) -> AsyncIterator[Follower]:
    """Starts a follower, and stops it at the end."""
    follower = Follower(client, patients, sections)
    await follower.begin()
    try:
        yield follower
    finally:
        await follower.end()
