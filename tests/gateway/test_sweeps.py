"""Sweeps of status rpcs: who asks about many patients whom they do not treat is noticed, and nobody else."""

import itertools
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource

from gateway.sweeps import METRIC, MOST_ORGANISATIONS, WINDOW, Asked, Sweeps
from kj.synthetic.people.cast import MUNICIPALITY
from kjernejournal.audit.v1 import audit_pb2
from kjernejournal.common.v1.common_pb2 import PatientIdentifier
from kjernejournal.summary.v1.summary_pb2 import GetIndicatorRequest
from shared.logs import JsonFormatter
from shared.telemetry import meters
from tests.services.patients.people import new_id
from tests.support.gateway import Front, running_gateway
from tests.support.waiting import becomes

ORGANISATION, OTHER = "100100673", "100100223"
QUOTA = 60
LEAST = QUOTA // 3


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sweeps(clock: Clock) -> Sweeps:
    never: Any = None
    return Sweeps(QUOTA, {OTHER: 10 * QUOTA}, never, clock=clock)


_NUMBERS = itertools.count()


def patients(count: int, *, treated: bool = False) -> list[tuple[str, bool]]:
    return [(f"p{next(_NUMBERS)}", treated) for _ in range(count)]


def test_many_patients_of_whom_none_is_treated_are_a_sweep(sweeps: Sweeps) -> None:
    assert not sweeps.counts(ORGANISATION, patients(LEAST - 1))
    assert sweeps.counts(ORGANISATION, patients(1))


def test_one_after_the_other_or_in_a_list_is_the_same(sweeps: Sweeps) -> None:
    raised = [sweeps.counts(ORGANISATION, patients(1)) for _ in range(LEAST)]
    assert raised == [False] * (LEAST - 1) + [True]


def test_one_patient_asked_about_often_is_no_sweep(sweeps: Sweeps) -> None:
    [one] = patients(1)
    assert not any(sweeps.counts(ORGANISATION, [one] * 5) for _ in range(LEAST))


@pytest.mark.parametrize(
    "treated, sweeping", [(0, True), (LEAST // 10 - 1, True), (LEAST // 10, False), (LEAST, False)]
)
def test_a_days_list_of_whom_some_are_treated_is_no_sweep(sweeps: Sweeps, treated: int, sweeping: bool) -> None:
    list_of_day = patients(treated, treated=True) + patients(LEAST - treated)
    assert sweeps.counts(ORGANISATION, list_of_day) is sweeping


def test_what_is_many_follows_the_size_of_the_organisation(sweeps: Sweeps) -> None:
    assert not sweeps.counts(OTHER, patients(10 * LEAST - 1))
    assert sweeps.counts(OTHER, patients(1))


def test_an_alarm_is_raised_once_a_minute_at_most(sweeps: Sweeps, clock: Clock) -> None:
    raised = []
    for _ in range(240):
        raised.append(sweeps.counts(ORGANISATION, patients(10)))
        clock.now += 1
    assert raised.count(True) == 4


def test_organisations_are_counted_apart_and_windows_too(sweeps: Sweeps, clock: Clock) -> None:
    assert not sweeps.counts(ORGANISATION, patients(LEAST - 1))
    assert not sweeps.counts(OTHER, patients(LEAST - 1))
    clock.now += WINDOW
    assert not sweeps.counts(ORGANISATION, patients(LEAST - 1))


def test_what_is_kept_is_bounded(sweeps: Sweeps) -> None:
    for _ in range(100):
        sweeps.counts(ORGANISATION, patients(100))
    asked: Asked = sweeps._asked[ORGANISATION]
    assert len(asked._others) <= 10 * LEAST
    for number in range(MOST_ORGANISATIONS + 100):
        sweeps.counts(str(number), patients(1))
    assert len(sweeps._asked) <= MOST_ORGANISATIONS
    assert len(sweeps._alarmed) <= MOST_ORGANISATIONS


@pytest.fixture(scope="module")
async def gateway(issuer: Path) -> AsyncIterator[Front]:
    async with running_gateway(issuer, quota=QUOTA) as front:
        yield front


async def test_a_sweep_is_a_line_in_the_security_log_and_a_metric_without_a_patient(
    gateway: Front, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[tuple[str, str]] = []
    monkeypatch.setattr("gateway.sweeps.telemetry.count", lambda *what: counted.append(what))
    caller: dict[str, Any] = {"kind": "system", "client": "ehr", "org": MUNICIPALITY}
    strangers = [new_id() for _ in range(2 * LEAST)]
    with caplog.at_level(logging.WARNING, "security"):
        for each in strangers:
            await gateway.client.call(
                "GetIndicator", GetIndicatorRequest(patient=PatientIdentifier(national_id=each)), **caller
            )
    [line] = [each for each in caplog.records if each.name == "security"]
    assert MUNICIPALITY in line.getMessage()
    assert not any(each in caplog.text for each in strangers)
    written = json.loads(JsonFormatter("gateway").format(line))
    assert MUNICIPALITY in written["message"]
    assert counted == [(METRIC, MUNICIPALITY)]
    await becomes(lambda: bool(gateway.log.records))
    [alarm] = gateway.log.records
    assert list(alarm.review_reasons) == [audit_pb2.REVIEW_REASON_UNUSUAL]
    assert (alarm.actor.legal_entity.number, alarm.personal.patient_ref) == (MUNICIPALITY, "")


def test_what_is_counted_is_an_opentelemetry_metric() -> None:
    reader = InMemoryMetricReader()
    counting = meters.Meters(reader, Resource({"service.name": "gateway"}))
    for organisation in (ORGANISATION, ORGANISATION, OTHER):
        counting.count(METRIC, organisation)
    data = reader.get_metrics_data()
    assert data is not None
    [metric] = data.resource_metrics[0].scope_metrics[0].metrics
    assert metric.name == METRIC
    points = {each.attributes["kj.organisation"]: each.value for each in metric.data.data_points}  # type: ignore[union-attr, index]  # counters have values
    assert points == {ORGANISATION: 2, OTHER: 1}
    counting.stop()
