"""The table of access rules: each row has a source, no two speak of one case, and each rpc says what it needs."""

import json
from collections.abc import Iterable

import pytest

from gateway.access import rules
from gateway.access.facts import AccessRule
from gateway.access.rules import RULES, Part, Relation
from kjernejournal.common.v1 import common_pb2
from shared.codes.personnel import PERSONNEL, ServiceKind, service_kind
from shared.codes.systems import VOLVEN
from shared.register.sections import CLINICAL, SUMMARY_SECTIONS

UNNTAK = common_pb2.ACCESS_BASIS_UNNTAK


def test_every_row_names_its_source_and_is_named_once() -> None:
    assert all(rule.source for rule in RULES)
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_rows_hold_known_roles_and_real_actions_alone() -> None:
    for rule in RULES:
        assert set(rule.roles) <= set(PERSONNEL)
        assert set(rule.actions) <= {common_pb2.ACTION_READ, common_pb2.ACTION_WRITE}
        assert common_pb2.ACCESS_BASIS_UNSPECIFIED not in rule.bases


def test_unntak_is_for_those_who_are_exempt_from_consent_alone() -> None:
    municipal = {ServiceKind.HOME_CARE, ServiceKind.NURSING_HOME}
    for rule in RULES:
        if UNNTAK in rule.bases:
            allowed = {"LE", "SP"}
            if set(rule.services) <= municipal:
                allowed = {"LE", "SP", "VP"}
            if set(rule.services) == {ServiceKind.PHARMACY}:
                allowed = {"FA1", "FA2"}
                assert rule.sections == (common_pb2.SECTION_MEDICATIONS,)
            assert set(rule.roles) <= allowed
            assert ServiceKind.OTHER not in rule.services
            assert ServiceKind.ALLOCATION_OFFICE not in rule.services
            assert (ServiceKind.GP in rule.services) is (rule.relation is Relation.GP)


def test_two_rows_may_not_speak_of_one_case() -> None:
    with pytest.raises(ValueError, match="same case"):
        rules._index((*RULES, RULES[0]))


def test_the_version_follows_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    before = rules._digest()
    assert before in rules.POLICY_VERSION
    monkeypatch.setattr(rules, "RULES", RULES[1:])
    assert rules._digest() != before
    monkeypatch.setattr(rules, "RULES", RULES)
    monkeypatch.setattr(rules, "CLINICAL", CLINICAL - {common_pb2.SECTION_LABS})
    assert rules._digest() != before


def test_the_summary_is_clinical_throughout() -> None:
    for section in SUMMARY_SECTIONS:
        assert rules.part_of(section, common_pb2.ACTION_READ) is Part.CLINICAL


def test_no_row_speaks_of_the_access_log() -> None:
    assert rules.part_of(common_pb2.SECTION_ACCESS_LOG, common_pb2.ACTION_READ) is None
    assert rules.part_of(common_pb2.SECTION_UNSPECIFIED, common_pb2.ACTION_READ) is None


@pytest.mark.parametrize(
    "service, detail, kind",
    [
        (("8663", "KA01"), None, ServiceKind.GP),
        (("8663", "KA02"), None, ServiceKind.EMERGENCY),
        (("8663", "KX05"), None, ServiceKind.KAD),
        (("8663", "KP01"), None, ServiceKind.NURSING_HOME),
        (("8663", "KP02"), None, ServiceKind.HOME_CARE),
        (("8663", "KP02"), ("9151", "15"), ServiceKind.HOME_CARE),
        (("8663", "KP02"), ("9151", "21"), ServiceKind.NURSING_HOME),
        (("8663", "KP01"), ("9151", "15"), ServiceKind.HOME_CARE),
        (("8663", "KP02"), ("9999", "21"), ServiceKind.HOME_CARE),
        (("8663", "KA02"), ("9151", "21"), ServiceKind.EMERGENCY),
        (("8663", "KD0501"), None, ServiceKind.ALLOCATION_OFFICE),
        (("8663", "KF01"), None, ServiceKind.OTHER),
        (("8653", "6"), None, ServiceKind.EMERGENCY),
        (("8653", "9"), None, ServiceKind.EMERGENCY),
        (("8653", "1"), None, ServiceKind.OTHER),
        (("8664", "PA"), None, ServiceKind.PHARMACY),
        (("8655", "S03"), None, ServiceKind.HOSPITAL),
        (("8655", "S030601"), None, ServiceKind.HOSPITAL),
        (("8655", "PV04"), None, ServiceKind.HOSPITAL),
        (("8655", "R08"), None, ServiceKind.HOSPITAL),
        (("8655", "S01"), None, ServiceKind.OTHER),
        (("8655", "A03"), None, ServiceKind.OTHER),
        (("8655", "S17"), None, ServiceKind.OTHER),
        (("8655", "S03x"), None, ServiceKind.OTHER),
        (("", ""), ("9151", "21"), ServiceKind.NURSING_HOME),
        (("", ""), None, ServiceKind.OTHER),
    ],
)
def test_the_kind_of_a_service(service: tuple[str, str], detail: tuple[str, str] | None, kind: ServiceKind) -> None:
    system = VOLVEN + service[0] if service[0] else ""
    detail_system, detail_code = (VOLVEN + detail[0], detail[1]) if detail else ("", "")
    assert service_kind(system, service[1], detail_system, detail_code) is kind


def test_a_service_of_another_code_system_is_unknown() -> None:
    assert service_kind("8663", "KA01") is ServiceKind.OTHER
    assert service_kind("urn:oid:9.9.8663", "KA01") is ServiceKind.OTHER


def methods() -> Iterable[tuple[str, AccessRule]]:
    from kjernejournal.audit.v1 import audit_pb2
    from kjernejournal.critical_info.v1 import critical_info_pb2
    from kjernejournal.patients.v1 import patients_pb2
    from kjernejournal.visits.v1 import visits_pb2

    for module in (audit_pb2, critical_info_pb2, patients_pb2, visits_pb2):
        for service in module.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                yield method.name, AccessRule.from_option(method.GetOptions().Extensions[common_pb2.access])


def test_access_options_are_read_from_the_descriptors() -> None:
    found = dict(methods())
    status = found["GetCriticalInfoStatus"]
    assert status.status_only
    assert status.section == common_pb2.SECTION_CRITICAL_INFO
    assert found["ListVisits"].longest_stream is None
    assert found["ResolvePatients"].multi_patient
    assert common_pb2.CALLER_KIND_SYSTEM in found["RecordVisit"].callers


def test_a_method_without_the_option_is_refused() -> None:
    from grpc_health.v1 import health_pb2

    with pytest.raises(ValueError, match="no access option"):
        # The stubs of this package name the C class.
        AccessRule.from_method(health_pb2.DESCRIPTOR.services_by_name["Health"].methods[0])  # type: ignore[arg-type]  # upb types


def test_personnel_are_the_published_categories() -> None:
    assert json.dumps(PERSONNEL)
    assert not {"VE", "FB", "XX", "MT"} & set(PERSONNEL)
    assert {"LE", "SP", "VP", "PS", "FA1", "FA2"} <= set(PERSONNEL)
