"""The register against the plain one: any operations, in turn and at once, with retries and a feed.

KJ_EXAMPLES=1000 makes about 12 000 operations, in 8 500 steps.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
import os
from typing import Any, NamedTuple
from uuid import UUID, uuid5

import grpc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kjernejournal.common.v1.common_pb2 import CallerContext, PartialDate
from kjernejournal.critical_info.v1 import critical_info_pb2 as pb
from shared.register.entry import imported_id
from tests.services.critical_info.calls import COLLEAGUE, Register, fed, made, new_ref, of_patient
from tests.services.critical_info.plain import (
    ACTIVE,
    DECISION,
    DELETED,
    EXPIRED,
    IMPLANT,
    LIFE,
    REFUTED,
    Change,
    Create,
    Delete,
    Import,
    Key,
    Operation,
    Outcome,
    Plain,
    Verify,
)
from tests.support.service import DOCTOR, details_of, reason_of

EXAMPLES = int(os.environ.get("KJ_EXAMPLES", "40"))
STEPS, AT_ONCE = 14, 2

STATUSES = {
    pb.STATUS_ACTIVE: ACTIVE,
    pb.STATUS_REFUTED: REFUTED,
    pb.STATUS_EXPIRED: EXPIRED,
    pb.STATUS_ENTERED_IN_ERROR: DELETED,
}
STATED: dict[str, pb.Status.ValueType] = {ACTIVE: pb.STATUS_ACTIVE, REFUTED: pb.STATUS_REFUTED}
CATEGORIES: dict[str, pb.Category.ValueType] = {
    LIFE: pb.CATEGORY_LIFE_PROLONGING_TREATMENT,
    DECISION: pb.CATEGORY_TREATMENT_DECISION,
    IMPLANT: pb.CATEGORY_IMPLANT,
}
PEOPLE: dict[str, CallerContext] = {"A": DOCTOR, "B": COLLEAGUE}
LAST_DAY = {True: PartialDate(year=2020, month=1, day=1), False: PartialDate(year=2999, month=1, day=1)}


class Drawn(NamedTuple):
    """A write to one of the entries that are there; `off` by so much from its version."""

    kind: str
    request: int
    who: str
    entry: int
    off: int
    status: str | None
    text: str | None
    comment: str | None
    over: bool | None


class Again(NamedTuple):
    """An earlier operation, once more."""

    number: int


statuses, texts, people = st.sampled_from([ACTIVE, ACTIVE, REFUTED]), st.sampled_from("ab"), st.sampled_from("AB")
# Sampled, not drawn as integers, which are small ones mostly: few requests have another's number by chance.
requests, numbers = st.sampled_from(range(300)), st.sampled_from(range(60))
categories = st.sampled_from([IMPLANT, IMPLANT, LIFE, DECISION])
writes = st.builds(
    Drawn,
    st.sampled_from(["change", "change", "change", "verify", "verify", "delete"]),
    requests,
    people,
    numbers,
    st.sampled_from([0, 0, 0, 0, 0, 0, 0, -1, 1]),
    st.sampled_from([None, None, ACTIVE, REFUTED]),
    st.none() | texts,
    st.none() | texts,
    st.sampled_from([None, None, False, True]),
)
# A name of the feed's has its category, but for a slip.
sendings = st.builds(
    lambda name, slip, status, text: Import(name, [IMPLANT, LIFE, DECISION][(name + slip) % 3], status, text),
    st.integers(0, 2),
    st.sampled_from([0, 0, 0, 0, 0, 0, 0, 1]),
    statuses,
    texts,
)
again = st.builds(Again, numbers)
creations = st.builds(Create, requests, people, categories, statuses, texts, st.sampled_from([False, False, True]))
drawn = st.one_of(creations, writes, writes, writes, sendings, sendings, again)
programs = st.lists(st.lists(drawn, min_size=1, max_size=AT_ONCE), min_size=4, max_size=STEPS)


class History:
    """What has been sent and what is there: operations are drawn from it."""

    def __init__(self) -> None:
        self._sent: list[Operation] = []

    def operation(self, drawn: Create | Drawn | Import | Again, plain: Plain) -> Operation | None:
        """Returns the operation that was drawn; None: nothing is there yet."""
        if isinstance(drawn, Again):
            return self._sent[drawn.number % len(self._sent)] if self._sent else None
        made = _of(drawn, plain) if isinstance(drawn, Drawn) else drawn
        if made is not None:
            self._sent.append(made)
        return made


def _of(drawn: Drawn, plain: Plain) -> Operation | None:
    if not plain.entries:
        return None
    key, entry = list(plain.entries.items())[drawn.entry % len(plain.entries)]
    version = max(1, entry.version + drawn.off)
    if drawn.kind == "delete":
        return Delete(drawn.request, drawn.who, key, version)
    if drawn.kind == "verify":
        return Verify(drawn.request, drawn.who, key, version, drawn.comment)
    values = (drawn.status, drawn.text, drawn.comment, drawn.over)
    if all(value is None for value in values):
        values = (None, None, "c", None)
    return Change(drawn.request, drawn.who, key, version, *values)


class Patient:
    """One patient in the real register: keys of the plain one become ids, answers become its outcomes."""

    def __init__(self, register: Register) -> None:
        self._register = register
        self._ref = new_ref()
        self._ids: dict[Key, str] = {("name", name): imported_id(self._ref, "a feed", str(name)) for name in range(3)}

    async def do(self, operation: Operation) -> Outcome:
        while True:
            try:
                return await self._do(operation)
            except grpc.aio.AioRpcError as refused:
                reason = reason_of(refused)
                if reason == "SERVICE_UNAVAILABLE":  # a feed that lost a race: it sends the message again
                    continue
                current = details_of(refused).get("current_version")
                return (reason, int(current)) if current else (reason,)

    async def shown(self, keys: set[Key]) -> dict[Key, Outcome]:
        """Returns what a reader of each entry is shown.

        Lists and summary hold the same, without what is deleted.
        """
        found = {}
        for key in keys:
            found[key] = told(await self._register.get(self._ref, self._known(key, 0)))
        listed = sorted(map(told, (await self._register.listed(self._ref)).critical_info), key=repr)
        section = await self._register.section(self._ref)
        assert listed == sorted((each for each in found.values() if each[1] != DELETED), key=repr)
        assert listed == sorted(map(told, section.critical_info), key=repr)
        active = {each.category for each in section.critical_info if each.status == pb.STATUS_ACTIVE}
        assert len(active & {CATEGORIES[LIFE], CATEGORIES[DECISION]}) < 2
        status = await self._register.status(self._ref)
        assert status.has_active_critical_information == bool(active)
        assert status.has_critical_information == any(each[1] in (ACTIVE, EXPIRED) for each in found.values())
        return found

    async def _do(self, operation: Operation) -> Outcome:
        if isinstance(operation, Import):
            return await self._load(operation)
        request_id, who = str(uuid5(UUID(self._ref), str(operation.request))), PEOPLE[operation.who]
        if isinstance(operation, Create):
            entry = await self._register.create(self._ref, entry_of(operation), who=who, request_id=request_id)
            self._ids["request", operation.request] = entry.header.id
        elif isinstance(operation, Delete):
            known = self._known(operation.key, operation.version)
            entry = await self._register.delete(self._ref, known, who=who, request_id=request_id)
        else:
            values = values_of(operation)
            verify = isinstance(operation, Verify)
            known = self._known(operation.key, operation.version)
            entry = await self._register.update(
                self._ref, known, who=who, verify=verify, request_id=request_id, **values
            )
        return (DELETED,) if entry.status == pb.STATUS_ENTERED_IN_ERROR else ("stored", *told(entry))

    async def _load(self, sent: Import) -> Outcome:
        entry = entry_of(Create(0, "", sent.category, sent.status, sent.text, over=False))
        counts = await self._register.load(of_patient(self._ref, fed(entry, str(sent.name))))
        [did] = [name for name in ("created", "updated", "unchanged", "outdated") if getattr(counts, name)]
        return (did,)

    def _known(self, key: Key, version: int) -> pb.CriticalInfo:
        known = pb.CriticalInfo()
        known.header.id, known.header.version = self._ids[key], version
        return known


def entry_of(sent: Create) -> pb.CriticalInfo:
    entry = made(CATEGORIES[sent.category], words=sent.text)
    entry.valid_until.CopyFrom(LAST_DAY[sent.over])
    entry.status = STATED[sent.status]
    return entry


def values_of(asked: Change | Verify) -> dict[str, Any]:
    values: dict[str, Any] = {} if asked.comment is None else {"comment": asked.comment}
    if isinstance(asked, Change):
        if asked.status is not None:
            values["status"] = STATED[asked.status]
        if asked.text is not None:
            values["specification"] = asked.text
        if asked.over is not None:
            values["valid_until"] = LAST_DAY[asked.over]
    return values


def told(entry: pb.CriticalInfo) -> Outcome:
    """Returns the entry in the plain register's terms."""
    header = entry.header
    first = header.first_recorded if header.HasField("first_recorded") else header.provenance
    start = (by(first.recorder.hpr_number),)
    plain = (str(int(entry.category)), STATUSES[entry.status], header.version, *start)
    if entry.status == pb.STATUS_ENTERED_IN_ERROR:
        return plain
    verified = by(entry.verified.recorder.hpr_number) if entry.HasField("verified") else ""
    return (*plain, entry.specification, entry.comment, verified)


def by(hpr_number: str) -> str:
    return next((name for name, who in PEOPLE.items() if who.practitioner.hpr_number == hpr_number), "feed")


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(program=programs)
async def test_the_register_does_what_the_plain_one_does(
    register: Register, program: list[list[Create | Drawn | Import | Again]]
) -> None:
    """Operations that are sent at once are answered, and leave the register, as in some order one after the other."""
    plain, real, history = Plain(), Patient(register), History()
    for step in program:
        at_once = [each for one in step if (each := history.operation(one, plain)) is not None]
        outcomes = await asyncio.gather(*map(real.do, at_once))
        for order in itertools.permutations(range(len(at_once))):
            then = copy.deepcopy(plain)
            expected = {position: then.do(at_once[position]) for position in order}
            if [expected[position] for position in range(len(at_once))] != outcomes:
                continue
            if await real.shown(set(then.entries)) == {key: entry.told() for key, entry in then.entries.items()}:
                plain = then
                break
        else:
            raise AssertionError(f"no order of {at_once} gives {outcomes}, from {plain}")
