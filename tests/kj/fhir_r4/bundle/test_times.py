"""FHIR's dates and periods, as precise as they were written; what is no time is refused with its path."""

from datetime import UTC, datetime

import pytest

from kj.fhir_r4.bundle.cuts import Cuts
from kj.fhir_r4.bundle.node import Node
from kj.fhir_r4.bundle.refusals import Refused
from kj.fhir_r4.bundle.times import When, period, when
from kjernejournal.common.v1.common_pb2 import PartialDate, Period


def parsed(written: str) -> When:
    found = when(Node({"t": written}, "x", Cuts()), "t")
    assert found is not None
    return found


def spanned(**fields: str) -> Period | None:
    return period(Node(dict(fields), "period", Cuts()))


def test_a_date_is_known_as_far_as_it_is_written() -> None:
    assert parsed("2015").event().date == PartialDate(year=2015)
    assert parsed("2015-03").event().date == PartialDate(year=2015, month=3)
    assert parsed("2015-03-31").event().date == PartialDate(year=2015, month=3, day=31)


def test_a_time_has_its_zone() -> None:
    assert parsed("2020-01-01T00:30:00.250+01:00").first() == datetime(2019, 12, 31, 23, 30, 0, 250_000, tzinfo=UTC)
    assert parsed("2016-12-31T23:59:60Z").first() == datetime(2017, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "written, after",
    [("2015", (2016, 1, 1)), ("2015-12", (2016, 1, 1)), ("2015-03", (2015, 4, 1)), ("2015-02-28", (2015, 3, 1))],
)
def test_an_end_is_included_in_fhir_and_not_in_ours(written: str, after: tuple[int, int, int]) -> None:
    assert parsed(written).after() == datetime(*after, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "2015-13",
        "2015-00",
        "2015-02-30",
        "2015-02-00",
        "0000",
        "9999",
        "20150301",
        "2015-03-01T10:00:00",
        "2015-03-01T24:00:00Z",
        "2015-03-01T10:00:00+15:00",
        "2015-03-01 10:00:00Z",
        "yesterday",
        "٢٠١٥",
    ],
)
def test_what_is_no_time_is_refused_with_its_path(written: str) -> None:
    with pytest.raises(Refused, match=r"^x\.t: is not a (possible )?date or time"):
        parsed(written)


def test_a_period_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(Refused, match="period: ends before it begins"):
        spanned(start="2020-05-02", end="2020-05-01")
    assert spanned(start="2020-05-02", end="2020-05") is not None
    assert spanned() is None


@pytest.mark.parametrize(
    "end", ["9999", "9999-12", "9999-12-31", "9999-12-31T23:59:59-05:00", "9999-12-31T00:00:00.000Z"]
)
def test_an_end_that_never_comes_is_none(end: str) -> None:
    assert spanned(start="2020", end=end) == Period(start=parsed("2020").stamp())
    assert spanned(end=end) is None


@pytest.mark.parametrize("end", ["9999-13", "9999-12-31T", "9999-01-01", "10000"])
def test_others_of_that_year_are_no_times(end: str) -> None:
    with pytest.raises(Refused):
        spanned(start="2020", end=end)
