"""Multidose on the medication list, each test named after its rule."""

from datetime import UTC, datetime

import pytest

from kjernejournal.common.v1.common_pb2 import Organisation, Practitioner, Provenance
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications.list import multidose
from shared.convert import timestamp
from shared.errors import Denied, Invalid

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
PHARMACY, ANOTHER = Organisation(number="100100111"), Organisation(number="100100222")


def author(hpr_number: str) -> Provenance:
    return Provenance(
        recorder=Practitioner(hpr_number=hpr_number),
        organisation=Organisation(number="100100673"),
        recorded_at=timestamp(NOW),
    )


HERS, HIS = author("9144900"), author("222200068")


def registered() -> pb.MedicationList:
    return pb.MedicationList(multidose=multidose.kept(pb.MedicationList(), pb.Multidose(pharmacy=PHARMACY), HERS))


def test_who_registers_multidose_is_responsible_from_then_on() -> None:
    found = registered().multidose
    assert (found.responsible, found.responsible_organisation) == (HERS.recorder, HERS.organisation)
    assert found.since == timestamp(NOW)


def test_nobody_makes_another_doctor_responsible() -> None:
    sent = pb.Multidose(pharmacy=PHARMACY, responsible=HIS.recorder)
    with pytest.raises(Invalid) as refused:
        multidose.kept(pb.MedicationList(), sent, HERS)
    assert refused.value.field == "multidose.responsible"


def test_multidose_needs_a_pharmacy() -> None:
    with pytest.raises(Invalid):
        multidose.kept(pb.MedicationList(), pb.Multidose(), HERS)


def test_another_doctor_sends_it_back_as_it_is() -> None:
    before = registered()
    before.multidose.last_packed.CopyFrom(timestamp(NOW))
    assert multidose.kept(before, before.multidose, HIS) == before.multidose
    claimed = pb.Multidose(pharmacy=PHARMACY, last_packed=timestamp(datetime(2020, 1, 1, tzinfo=UTC)))
    assert multidose.kept(before, claimed, HIS) == before.multidose


def test_only_the_same_doctor_deregisters() -> None:
    multidose.end(registered(), HERS)
    with pytest.raises(Denied):
        multidose.end(registered(), HIS)


def test_one_pharmacy_at_a_time_and_only_the_same_doctor_changes_it() -> None:
    with pytest.raises(Denied):
        multidose.kept(registered(), pb.Multidose(pharmacy=ANOTHER), HIS)
    with pytest.raises(Denied):
        multidose.kept(registered(), pb.Multidose(pharmacy=PHARMACY, responsible=HIS.recorder), HIS)
    assert multidose.kept(registered(), pb.Multidose(pharmacy=ANOTHER), HERS).pharmacy == ANOTHER


def test_where_nobody_is_known_to_be_responsible_any_doctor_is() -> None:
    fed = pb.MedicationList(multidose=pb.Multidose(pharmacy=PHARMACY))
    multidose.end(fed, HIS)
    taken = multidose.kept(fed, pb.Multidose(pharmacy=PHARMACY, responsible=HIS.recorder), HIS)
    assert taken.responsible == HIS.recorder


def test_without_multidose_there_is_nothing_to_end() -> None:
    multidose.end(pb.MedicationList(), HERS)
