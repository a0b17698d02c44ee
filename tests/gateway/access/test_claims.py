"""Spellings and gaps that real tokens have."""

import json
from datetime import timedelta
from typing import Any

import pytest

from gateway.access.claims import ClaimsError, to_caller
from gateway.access.facts import Caller
from kjernejournal.common.v1 import common_pb2
from shared.codes import helseid as names
from shared.codes.personnel import ROLE_SYSTEM, ServiceKind
from shared.codes.systems import VOLVEN
from tests.gateway.access.issuing import NOW, PID, attest, claims, clinician, hpr_details


def read(payload: dict[str, Any]) -> Caller:
    return to_caller(payload, expires=NOW + timedelta(minutes=10), now=NOW, production=False)


def test_the_older_name_of_the_care_relation() -> None:
    both = attest()
    both["care_relationship"] = both.pop("care_relation")
    assert read(clinician(**{names.ATTEST: both})) == read(clinician())


@pytest.mark.parametrize("details", [hpr_details("SP"), json.dumps(hpr_details("SP"))])
def test_authorisations_as_an_object_or_as_text(details: object) -> None:
    assert read(clinician(**{names.HPR_DETAILS: details})).authorisations == ("SP",)


@pytest.mark.parametrize("details", [None, {}, [], {"approvals": []}, {"approvals": [{}]}, {"approvals": [3]}])
def test_no_authorisations(details: object) -> None:
    assert read(clinician(**{names.HPR_DETAILS: details})).authorisations == ()


YESTERDAY, TODAY, TOMORROW = ((NOW + timedelta(days=days)).date().isoformat() for days in (-1, 0, 1))


@pytest.mark.parametrize("value", ["1", 1, "2", "4", "14", "17", "18"])
def test_an_authorisation_that_is_in_force_counts(value: object) -> None:
    details = {"approvals": [{"profession": "SP", "authorization": {"value": value}}]}
    assert read(clinician(**{names.HPR_DETAILS: details})).role == "SP"


@pytest.mark.parametrize(
    "approval",
    [
        {},
        {"authorization": None},
        {"authorization": {}},
        {"authorization": "1"},
        *({"authorization": {"value": value}} for value in ("0", 0, "3", "", None, True, "99", "01", " 1", [1])),
        {"authorization": {"value": "1", "suspended": True}},
        {"authorization": {"value": "1", "suspension": {"from": YESTERDAY}}},
        {"authorization": {"value": "1", "active": False}},
        {"authorization": {"value": "1"}, "active": "nei"},
        {"authorization": {"value": "1", "period": {"from": TOMORROW}}},
        {"authorization": {"value": "1", "period": {"to": YESTERDAY}}},
        {"authorization": {"value": "1"}, "period": {"from": "2020-01-01", "to": YESTERDAY}},
        {"authorization": {"value": "1", "valid_to": (NOW - timedelta(seconds=1)).isoformat()}},
        {"authorization": {"value": "1", "valid_to": "i går"}},
        {"authorization": {"value": "1", "valid_from": 3}},
        {"authorization": {"value": "1", "period": "2020/2021"}},
    ],
)
def test_an_authorisation_that_is_not_in_force_is_none(approval: dict[str, Any]) -> None:
    details = {"approvals": [{"profession": "SP", **approval}]}
    caller = read(clinician(**{names.HPR_DETAILS: details}))
    assert caller.authorisations == ()
    both = {"approvals": [*details["approvals"], *hpr_details("JO")["approvals"]]}
    assert read(clinician(**{names.HPR_DETAILS: both})).authorisations == ("JO",)


@pytest.mark.parametrize("period", [{"from": TODAY}, {"to": TODAY}, {"from": YESTERDAY, "to": TOMORROW}, {"to": None}])
def test_an_authorisation_holds_on_its_first_day_and_its_last(period: dict[str, Any]) -> None:
    details = {"approvals": [{"profession": "SP", "authorization": {"value": "1", "period": period}}]}
    assert read(clinician(**{names.HPR_DETAILS: details})).authorisations == ("SP",)


@pytest.mark.parametrize("details", ["{", '{"approvals": 3}', {"approvals": {"profession": "SP"}}])
def test_broken_authorisations(details: object) -> None:
    with pytest.raises(ClaimsError):
        read(clinician(**{names.HPR_DETAILS: details}))


