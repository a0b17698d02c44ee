"""The rules of visits."""

from datetime import UTC, datetime, timedelta

import pytest

from kjernejournal.common.v1.common_pb2 import Coding, Organisation, Period
from kjernejournal.visits.v1.visits_pb2 import CONTACT_KIND_ADMISSION, Visit
from services.visits import model
from shared.convert import timestamp
from shared.errors import Invalid

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


def visit() -> Visit:
    return Visit(
        kind=CONTACT_KIND_ADMISSION,
        period=Period(start=timestamp(NOW - timedelta(days=3))),
        unit=Organisation(number="100100673"),
    )


def test_an_admission_that_goes_on_has_no_end() -> None:
    model.check(visit(), NOW)


@pytest.mark.parametrize(
    "field, change",
    [
        ("kind", Visit()),
        ("unit", Visit(unit=Organisation(department="Post 3"))),
        ("unit.number", Visit(unit=Organisation(number="12345678"))),
        ("unit.resh_id", Visit(unit=Organisation(resh_id="post 3"))),
        ("period.start", Visit(period=Period(end=timestamp(NOW)))),
        ("period.start", Visit(period=Period(start=timestamp(NOW + timedelta(days=2))))),
        ("period.start", Visit(period=Period(start=timestamp(datetime(1899, 12, 31, tzinfo=UTC))))),
        ("period.end", Visit(period=Period(start=timestamp(NOW), end=timestamp(NOW - timedelta(seconds=1))))),
        ("source_class[0].system", Visit(source_class=[Coding(system="http://snomed.info/sct", code="1")])),
        ("source_class[0].system", Visit(source_class=[Coding(code="AMB")])),
        ("source_class[0].code", Visit(source_class=[Coding(system=ACT_CODE)])),
        ("source_class[0].code", Visit(source_class=[Coding(system=ACT_CODE, code="VR")])),
    ],
)
def test_a_visit_that_breaks_a_rule_is_refused_by_field(field: str, change: Visit) -> None:
    wrong = visit()
    for name in ("unit", "period"):
        if change.HasField(name):
            wrong.ClearField(name)
    wrong.MergeFrom(change)
    if field == "kind":
        wrong.ClearField("kind")
    with pytest.raises(Invalid) as refused:
        model.check(wrong, NOW)
    assert refused.value.field == field


def test_the_coverage_begins_with_2008_in_norway() -> None:
    assert not model.is_before_coverage(datetime(2007, 12, 31, 23, tzinfo=UTC))
    assert model.is_before_coverage(datetime(2007, 12, 31, 22, 59, tzinfo=UTC))
