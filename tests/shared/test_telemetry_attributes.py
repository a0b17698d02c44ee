"""Which attributes leave with a span: names of ours with values that fit, and no data."""

import math
from uuid import uuid4

import pytest

from shared.telemetry import Value
from shared.telemetry.attributes import REFUSED, permitted, permitted_name


def _exported(value: object) -> object:
    return dict(permitted({"kj.reason": value}))["kj.reason"]  # type: ignore[dict-item]  # unfit on purpose


@pytest.mark.parametrize(
    "value",
    [
        "visits",
        "kjernejournal.visits.v1.VisitsService",
        "unix:/tmp/kj-0/audit",
        "127.0.0.1:50051",
        "DEADLINE_EXCEEDED",
        "7d9f2c1e-0000-4000-8000-a12345678901",
        "",
        0,
        -1,
        999_999_999,
        200_000_000_000,
        True,
        False,
        0.25,
    ],
)
def test_fit_values_leave_as_they_are(value: Value) -> None:
    exported = _exported(value)
    assert exported == value
    assert type(exported) is type(value)


@pytest.mark.parametrize(
    "value",
    [
        "Kari Nordmann",
        "Løkken",
        "21875049123",
        "patient:21875049123",
        "218750-49123",
        21875049123,
        1010112345,  # a national id that lost its leading zero
        21875049123.0,
        math.nan,
        math.inf,
        1 << 63,
        "x" * 129,
        'say"quote',
        "back\\slash",
        "line\nbreak",
        "semi;colon",
        None,
        b"bytes",
        ["list"],
    ],
)
def test_unfit_values_never_leave(value: object) -> None:
    assert _exported(value) == REFUSED


def test_a_key_that_was_slipped_past_the_check_does_not_leave() -> None:
    assert dict(permitted({"patient.name": "Kari", "kj.rows": 3})) == {"kj.rows": 3}


def test_ids_of_our_own_are_never_refused() -> None:
    assert REFUSED not in {_exported(str(uuid4())) for _ in range(5000)}


@pytest.mark.parametrize("name", ["SQL list_visits", "kjernejournal.visits.v1.VisitsService/List", "section visits"])
def test_names_of_ours_leave(name: str) -> None:
    assert permitted_name(name) == name


@pytest.mark.parametrize("name", ["list 21875049123", 'x"},{"', "Åse", "x" * 129, "a\nb"])
def test_names_that_hold_data_do_not(name: str) -> None:
    assert permitted_name(name) == REFUSED