def two_authorisations(named: dict[str, str] | None) -> Caller:
    made = attest()
    made["practitioner"] = {**made["practitioner"], "authorization": named}
    details = hpr_details("SP", "JO")
    return read(clinician(**{names.ATTEST: made, names.HPR_DETAILS: details}))


def test_the_role_is_the_one_that_the_attest_names() -> None:
    assert two_authorisations({"code": "JO", "system": ROLE_SYSTEM}).role == "JO"
    assert two_authorisations({"code": "JO", "system": "urn:oid:1.2.3"}).role == ""
    assert two_authorisations(None).role == ""


def test_the_only_authorisation_is_the_role() -> None:
    made = attest()
    del made["practitioner"]["authorization"]
    assert read(clinician(**{names.ATTEST: made})).role == "SP"


def test_an_hpr_number_as_a_number() -> None:
    assert read(clinician(**{names.HPR_NUMBER: 900000002})).hpr_number == "900000002"


@pytest.mark.parametrize(
    "given, level",
    [("4", 4), (4, 4), ("3", 3), ("2", 2), ("5", 0), (None, 0), (True, 0), (4.0, 0), ("Level4", 0), ("44", 0)],
)
def test_security_levels(given: object, level: int) -> None:
    assert read(claims(**{names.SECURITY_LEVEL: given})).security_level == level


def test_no_national_id_comes_in_by_what_an_attest_calls_things() -> None:
    """These texts are kept with whatever the caller writes, in databases that hold no national id."""
    made = attest()
    made["practitioner"]["identifier"]["name"] = f"Ola Pleiersen {PID}"
    made["practitioner"]["point_of_care"]["name"] = f"Solhaug, seng {PID[:6]} {PID[6:]}"
    made["practitioner"]["department"]["id"] = f"{PID[:2]}.{PID[2:4]}.{PID[4:6]} {PID[6:]}"
    caller = read(clinician(**{names.ATTEST: made, names.CLIENT_NAME: f"EHR-{PID}"}))
    shown = (caller.name, caller.organisation_name, caller.department, caller.source_system)
    assert shown == ("Ola Pleiersen [id]", "Solhaug, seng [id]", "[id]", "EHR-[id]")


def test_a_service_told_by_its_details_alone() -> None:
    made = attest()
    del made["care_relation"]["healthcare_service"]
    caller = read(clinician(**{names.ATTEST: made}))
    assert caller.service is ServiceKind.NURSING_HOME
    assert caller.healthcare_service == ""


def test_a_service_we_do_not_know() -> None:
    made = attest()
    made["care_relation"]["healthcare_service"] = {"system": VOLVEN + "8663", "code": "KX99"}
    assert read(clinician(**{names.ATTEST: made})).service is ServiceKind.OTHER


@pytest.mark.parametrize(
    "patients", ["all", {"identifier": {}}, [3], [{"identifier": "x"}], [{"identifier": {"id": 3}}]]
)
def test_broken_patients_of_an_attest(patients: object) -> None:
    with pytest.raises(ClaimsError):
        read(clinician(**{names.ATTEST: attest(patients=patients)}))


def test_an_auditor_and_the_data_controllers() -> None:
    scope = f"{names.SCOPE_AUDITOR} {names.SCOPE_CONTROLLER}"
    for given, controller in ((names.SCOPE_AUDITOR, False), (scope, True), (scope.split(" "), True)):
        caller = read(claims(scope=given, **{names.ORGNR_PARENT: "100100673"}))
        assert caller.kind == common_pb2.CALLER_KIND_AUDITOR
        assert caller.controller is controller


def test_the_controllers_scope_makes_nobody_else_one() -> None:
    assert not read(clinician(scope=f"{names.SCOPE_CLINICIAN} {names.SCOPE_CONTROLLER}")).controller


def test_a_doctor_who_audits_is_an_auditor() -> None:
    payload = clinician(scope=names.SCOPE_AUDITOR)
    assert json.dumps(payload)
    caller = read(payload)
    assert caller.kind == common_pb2.CALLER_KIND_AUDITOR
    assert caller.hpr_number == ""
