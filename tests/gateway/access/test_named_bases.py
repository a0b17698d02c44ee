"""A refusal for the basis names bases, and whoever follows its advice is let in, whatever the rpc, role and patient."""

import itertools
from dataclasses import replace

import pytest

from gateway import contract
from gateway.access import rules
from gateway.access.facts import BasisValue, Caller, Decision, PatientFacts
from gateway.access.hiding import decide_hiding
from gateway.access.policy import decide
from gateway.contract import Method
from kjernejournal.common.v1 import common_pb2
from services.patients import privacy
from shared.codes.personnel import PERSONNEL, ServiceKind
from shared.errors import Denied, reason_name
from shared.register.sections import RESTRICTABLE, SUMMARY_SECTIONS
from tests.gateway.access import cases
from tests.gateway.access.oracle import Case

RPCS = {
    (method.rule.action, method.rule.section): method
    for method in contract.methods().values()
    if common_pb2.CALLER_KIND_CLINICIAN in method.rule.callers
    and method.rule.section != common_pb2.SECTION_ACCESS_LOG
    and not method.rule.status_only
}
"""Every rpc of personnel: those with one action and section are one to the policy."""
BASES = common_pb2.AccessBasis.values()
FOR_THE_BASIS = {"BASIS_MISSING", "BASIS_REFUSED", "ELEVATED_BASIS_NOT_NEEDED"}
PATIENTS = {
    "nothing is closed": frozenset[str](),
    "everything is restricted": frozenset(common_pb2.Section.Name(each)[8:] for each in RESTRICTABLE),
}


def facts(closed: str) -> PatientFacts:
    found = cases.facts(Case("CLINICIAN", "", restricted=PATIENTS[closed], others_blocked=False, is_gp=True))
    assert found is not None
    return found


def person(role: str, service: ServiceKind) -> Caller:
    return cases.caller(Case("CLINICIAN", "", role=role, service=service.name))


def told(refusal: Denied) -> list[BasisValue]:
    """Returns the bases that a refusal names."""
    return [common_pb2.AccessBasis.Value(f"ACCESS_BASIS_{name}") for name in refusal.details["bases"].split(",")]


def asked(method: Method, caller: Caller, basis: BasisValue, patient: PatientFacts, *, hides: bool) -> Decision:
    policy = decide_hiding if hides else decide
    return policy(caller, basis, patient, method.rule, cases.now(Case("CLINICIAN", "")), sections=SUMMARY_SECTIONS)


@pytest.mark.parametrize("closed", PATIENTS)
@pytest.mark.parametrize("hides", [False, True], ids=["shown", "hidden"])
@pytest.mark.parametrize("method", RPCS.values(), ids=lambda method: method.path.rpartition("/")[2])
def test_following_a_refusal_for_the_basis_never_ends_in_another(method: Method, closed: str, hides: bool) -> None:
    patient = facts(closed)
    for role, service, basis in itertools.product(PERSONNEL, ServiceKind, BASES):
        caller = person(role, service)
        refusal = asked(method, caller, basis, patient, hides=hides).refusal()
        if refusal is None or reason_name(refusal.reason) not in FOR_THE_BASIS:
            continue
        assert isinstance(refusal, Denied)
        named = told(refusal)
        assert named, (role, service, basis)
        for next_basis in named:
            second = asked(method, caller, next_basis, patient, hides=hides).refusal()
            if second is None:
                continue
            if method.rule.section == common_pb2.SECTION_PRIVACY:
                # Which one depends on what the change does; that there is nothing to loosen is known already.
                assert len(named) > 1, (role, service, basis)
                continue
            assert reason_name(second.reason) == "SECTION_RESTRICTED", (role, service, basis, next_basis)
            assert isinstance(second, Denied)
            for opening in told(second):
                assert asked(method, caller, opening, patient, hides=hides).permitted, (role, service, opening)


@pytest.mark.parametrize("loosens", [False, True])
@pytest.mark.parametrize("role", PERSONNEL)
def test_a_change_of_settings_is_let_in_on_a_named_basis_or_refused_for_the_role(role: str, loosens: bool) -> None:
    [method] = [each for each in contract.methods().values() if each.path.endswith("/UnblockPersonnel")]
    patient = replace(facts("nothing is closed"), blocked_hpr_numbers=frozenset({"5"}))
    may = role in {"LE", "SP"} or not loosens
    for service, basis in itertools.product(ServiceKind, BASES):
        tried: list[BasisValue] = []
        left = [basis]
        ends = set[str]()
        while left:
            tried.append(left.pop())
            refusal = changing(method, person(role, service), tried[-1], patient, loosens=loosens)
            ends.add(reason_name(refusal.reason) if refusal else "permitted")
            named = told(refusal) if refusal and "bases" in refusal.details else []
            assert basis in tried[:1]
            assert not refusal or named or reason_name(refusal.reason) == "ROLE_REFUSED"
            left.extend(each for each in named if each not in tried and each not in left)
        assert ("permitted" if may else "ROLE_REFUSED") in ends, (role, service, basis)
        assert ("permitted" in ends) is may, (role, service, basis)


def changing(
    method: Method, caller: Caller, basis: BasisValue, patient: PatientFacts, *, loosens: bool
) -> Denied | None:
    """Returns the refusal of a change of settings: the front door's, else that of the patients service."""
    refusal = asked(method, caller, basis, patient, hides=False).refusal()
    if refusal is not None:
        assert isinstance(refusal, Denied)
        return refusal
    asking = common_pb2.CallerContext(kind=common_pb2.CALLER_KIND_CLINICIAN, basis=basis)
    asking.practitioner.role.code = caller.role
    try:
        privacy.check_may_loosen(asking, loosens=loosens)
    except Denied as denied:
        return denied
    return None


def test_who_may_loosen_is_the_same_in_the_front_door_and_in_the_patients_service() -> None:
    loosening = {
        role
        for role, service in itertools.product(PERSONNEL, ServiceKind)
        if rules.find(role, service, rules.FORHOYET_SAMTYKKE, common_pb2.ACTION_WRITE, common_pb2.SECTION_PRIVACY)
    }
    assert loosening == privacy.MAY_LOOSEN
