"""The group commit by itself, on a store that misbehaves as the test asks."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from services.audit.committer import Committer
from services.audit.repository import Appended, NewRecord, Place
from shared.errors import Overloaded, Reason, Unavailable
from tests.support.telemetry.spans import caught

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def new(content: bytes = b"x") -> NewRecord:
    return NewRecord(str(uuid4()), str(uuid4()), 2, None, NOW, "940493021", bytes(32), content, b"", bytes(32))


class Store:
    """Keeps what is committed. `fault` sees each group first: what it raises is the commit's failure."""

    def __init__(self, fault: Callable[[Sequence[NewRecord]], None] | None = None) -> None:
        self.fault = fault
        self.groups: list[int] = []
        self.kept: dict[str, Appended] = {}
        self.open = asyncio.Event()
        self.open.set()

    async def commit(self, records: Sequence[NewRecord]) -> list[Place]:
        self.groups.append(len(records))
        await self.open.wait()
        if self.fault:
            self.fault(records)
        self._keep(records)
        return [self.kept[record.record_id] for record in records]

    def _keep(self, records: Sequence[NewRecord]) -> None:
        for record in records:
            self.kept.setdefault(record.record_id, Appended(record.record_id, len(self.kept), NOW, None))


class LosesTheAnswer(Store):
    """Commits, and loses the connection before it can say so."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    async def commit(self, records: Sequence[NewRecord]) -> list[Place]:
        answer = await super().commit(records)
        self.times -= 1
        if self.times >= 0:
            raise unreachable()
        return answer


def unreachable() -> Unavailable:
    return Unavailable(Reason.ERROR_REASON_SERVICE_UNAVAILABLE, "the database cannot be reached")


async def test_what_arrives_during_a_commit_goes_into_the_next() -> None:
    store = Store()
    committer = Committer(store.commit)
    store.open.clear()
    first = asyncio.create_task(committer.append([new()]))
    await asyncio.sleep(0.01)
    rest = [asyncio.create_task(committer.append([new()])) for _ in range(40)]
    await asyncio.sleep(0.01)
    store.open.set()
    places = await asyncio.gather(first, *rest)
    assert store.groups == [1, 40]
    assert [place.idx for (place,) in places if isinstance(place, Appended)] == list(range(41))


async def test_an_unknown_outcome_is_asked_again_and_nothing_is_doubled() -> None:
    store = LosesTheAnswer(times=3)
    places = await Committer(store.commit).append([new(), new()])
    assert [place.idx for place in places if isinstance(place, Appended)] == [0, 1]
    assert store.groups == [2, 2, 2, 2]
    assert len(store.kept) == 2


async def test_a_failed_commit_fails_exactly_its_riders() -> None:
    def away(records: Sequence[NewRecord]) -> None:
        if any(record.content == b"doomed" for record in records):
            raise unreachable()

    store = Store(away)
    committer = Committer(store.commit, patience=0.1)
    store.open.clear()
    doomed = asyncio.create_task(committer.append([new(b"doomed")]))
    await asyncio.sleep(0.01)
    later = asyncio.create_task(committer.append([new()]))
    store.open.set()
    with pytest.raises(Unavailable) as failure:
        await doomed
    assert failure.value.reason == Reason.ERROR_REASON_AUDIT_UNAVAILABLE
    assert [place is not None for place in await later] == [True]


async def test_a_record_that_the_database_refuses_does_not_take_its_neighbours_along(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuses(records: Sequence[NewRecord]) -> None:
        if any(record.content == b"poison" for record in records):
            raise ValueError("planted")

    store = Store(refuses)
    committer = Committer(store.commit)
    store.open.clear()
    calls = [asyncio.create_task(committer.append([new()])) for _ in range(3)]
    poison = asyncio.create_task(committer.append([new(b"poison")]))
    calls += [asyncio.create_task(committer.append([new()])) for _ in range(3)]
    await asyncio.sleep(0.01)
    store.open.set()
    assert all(place for (place,) in await asyncio.gather(*calls))
    with pytest.raises(Unavailable):
        await poison
    assert len(store.kept) == 6
    assert "was refused" in caplog.text


async def test_a_full_queue_takes_nothing_and_empties_again() -> None:
    store = Store()
    committer = Committer(store.commit, most_waiting=10)
    store.open.clear()
    aboard = [asyncio.create_task(committer.append([new()]))]
    await asyncio.sleep(0.01)
    aboard.append(asyncio.create_task(committer.append([new() for _ in range(9)])))
    await asyncio.sleep(0.01)
    with pytest.raises(Overloaded):
        await committer.append([new(), new()])
    store.open.set()
    await asyncio.gather(*aboard)
    assert await committer.append([new(), new()])
    assert len(store.kept) == 12


async def test_a_cancelled_caller_leaves_its_record_aboard() -> None:
    store = Store()
    committer = Committer(store.commit)
    store.open.clear()
    await asyncio.wait([asyncio.create_task(committer.append([new()]))], timeout=0.01)
    gone = asyncio.create_task(committer.append([new()]))
    await asyncio.sleep(0.01)
    gone.cancel()
    store.open.set()
    await committer.drain()
    assert len(store.kept) == 2


async def test_a_hung_database_is_given_up_and_tried_again() -> None:
    store = Store()
    committer = Committer(store.commit, attempt_seconds=0.05, patience=1.0)
    store.open.clear()
    with pytest.raises(Unavailable):
        await committer.append([new()])
    assert len(store.groups) >= 2
    store.open.set()
    assert await committer.append([new()])


async def test_each_rider_has_a_span_in_its_own_trace_and_the_commit_is_in_the_firsts() -> None:
    store = Store()
    committer = Committer(store.commit)
    with caught() as spans:
        await asyncio.gather(*(asyncio.create_task(committer.append([new()])) for _ in range(3)))
    appends = [span for span in spans if span.name == "wait for commit"]
    (commit,) = (span for span in spans if span.name == "group commit")
    assert len({span.context.trace_id for span in appends}) == 3
    first, second, third = sorted(appends, key=lambda span: span.start_ns)
    assert commit.parent_id == first.context.span_id
    assert commit.links == [second.context, third.context]
    assert second.links == third.links == [commit.context]
    assert second.attributes["kj.batch.id"] == commit.context.span_id
