"""How long prescriptions hold, each test named after its rule."""

from datetime import UTC, datetime, timedelta

import pytest

from kjernejournal.common.v1.common_pb2 import Coding
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications import model
from services.medications.validity import valid_until
from shared.codes.systems import ATC
from shared.convert import timestamp

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)


def prescribed(at: datetime = NOW, atc: str = "C10AA05", blue: str = "") -> pb.Prescription:
    return pb.Prescription(
        state=model.DISPENSABLE,
        medication=pb.Medication(atc=Coding(system=ATC, code=atc)),
        prescribed_at=timestamp(at),
        reimbursement=pb.Reimbursement(paragraph=blue),
    )


@pytest.mark.parametrize(
    "atc, blue, until",
    [
        ("C10AA05", "", datetime(2027, 1, 15, 23, tzinfo=UTC)),
        ("G03AA12", "", datetime(2029, 1, 15, 23, tzinfo=UTC)),
        ("G02BA03", "", datetime(2029, 1, 15, 23, tzinfo=UTC)),
        ("G03CA03", "", datetime(2027, 1, 15, 23, tzinfo=UTC)),
        ("J01CE02", "", datetime(2026, 1, 25, 23, tzinfo=UTC)),
        ("J01CE02", "2", datetime(2027, 1, 15, 23, tzinfo=UTC)),
        ("J01CE02", "§ 3", datetime(2027, 1, 15, 23, tzinfo=UTC)),
        ("J01CE02", "905", datetime(2026, 1, 25, 23, tzinfo=UTC)),
        ("QJ01CE02", "", datetime(2026, 1, 20, 23, tzinfo=UTC)),
        ("", "", datetime(2027, 1, 15, 23, tzinfo=UTC)),
    ],
    ids=[
        "one year",
        "contraceptives three years",
        "hormonal intrauterine three years",
        "other hormones one year",
        "antibiotics ten days",
        "antibiotics on blue prescription one year",
        "paragraph with its sign",
        "hospital-financed is not blue",
        "for animals five days",
        "unknown ATC one year",
    ],
)
def test_validity_follows_the_kind_of_medicine(atc: str, blue: str, until: datetime) -> None:
    assert valid_until(prescribed(NOW, atc, blue)) == until


def test_a_prescription_of_29_february_holds_for_a_year() -> None:
    leap = prescribed(datetime(2024, 2, 29, 12, tzinfo=UTC))
    assert valid_until(leap) == datetime(2025, 3, 1, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    "at, until",
    [
        (datetime(2026, 1, 15, 22, 59, tzinfo=UTC), datetime(2027, 1, 15, 23, tzinfo=UTC)),
        (datetime(2026, 1, 15, 23, tzinfo=UTC), datetime(2027, 1, 16, 23, tzinfo=UTC)),
        (datetime(2026, 7, 1, 21, 59, tzinfo=UTC), datetime(2027, 7, 1, 22, tzinfo=UTC)),
        (datetime(2026, 7, 1, 22, tzinfo=UTC), datetime(2027, 7, 2, 22, tzinfo=UTC)),
    ],
    ids=["winter, before midnight", "winter, after midnight", "summer, before midnight", "summer, after midnight"],
)
def test_the_day_is_norways(at: datetime, until: datetime) -> None:
    held = prescribed(at)
    held.valid_until.CopyFrom(timestamp(valid_until(held)))
    assert valid_until(held) == until
    assert model.state_at(held, until - timedelta(microseconds=1)) == model.DISPENSABLE
    assert model.state_at(held, until) == model.EXPIRED
