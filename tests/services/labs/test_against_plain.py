"""The register against a plain one: reports that come in any order, twice, late; as everybody sees them at any time."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import NamedTuple

import grpc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kjernejournal.common.v1.common_pb2 import CallerContext
from kjernejournal.labs.v1 import labs_pb2 as pb
from shared.convert import timestamp
from tests.services.labs.calls import CITIZEN, DAY, ELEVATED, HAEMOGLOBIN, TAKEN, Labs, new_ref, report, result
from tests.support.service import DOCTOR, version_of

EXAMPLES = int(os.environ.get("KJ_EXAMPLES", "25"))
ORDER = [pb.RESULT_STATUS_PRELIMINARY, pb.RESULT_STATUS_FINAL, pb.RESULT_STATUS_CORRECTED, pb.RESULT_STATUS_CANCELLED]
READERS = {"doctor": DOCTOR, "opened": ELEVATED, "citizen": CITIZEN}


class Sent(NamedTuple):
    """What a feed sends."""

    name: str
    status: int
    """Place in ORDER."""
    day: int
    code: str
    withdrawn: bool

    def message(self) -> pb.LabReport:
        return report(
            self.name,
            *([self.code] if self.code else []),
            status=ORDER[self.status],
            issued=timestamp(TAKEN + self.day * DAY),
            results=[result(*HAEMOGLOBIN)] if self.day % 2 else [],
            withdrawn=self.withdrawn,
        )


Seen = tuple[dict[str, tuple[int, int]], int]
"""Status and version of each report that is shown, and how many are withheld."""


class Version(NamedTuple):
    """What the plain register keeps."""

    sent: Sent
    released: bool
    at: datetime


class Plain:
    """Reports by name, each a list of versions. No SQL, no codes beside, no digests."""

    def __init__(self) -> None:
        self.reports: dict[str, list[Version]] = {}

    def take(self, sent: Sent, at: datetime) -> str:
        """Stores what was sent at a time; says what that did."""
        versions = self.reports.setdefault(sent.name, [])
        if not versions:
            versions.append(Version(sent, False, at))
            return "created"
        latest = versions[-1].sent
        if sent == latest:
            return "unchanged"
        known = sent in [version.sent for version in versions]
        follows = sent.withdrawn or (not latest.withdrawn and sent.status >= latest.status)
        if not follows:
            return "refused" if sent.day > latest.day and not known else "outdated"
        goes_on = sent.status > latest.status and not latest.withdrawn and not sent.withdrawn
        if not goes_on and (sent.day < latest.day or (known and sent.day == latest.day)):
            return "outdated"
        versions.append(Version(sent, False, at))
        return "updated"

    def release(self, name: str, at: datetime) -> bool:
        """Ends the delay of the latest version."""
        latest = self.reports[name][-1]
        if latest.sent.withdrawn or latest.sent.code != "NORU" or latest.released:
            return False
        self.reports[name].append(latest._replace(released=True, at=at))
        return True

    def seen(self, reader: str, as_of: datetime, with_results: bool) -> Seen:
        """Returns what a reader sees of the reports as they were then."""
        found: dict[str, tuple[int, int]] = {}
        withheld = 0
        for name, versions in self.reports.items():
            held = [version for version in versions if version.at <= as_of]
            today = versions[-1]
            delayed = today.sent.code == "NORU" and not today.released
            if not held or today.sent.withdrawn or (reader == "citizen" and delayed):
                continue
            if reader == "doctor" and today.sent.code == "NORS":
                withheld += 1
            elif not with_results or held[-1].sent.day % 2:
                found[name] = (ORDER[held[-1].sent.status], len(held))
        return found, withheld


sendings = st.builds(
    Sent,
    name=st.sampled_from("ab"),
    status=st.sampled_from([0, 0, 1, 1, 2, 3]),
    day=st.integers(0, 3),
    code=st.sampled_from(["", "", "NORU", "NORS"]),
    withdrawn=st.integers(0, 12).map(lambda number: not number),
)
steps = st.one_of(
    st.tuples(st.just("record"), sendings),
    st.tuples(st.just("import"), sendings),
    st.tuples(st.just("again"), st.integers(0, 20)),
    st.tuples(st.just("release"), st.sampled_from("ab")),
)


async def stored(labs: Labs, ref: str, how: str, sent: Sent) -> str:
    """Returns what the register says that it did."""
    did = ""
    try:
        if how == "record":
            did = "outdated" if (await labs.record(ref, sent.message())).outdated else "stored"
        else:
            created, updated, unchanged = await labs.load(ref, sent.message())
            did = "created" if created else "updated" if updated else "unchanged" if unchanged else "outdated"
    except grpc.aio.AioRpcError as error:
        if error.code() != grpc.StatusCode.FAILED_PRECONDITION:
            raise
        return "refused"
    return did


async def released(labs: Labs, ref: str, name: str) -> bool:
    by_name = {
        each.header.provenance.source_id or each.header.first_recorded.source_id: each
        for each in (await labs.listed(ref, by=ELEVATED)).reports
    }
    if name not in by_name:
        return False
    try:
        await labs.release(ref, version_of(by_name[name]), by=ELEVATED)
    except grpc.aio.AioRpcError as error:
        if error.code() != grpc.StatusCode.FAILED_PRECONDITION:
            raise
        return False
    return True


async def seen(labs: Labs, ref: str, reader: CallerContext, as_of: datetime, with_results: bool) -> Seen:
    codes = HAEMOGLOBIN if with_results else ()
    found = await labs.listed(ref, by=reader, as_of=timestamp(as_of), codes=codes)
    assert found.window.total == found.window.returned == len(found.reports)
    names: dict[str, tuple[int, int]] = {
        each.header.first_recorded.source_id or each.header.provenance.source_id: (each.status, each.header.version)
        for each in found.reports
    }
    return names, found.window.withheld


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    # The register is shared: each example has a patient of its own.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(drawn=st.lists(steps, min_size=1, max_size=14))
async def test_everybody_sees_what_the_plain_register_shows_at_every_time(
    labs: Labs, drawn: list[tuple[str, Sent | str | int]]
) -> None:
    ref, plain = new_ref(), Plain()
    earlier: list[Sent] = []
    times = [datetime.now(UTC)]
    for how, what in drawn:
        if isinstance(what, str):
            ended = await released(labs, ref, what)
            times.append(datetime.now(UTC))
            assert ended == (what in plain.reports and plain.release(what, times[-1]))
        elif isinstance(what, Sent) or earlier:
            sent = what if isinstance(what, Sent) else earlier[what % len(earlier)]
            earlier.append(sent)
            did = await stored(labs, ref, how, sent)
            times.append(datetime.now(UTC))
            expected = plain.take(sent, times[-1])
            stores = how == "record" and expected not in ("refused", "outdated")
            assert did == ("stored" if stores else expected)
    for reader, caller in READERS.items():
        for as_of in times:
            for with_results in (False, True):
                shown = await seen(labs, ref, caller, as_of, with_results)
                assert shown == plain.seen(reader, as_of, with_results), (reader, as_of, with_results)
