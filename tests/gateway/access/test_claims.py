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
from tests.gateway.access.issuing import NOW, PID, attest, claims, clinician


def read(payload: dict[str, Any]) -> Caller:
    return to_caller(payload, expires=NOW + timedelta(minutes=10), production=False)


def test_the_older_name_of_the_care_relation() -> None:
    both = attest()
    both["care_relationship"] = both.pop("care_relation")
    assert read(clinician(**{names.ATTEST: both})) == read(clinician())


@pytest.mark.parametrize("details", [{"approvals": [{"profession": "SP"}]}, '{"approvals": [{"profession": "SP"}]}'])
def test_authorisations_as_an_object_or_as_text(details: object) -> None:
    assert read(clinician(**{names.HPR_DETAILS: details})).authorisations == ("SP",)


@pytest.mark.parametrize("details", [None, {}, [], {"approvals": []}, {"approvals": [{}]}, {"approvals": [3]}])
def test_no_authorisations(details: object) -> None:
    assert read(clinician(**{names.HPR_DETAILS: details})).authorisations == ()


@pytest.mark.parametrize("details", ["{", '{"approvals": 3}', {"approvals": {"profession": "SP"}}])
def test_broken_authorisations(details: object) -> None:
    with pytest.raises(ClaimsError):
        read(clinician(**{names.HPR_DETAILS: details}))


def two_authorisations(named: dict[str, str] | None) -> Caller:
    made = attest()
    made["practitioner"] = {**made["practitioner"], "authorization": named}
    details = {"approvals": [{"profession": "SP"}, {"profession": "JO"}]}
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


def test_a_unit_that_is_the_legal_entity() -> None:
    made = attest()
    del made["practitioner"]["point_of_care"]
    caller = read(clinician(**{names.ORGNR_CHILD: None, names.ATTEST: made}))
    assert caller.organisation == caller.legal_entity == "100100673"


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


def test_an_attest_is_bound_to_the_patients_it_names() -> None:
    named = read(clinician(**{names.ATTEST: attest(patients=[{"identifier": {"id": PID}}])}))
    assert named.attests(PID)
    assert not named.attests("48882807579")
    assert read(clinician()).attests("48882807579")


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
