"""What says no time is the oldest; of two that contradict each other at one time the weaker holds: every register."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from kjernejournal.common.v1.common_pb2 import (
    CodeableConcept,
    Coding,
    EventTime,
    ImportCounts,
    PartialDate,
    PatientIdentifier,
)
from kjernejournal.critical_info.v1 import critical_info_pb2 as ki
from kjernejournal.medications.v1 import medications_pb2 as med
from kjernejournal.vaccinations.v1 import vaccinations_pb2 as vac
from shared.convert import timestamp
from tests.services.registers import BEGAN, KINDS, Kind, dose, header, prescription, send, statement


def untimed(kind: Kind, text: int, *, withdrawn: bool = False) -> Any:
    """Returns a version whose source says no time; it was first imported now, after everything else here."""
    made = kind.made(text, withdrawn)
    made.header.provenance.ClearField("changed_at")
    made.header.provenance.recorded_at.GetCurrentTime()
    made.header.provenance.time_unknown = True
    return made


@pytest.mark.parametrize("name", KINDS)
async def test_what_says_no_time_never_overrides_what_has_one(stubs: dict[str, Any], name: str) -> None:
    kind, of = KINDS[name], PatientIdentifier(patient_ref=str(uuid4()))
    stub, first, second = stubs[kind.service], untimed(kind, 1), untimed(kind, 2)
    for each in (first, second):
        await send(kind, stub, of, each, single=False)
    assert await kind.shown(stub, of) == ["2"], "the last of those without a time"
    assert (await send(kind, stub, of, first, single=False)) == ImportCounts(batches=1, outdated=1)
    await send(kind, stub, of, kind.made(3, False), single=True)
    for late in (first, second, untimed(kind, 4)):
        assert (await send(kind, stub, of, late, single=False)) == ImportCounts(batches=1, outdated=1)
    assert await kind.shown(stub, of) == ["3"]


@pytest.mark.parametrize("name", KINDS)
async def test_what_is_taken_back_without_a_time_is_not_brought_back_by_what_is_known(
    stubs: dict[str, Any], name: str
) -> None:
    kind, of = KINDS[name], PatientIdentifier(patient_ref=str(uuid4()))
    stub, stands = stubs[kind.service], kind.made(1, False)
    await send(kind, stub, of, stands, single=False)
    await send(kind, stub, of, untimed(kind, 2, withdrawn=True), single=False)
    assert await kind.shown(stub, of) == []
    assert (await send(kind, stub, of, stands, single=False)) == ImportCounts(batches=1, outdated=1)
    assert await kind.shown(stub, of) == []


def _of_state(state: med.PrescriptionState.ValueType) -> med.Prescription:
    sent = prescription(1, False)
    sent.ClearField("source_record")
    sent.state = state
    if state == med.PRESCRIPTION_STATE_RECALLED:
        sent.recall.reason = med.RECALL_REASON_DISCONTINUED
    sent.medication.code.text = med.PrescriptionState.Name(state)
    sent.medication.atc.CopyFrom(Coding(system="2.16.578.1.12.4.1.1.7180", code="B01AA03"))
    sent.prescribed_at.CopyFrom(timestamp(BEGAN))
    return sent


def _of_status(made: Any, status: str) -> Any:
    made.source_record.status = status
    made.medication.code.text = status
    return made


CONTRADICTIONS: dict[str, tuple[str, Any, Any, str]] = {
    "in force, recalled": (
        "prescriptions",
        _of_state(med.PRESCRIPTION_STATE_DISPENSABLE),
        _of_state(med.PRESCRIPTION_STATE_RECALLED),
        "PRESCRIPTION_STATE_DISPENSABLE",
    ),
    "finished, recalled": (
        "prescriptions",
        _of_state(med.PRESCRIPTION_STATE_FINISHED),
        _of_state(med.PRESCRIPTION_STATE_RECALLED),
        "PRESCRIPTION_STATE_FINISHED",
    ),
    "order": (
        "prescriptions",
        _of_status(prescription(1, False), "active"),
        _of_status(prescription(1, False), "stopped"),
        "active",
    ),
    "use": (
        "statements",
        _of_status(statement(1, False), "unknown"),
        _of_status(statement(1, False), "not-taken"),
        "unknown",
    ),
    "allergy": (
        "critical_info",
        ki.CriticalInfo(
            header=header(1, "k"), category=ki.CATEGORY_IMPLANT, specification="1", status=ki.STATUS_ACTIVE
        ),
        ki.CriticalInfo(
            header=header(1, "k"), category=ki.CATEGORY_IMPLANT, specification="2", status=ki.STATUS_REFUTED
        ),
        "1",
    ),
    "vaccination": (
        "vaccinations",
        vac.Vaccination(
            header=header(1, "d"),
            status=vac.VACCINATION_STATUS_NOT_DONE,
            vaccine=CodeableConcept(text="not given"),
            occurrence=EventTime(date=PartialDate(year=2024)),
        ),
        dose(1, False),
        "not given",
    ),
}
"""Register, what leaves more possible, what leaves less, and what readers see."""


@pytest.mark.parametrize("single", [True, False])
@pytest.mark.parametrize("turned", [True, False])
@pytest.mark.parametrize("name", CONTRADICTIONS)
async def test_of_two_that_contradict_each_other_at_one_time_the_weaker_holds(
    stubs: dict[str, Any], name: str, turned: bool, single: bool
) -> None:
    register, weaker, stronger, shown = CONTRADICTIONS[name]
    kind, of = KINDS[register], PatientIdentifier(patient_ref=str(uuid4()))
    stub = stubs[kind.service]
    for each in (weaker, stronger, weaker) if turned else (stronger, weaker, stronger):
        await send(kind, stub, of, each, single=single)
    assert await kind.shown(stub, of) == [shown]
    assert (await send(kind, stub, of, stronger, single=False)) == ImportCounts(batches=1, outdated=1)
