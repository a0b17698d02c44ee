"""The register against the plain one: any operations, in turn and at once, with retries."""

from __future__ import annotations

import asyncio
import copy
import itertools
import os
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid5

import grpc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kjernejournal.own_registrations.v1 import own_registrations_pb2 as pb
from shared.register.entry import imported_id
from tests.services.own_registrations.calls import RECORDED, Register, card, contact, fed, new_ref
from tests.services.own_registrations.plain import (
    CARD,
    CONTACT,
    SAVED,
    Delete,
    Entry,
    Import,
    Key,
    Operation,
    Outcome,
    Plain,
    Save,
)
from tests.support.service import details_of, reason_of

EXAMPLES = int(os.environ.get("KJ_EXAMPLES", "40"))
STEPS, AT_ONCE = 14, 3


class Change(NamedTuple):
    """A change of one of the entries that were ever there; `off` by so much from its version."""

    request: int
    entry: int
    off: int
    same_kind: bool
    text: str


class Remove(NamedTuple):
    """A deletion of one of them; `off` None: whatever its version."""

    request: int
    entry: int
    off: int | None


class Again(NamedTuple):
    """An earlier operation, once more."""

    number: int


kinds = st.sampled_from([CARD, CONTACT])
texts = st.sampled_from(["a", "b"])
requests = st.integers(0, 30)
numbers = st.integers(0, 99)
drawn = st.one_of(
    st.builds(Save, requests, st.none(), st.just(0), kinds, texts),
    st.builds(Change, requests, numbers, st.sampled_from([0, 0, 0, -1, 1]), st.integers(0, 5).map(bool), texts),
    st.builds(Remove, requests, numbers, st.sampled_from([None, 0, -1])),
    # Two names of a contact, two of the card; the last day is after whatever people save.
    st.builds(
        lambda name, text, day: Import(name, CARD if name % 2 else CONTACT, text, day),
        st.integers(0, 3),
        texts,
        st.sampled_from([1, 2, SAVED + 1]),
    ),
    st.builds(Again, numbers),
    st.builds(Again, numbers),
)
programs = st.lists(st.lists(drawn, min_size=1, max_size=AT_ONCE), min_size=4, max_size=STEPS)


class History:
    """What has been sent and what was ever there: operations are drawn from it."""

    def __init__(self) -> None:
        self._sent: list[Operation] = []
        self._entries: dict[Key, Entry] = {}

    def operation(self, drawn: Save | Change | Remove | Import | Again) -> Operation | None:
        """Returns the operation that was drawn; None: nothing was there yet."""
        if isinstance(drawn, Save | Import):
            return self._noted(drawn)
        if isinstance(drawn, Again):
            return self._sent[drawn.number % len(self._sent)] if self._sent else None
        if not self._entries:
            return None
        key, entry = list(self._entries.items())[drawn.entry % len(self._entries)]
        if isinstance(drawn, Remove):
            version = 0 if drawn.off is None else max(0, entry.version + drawn.off)
            return self._noted(Delete(drawn.request, key, version))
        kind = entry.kind if drawn.same_kind else CARD if entry.kind == CONTACT else CONTACT
        return self._noted(Save(drawn.request, key, max(1, entry.version + drawn.off), kind, drawn.text))

    def note(self, entries: dict[Key, Entry]) -> None:
        """Keeps what there is now, also for when it is gone."""
        self._entries.update(copy.deepcopy(entries))

    def _noted(self, operation: Operation) -> Operation:
        self._sent.append(operation)
        return operation


class Patient:
    """One patient in the real register: keys of the plain one become ids, answers become its outcomes."""

    def __init__(self, register: Register) -> None:
        self._register = register
        self._ref = new_ref()
        self._start = datetime.now(UTC)
        self._ids: dict[Key, str] = {
            ("name", name): imported_id(self._ref, "helsenorge", str(name)) for name in range(4)
        }

    async def do(self, operation: Operation) -> Outcome:
        try:
            if isinstance(operation, Import):
                return await self._load(operation)
            if isinstance(operation, Delete):
                request_id, entry_id = self._request(operation.request), self._ids[operation.key]
                await self._register.delete(self._ref, entry_id, version=operation.version, request_id=request_id)
                return ("deleted",)
            return await self._save(operation)
        except grpc.aio.AioRpcError as refused:
            reason = reason_of(refused)
            current = details_of(refused).get("current_version")
            return (reason, int(current)) if current else (reason,)

    async def entries(self) -> dict[Key, tuple[str, str, int]]:
        """Returns kind, text and version of what is listed."""
        known = {entry_id: key for key, entry_id in self._ids.items()}
        return {
            known[each.header.id]: (str(each.WhichOneof("registration")), text_of(each), each.header.version)
            for each in await self._register.entries(self._ref)
        }

    async def _load(self, sent: Import) -> Outcome:
        recorded = self._start + timedelta(hours=12) if sent.day > SAVED else RECORDED + timedelta(days=sent.day)
        counts = await self._register.load(self._ref, fed(made(sent.kind, sent.text), str(sent.name), recorded))
        return (("created", "updated", "unchanged")[counts.index(1)],)

    async def _save(self, asked: Save) -> Outcome:
        of = None
        if asked.key is not None:
            of = pb.OwnRegistration()
            of.header.id, of.header.version = self._ids[asked.key], asked.version
        saved = await self._register.save(
            self._ref, made(asked.kind, asked.text), of=of, request_id=self._request(asked.request)
        )
        key = asked.key or ("request", asked.request)
        self._ids[key] = saved.header.id
        return ("saved", key, saved.header.version, text_of(saved))

    def _request(self, number: int) -> str:
        return str(uuid5(UUID(self._ref), str(number)))


def made(kind: str, text: str) -> pb.OwnRegistration:
    return card(text) if kind == CARD else contact(text)


def text_of(registration: pb.OwnRegistration) -> str:
    return registration.donor_card.comment if registration.HasField("donor_card") else registration.contact.name


def told(plain: Plain) -> dict[Key, tuple[str, str, int]]:
    return {key: (entry.kind, entry.text, entry.version) for key, entry in plain.entries.items()}


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(program=programs)
async def test_the_register_does_what_the_plain_one_does(
    register: Register, program: list[list[Save | Change | Remove | Import | Again]]
) -> None:
    """Operations that are sent at once are answered, and leave the register, as in some order one after the other."""
    plain, real, history = Plain(), Patient(register), History()
    for step in program:
        at_once = [operation for each in step if (operation := history.operation(each)) is not None]
        outcomes = await asyncio.gather(*map(real.do, at_once))
        listed = await real.entries()
        for order in itertools.permutations(range(len(at_once))):
            then = copy.deepcopy(plain)
            expected = {position: then.do(at_once[position]) for position in order}
            if told(then) == listed and all(expected[n] == outcome for n, outcome in enumerate(outcomes)):
                plain = then
                history.note(plain.entries)
                break
        else:
            raise AssertionError(f"no order of {at_once} gives {outcomes} and {listed}, from {told(plain)}")
