"""A comparison that finds nothing proves nothing until it has found what was planted."""

from dataclasses import replace

import pytest

from tests.assurance.under_load.ledger import Ledger, Record, Reply, Stored, Write, lost_or_doubled, unrecorded

ENTRY = ("a", 1)
REPLY = Reply("GetPatientSummary", "t-1", "0")
LOG = [
    Record(0, "t-1", "DISCLOSURE"),
    Record(1, "t-2", "PERMIT", "r-1"),
    Record(2, "t-2", "OUTCOME", "r-1"),
]


def acknowledged(*answers: tuple[tuple[str, int], ...]) -> Write:
    return Write("visits", "r-1", list(answers or [(ENTRY,)]))


def test_what_was_told_and_is_stored_once_is_in_order() -> None:
    refused = Write("visits", "r-2", refusals=["UNAVAILABLE"])
    assert lost_or_doubled([acknowledged(), refused], {"visits": {"r-1": [ENTRY]}}) == []
    assert lost_or_doubled([refused], {"visits": {"r-2": [ENTRY]}}) == [], "its outcome was not known"
    assert unrecorded(Ledger([acknowledged()], [REPLY]), LOG) == []


@pytest.mark.parametrize(
    "write, stored",
    [
        (acknowledged(), {}),
        (acknowledged(), {"r-1": [ENTRY, ("b", 1)]}),
        (acknowledged(), {"r-1": [("b", 1)]}),
        (acknowledged(), {"r-1": [("a", 2)]}),
        (acknowledged((ENTRY,), (("b", 1),)), {"r-1": [ENTRY]}),
        (acknowledged(), {"r-1": [ENTRY], "nobody's": [("c", 1)]}),
        (Write("visits", "r-1"), {"r-1": [ENTRY, ENTRY]}),
    ],
    ids=["lost", "doubled", "another", "another version", "two answers", "nobody's", "unknown and doubled"],
)
def test_a_planted_difference_is_found(write: Write, stored: Stored) -> None:
    assert lost_or_doubled([write], {"visits": stored}) != []


@pytest.mark.parametrize(
    "log",
    [
        LOG[1:],
        [replace(LOG[0], trace_id="t-9"), *LOG[1:]],
        [replace(LOG[0], kind="PERMIT"), *LOG[1:]],
        LOG[:2],
        [LOG[0], replace(LOG[2], index=1)],
        [*LOG[:2], replace(LOG[2], refused=True)],
        [*LOG, Record(4, "t-4", "DENIAL")],
        [*LOG, LOG[0]],
    ],
    ids=["no record", "another's", "no disclosure", "no outcome", "no permit", "told as failed", "gap", "index twice"],
)
def test_a_planted_gap_in_the_log_is_found(log: list[Record]) -> None:
    assert unrecorded(Ledger([acknowledged()], [REPLY]), log) != []


def test_a_reply_that_names_no_record_is_found() -> None:
    assert unrecorded(Ledger([], [replace(REPLY, audit_index="")]), LOG) != []
