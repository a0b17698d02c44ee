"""The attest of the trust framework (v1.1): what has to be in it, and whom it is for. Each rule by its number."""

from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest

from gateway.access.claims import ClaimsError, to_caller
from gateway.access.facts import Caller
from gateway.access.tokens import TokenVerifier
from shared.codes import helseid as names
from shared.codes.personnel import ServiceKind
from shared.codes.systems import VOLVEN
from tests.gateway.access.issuing import NOW, PID, ago, attest, clinician, sign
from tests.gateway.access.verifying import Clock, refusal, verify

OTHER = "48882807579"
GONE = object()


def read(made: Any, **changes: Any) -> Caller:
    payload = clinician(**{names.ATTEST: made, **changes})
    return to_caller(payload, expires=NOW + timedelta(minutes=10), now=NOW, production=False)


def with_(path: str, value: object) -> dict[str, Any]:
    """Returns the attest with another value at this path, or, for GONE, without what stands there."""
    made = deepcopy(attest())
    *outer, last = path.split(".")
    part = made
    for name in outer:
        part = part[name]
    if value is GONE:
        del part[last]
    else:
        part[last] = value
    return made


REQUIRED = [
    "practitioner",
    "practitioner.identifier",
    "practitioner.identifier.id",
    "practitioner.legal_entity",
    "practitioner.legal_entity.id",
    "practitioner.point_of_care",
    "practitioner.point_of_care.id",
    "care_relation",
    "care_relation.purpose_of_use",
    "care_relation.purpose_of_use.code",
    "care_relation.decision_ref",
    "care_relation.decision_ref.id",
    "care_relation.decision_ref.user_selected",
    "attestation",
    "attestation.toa",
]


@pytest.mark.parametrize("path", REQUIRED)
def test_what_the_data_model_requires_is_required(path: str) -> None:
    read(attest())
    with pytest.raises(ClaimsError):
        read(with_(path, GONE))
    with pytest.raises(ClaimsError):
        read(with_(path, None))


@pytest.mark.parametrize(
    "path",
    [
        "practitioner.hpr_nr",
        "practitioner.authorization",
        "practitioner.department",
        "care_relation.healthcare_service",
        "care_relation.purpose_of_use_details",
        "type",
    ],
)
def test_what_need_not_exist_may_be_left_out(path: str) -> None:
    read(with_(path, GONE))


@pytest.mark.parametrize("code", ["TREAT", "ETREAT", "COC", "BTG"])
@pytest.mark.parametrize("system", ["", names.PURPOSE_OF_USE, "2.16.840.1.113883.1.11.20448"])
def test_purposes_of_the_framework(code: str, system: str) -> None:
    made = with_("care_relation.purpose_of_use", {"code": code, "system": system})
    assert read(made).purpose_of_use == code


@pytest.mark.parametrize(
    "purpose",
    [{"code": "treat"}, {"code": ""}, {"code": "HMARKT"}, {"code": 1}, {"code": "TREAT", "system": VOLVEN + "9151"}],
)
def test_other_purposes_are_refused(purpose: dict[str, Any]) -> None:
    with pytest.raises(ClaimsError):
        read(with_("care_relation.purpose_of_use", purpose))


def test_a_service_or_a_detail_of_the_purpose_is_needed() -> None:
    made = attest()
    del made["care_relation"]["healthcare_service"]
    assert read(made).service is ServiceKind.NURSING_HOME
    made["care_relation"]["purpose_of_use_details"] = {"system": VOLVEN + "9151", "code": ""}
    with pytest.raises(ClaimsError):
        read(made)
    del made["care_relation"]["purpose_of_use_details"]
    with pytest.raises(ClaimsError):
        read(made)


@pytest.mark.parametrize("selected", [True, False])
def test_who_decided_is_kept(selected: bool) -> None:  # pytest gives it by name
    caller = read(with_("care_relation.decision_ref", {"id": "d-7", "user_selected": selected}))
    assert (caller.decision_ref, caller.user_selected) == ("d-7", selected)


@pytest.mark.parametrize("selected", ["true", 1, None, {}])
def test_who_decided_is_a_truth_value(selected: object) -> None:
    with pytest.raises(ClaimsError):
        read(with_("care_relation.decision_ref.user_selected", selected))


def test_both_names_of_the_care_relation_and_never_two_that_differ() -> None:
    both = attest()
    both["care_relationship"] = deepcopy(both["care_relation"])
    assert read(both) == read(attest())
    both["care_relationship"]["purpose_of_use"]["code"] = "BTG"
    with pytest.raises(ClaimsError):
        read(both)
    del both["care_relation"]
    assert read(both).purpose_of_use == "BTG"


def test_a_unit_may_be_the_legal_entity() -> None:
    made = with_("practitioner.point_of_care", {"id": "100100673"})
    assert read(made, **{names.ORGNR_CHILD: None}).organisation == "100100673"


@pytest.mark.parametrize(
    "path, value",
    [
        ("practitioner.identifier.id", OTHER),
        ("practitioner.legal_entity.id", "100100223"),
        ("practitioner.point_of_care.id", "100100088"),
        ("practitioner.hpr_nr.id", "900000003"),
        ("type", "helseid_authorization"),
    ],
)
def test_an_attest_of_another_person_or_business_is_refused(path: str, value: str) -> None:
    with pytest.raises(ClaimsError):
        read(with_(path, value))


def test_an_attest_is_bound_to_the_patients_it_names() -> None:
    named = read(attest(patients=[{"identifier": {"id": PID}}]))
    assert named.attests(PID)
    assert not named.attests(OTHER)
    assert read(attest()).attests(OTHER)


@pytest.mark.parametrize("patient", [{}, {"identifier": {}}, {"identifier": {"id": ""}}, {"identifier": None}])
def test_a_patient_without_an_identifier_does_not_open_every_record(patient: dict[str, Any]) -> None:
    with pytest.raises(ClaimsError):
        read(attest(patients=[patient]))
    with pytest.raises(ClaimsError):
        read(attest(patients=[{"identifier": {"id": PID}}, patient]))


async def test_an_attest_lasts_sixty_minutes_whatever_the_token_says(verifier: TokenVerifier, clock: Clock) -> None:
    token = sign(clinician(exp=ago(hours=-8), **{names.ATTEST: attest(attestation={"toa": ago(minutes=30)})}))
    clock.now = NOW + timedelta(minutes=29, seconds=59)
    await verify(verifier, token)
    clock.now = NOW + timedelta(minutes=30)
    assert await refusal(verifier, token) == "ATTEST_EXPIRED"
