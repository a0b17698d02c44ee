"""Late and repeated messages change nothing: every register, single and bulk, in every order."""

from __future__ import annotations

import random
from itertools import permutations
from typing import Any
from uuid import uuid4

import pytest

from kjernejournal.common.v1.common_pb2 import EntryVersion, ImportCounts, PatientIdentifier
from tests.services.registers import KINDS, send
from tests.support.service import FEED, calling

SEEDS = range(3)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", KINDS)
async def test_every_order_ends_in_the_newest(stubs: dict[str, Any], name: str, seed: int) -> None:
    """Three versions and a withdrawal, which is the newest in one half of the runs and the second in the other."""
    kind, rng = KINDS[name], random.Random(f"{name}{seed}")  # no secret
    withdrawn = 4 if name == "labs" else rng.choice([2, 4])  # nothing follows a report that is withdrawn
    versions = [kind.made(time, time == withdrawn) for time in (1, 2, 3, 4)]
    stub = stubs[kind.service]
    for order in rng.sample(list(permutations(versions)), 6):
        of = PatientIdentifier(patient_ref=str(uuid4()))
        sent = [each for each in order for _ in range(rng.randint(1, 2))]
        sent += rng.sample(list(order), 2)
        for each in sent:
            await send(kind, stub, of, each, single=rng.random() < 0.5)
        assert await kind.shown(stub, of) == ([] if withdrawn == 4 else ["4"]), (seed, order)


@pytest.mark.parametrize("name", KINDS)
async def test_what_is_older_changes_nothing_and_is_counted(stubs: dict[str, Any], name: str) -> None:
    kind, of = KINDS[name], PatientIdentifier(patient_ref=str(uuid4()))
    first, second, third = (kind.made(time, False) for time in (1, 2, 3))
    stub = stubs[kind.service]
    await send(kind, stub, of, first, single=True)
    await send(kind, stub, of, third, single=True)
    for late in (first, second):
        counts = await send(kind, stub, of, late, single=False)
        assert counts == ImportCounts(batches=1, outdated=1)
    if kind.single is not None:
        for late in (first, second):
            written = await send(kind, stub, of, late, single=True)
            assert isinstance(written, EntryVersion)
            assert (written.version, written.outdated) == (2, True)
        rpc, request = kind.single(of, second)
        tries = [(await getattr(stub, rpc)(request, metadata=calling(FEED, of.patient_ref))).written for _ in range(2)]
        assert tries[0] == tries[1], "a retry gets the same answer"
    assert await kind.shown(stub, of) == ["3"]


@pytest.mark.parametrize("name", KINDS)
async def test_of_two_versions_in_one_message_the_newer_one_holds(stubs: dict[str, Any], name: str) -> None:
    kind, of = KINDS[name], PatientIdentifier(patient_ref=str(uuid4()))
    message = kind.bulk(of, kind.made(3, False))
    message.patients[0].MergeFrom(kind.bulk(of, kind.made(2, False)).patients[0])
    counts = (await stubs[kind.service].BulkImport(iter([message]), metadata=calling(FEED))).counts
    assert (counts.created, counts.updated, counts.outdated) == (1, 0, 1)
    assert await kind.shown(stubs[kind.service], of) == ["3"]
