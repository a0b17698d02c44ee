"""Who may call each rpc of laboratory answers, vaccinations and own registrations: the contract's options against a
table of our own, and the policy on them against the oracle."""

import itertools
from dataclasses import replace
from datetime import date

import pytest

from gateway import contract
from gateway.access.policy import decide
from kjernejournal.common.v1 import common_pb2
from tests.gateway.access import cases
from tests.gateway.access.cases import in_words
from tests.gateway.access.oracle import Case, expected
from tests.gateway.access.test_policy_space import BASES, ROLES, SERVICES

PEOPLE = frozenset({"CLINICIAN", "CITIZEN"})
FEED = frozenset({"SYSTEM"})
PERSONNEL = frozenset({"CLINICIAN"})
NOBODY: frozenset[str] = frozenset()

RPCS = {
    "LabsService/ListLabReports": ("READ", "LABS", PEOPLE),
    "LabsService/ListLabResults": ("READ", "LABS", PEOPLE),
    "LabsService/ListLabReportVersions": ("READ", "LABS", PEOPLE),
    "LabsService/RecordLabReport": ("WRITE", "LABS", FEED),
    "LabsService/ReleaseLabReport": ("WRITE", "LABS", PERSONNEL),
    "LabsService/ListHiddenEntries": ("INTERNAL", "LABS", NOBODY),
    "LabsService/BatchGetSections": ("INTERNAL", "LABS", NOBODY),
    "LabsService/BulkImport": ("WRITE", "LABS", FEED),
    "VaccinationsService/ListVaccinations": ("READ", "VACCINATIONS", PEOPLE),
    "VaccinationsService/RecordVaccination": ("WRITE", "VACCINATIONS", FEED),
    "VaccinationsService/BatchGetSections": ("INTERNAL", "VACCINATIONS", NOBODY),
    "VaccinationsService/BulkImport": ("WRITE", "VACCINATIONS", FEED),
    "OwnRegistrationsService/ListOwnRegistrations": ("READ", "OWN_REGISTRATIONS", PEOPLE),
    "OwnRegistrationsService/SaveOwnRegistration": ("WRITE", "OWN_REGISTRATIONS", PEOPLE),
    "OwnRegistrationsService/DeleteOwnRegistration": ("WRITE", "OWN_REGISTRATIONS", PEOPLE),
    "OwnRegistrationsService/BatchGetSections": ("INTERNAL", "OWN_REGISTRATIONS", NOBODY),
    "OwnRegistrationsService/BulkImport": ("WRITE", "OWN_REGISTRATIONS", FEED),
}
METHODS = {path.split(".")[-1]: method for path, method in contract.methods().items()}
EVERY = pytest.mark.parametrize("rpc", list(RPCS))


def test_the_table_holds_every_rpc_of_the_three() -> None:
    services = {name.split("/")[0] for name in RPCS}
    assert {name for name in METHODS if name.split("/")[0] in services} == set(RPCS)


@EVERY
def test_the_contract_says_what_the_table_says(rpc: str) -> None:
    rule = METHODS[rpc].rule
    kinds = frozenset(common_pb2.CallerKind.Name(kind).removeprefix("CALLER_KIND_") for kind in rule.callers)
    action = common_pb2.Action.Name(rule.action).removeprefix("ACTION_")
    section = common_pb2.Section.Name(rule.section).removeprefix("SECTION_")
    assert (action, section, kinds) == RPCS[rpc]
    assert rule.audit == common_pb2.AUDIT_LEVEL_FULL


@EVERY
def test_personnel(rpc: str) -> None:
    for role, service, basis, blocked, restricted, is_gp in itertools.product(
        ROLES, SERVICES, BASES, [False, True], [False, True], [False, True]
    ):
        case = Case(kind="CLINICIAN", section="", role=role, service=service, basis=basis, blocked=blocked, is_gp=is_gp)
        _compare(rpc, case, restricted=restricted)


@EVERY
def test_citizens_feeds_and_auditors(rpc: str) -> None:
    birthdays = [None, date(2016, 1, 1), date(2012, 1, 1), date(1980, 1, 1)]
    areas = [frozenset[int](), frozenset({1}), frozenset({3}), frozenset({1, 3})]
    for kind, born, granted, is_self, guardian, basis, record in itertools.product(
        ["CITIZEN", "SYSTEM", "AUDITOR"],
        birthdays,
        areas,
        [False, True],
        [False, True],
        ["UNSPECIFIED", "SAMTYKKE"],
        ["there", "none", "reserved"],
    ):
        case = Case(kind=kind, section="", born=born, areas=granted, is_self=is_self, is_guardian=guardian)
        _compare(rpc, replace(case, basis=basis, record=record), restricted=True)


WHO_WRITES_OWN_REGISTRATIONS = [
    (Case("CITIZEN", "", is_self=True), "PERMIT"),
    (Case("CITIZEN", "", areas=frozenset({3})), "PERMIT"),
    (Case("CITIZEN", "", areas=frozenset({1})), "DENY"),
    (Case("CITIZEN", "", is_guardian=True, born=date(2016, 1, 1)), "PERMIT"),
    (Case("CITIZEN", "", is_guardian=True, born=date(2012, 1, 1)), "DENY"),
    (Case("CITIZEN", ""), "DENY"),
    # Personnel at the patient's request, whatever their role: consent, and nothing else.
    (Case("CLINICIAN", "", role="HF", service="HOME_CARE", basis="SAMTYKKE"), "PERMIT"),
    *[(Case("CLINICIAN", "", basis=basis), "DENY") for basis in ("UNSPECIFIED", "AKUTT", "UNNTAK", "FORHOYET_AKUTT")],
    (Case("CLINICIAN", "", basis="SAMTYKKE", blocked=True), "DENY"),
    (Case("SYSTEM", ""), "DENY"),
    (Case("AUDITOR", ""), "DENY"),
]


@pytest.mark.parametrize("rpc", ["SaveOwnRegistration", "DeleteOwnRegistration"])
@pytest.mark.parametrize("case, outcome", WHO_WRITES_OWN_REGISTRATIONS)
def test_own_registrations_are_written_by_the_patient_or_at_the_patients_request(
    rpc: str, case: Case, outcome: str
) -> None:
    assert _asked(f"OwnRegistrationsService/{rpc}", case)[0] == outcome


def _compare(rpc: str, case: Case, *, restricted: bool) -> None:
    action, section, kinds = RPCS[rpc]
    hidden = frozenset({section}) if restricted else frozenset[str]()
    whole = replace(case, action=action, section=section, open_to=kinds, restricted=hidden)
    assert _asked(rpc, whole) == expected(whole), (rpc, whole)


def _asked(rpc: str, case: Case) -> tuple[str, dict[str, tuple[str, str]]]:
    """Returns the policy's answer on the rpc's own option."""
    decision = decide(
        cases.caller(case), cases.basis(case.basis), cases.facts(case), METHODS[rpc].rule, cases.now(case)
    )
    return in_words(decision)
