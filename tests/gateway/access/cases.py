"""Turns a Case of the oracle into the policy's own arguments, and the decision back into words."""

from datetime import UTC, datetime, time, timedelta

from gateway.access.clients import FEEDS, RIGHTS, Client
from gateway.access.facts import AccessRule, BirthDate, Caller, CareRelation, Decision, PatientFacts
from gateway.access.policy import decide
from kjernejournal.common.v1 import common_pb2
from shared.codes.personnel import ServiceKind
from shared.errors import reason_name
from tests.gateway.access.oracle import Case

PATIENT = ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222")
OTHER = ("33333333-3333-4333-8333-333333333333",)
HPR = "900000001"
ENTITY, UNIT, SISTER, STRANGERS = "100100673", "100100088", "100100096", "100100223"
ANYTHING = Client(
    client_id="anything",
    organisation="100100010",
    feeds=list(FEEDS),
    rights=list(RIGHTS),
    source_systems=frozenset({"whatever there is"}),
)
"""A machine that is registered for whatever there is."""


def ask(case: Case) -> Decision:
    """Returns the policy's decision of this case."""
    return decide(caller(case), basis(case.basis), facts(case), _access(case), now(case))


def in_words(decision: Decision) -> tuple[str, dict[str, tuple[str, str]]]:
    """Returns the outcome, and decision and reason for each section."""
    sections = {
        common_pb2.Section.Name(section).removeprefix("SECTION_"): (
            common_pb2.SectionDecision.Name(verdict.decision).removeprefix("SECTION_DECISION_"),
            reason_name(verdict.reason),
        )
        for section, verdict in decision.sections.items()
    }
    return decision.outcome.name, sections


def caller(case: Case) -> Caller:
    kind = common_pb2.CallerKind.Value(f"CALLER_KIND_{case.kind}")
    if case.kind == "CLINICIAN":
        return Caller(
            kind=kind,
            hpr_number=HPR,
            role=case.role,
            authorisations=(case.role,) if case.authorised else ("XX",),
            service=ServiceKind[case.service],
            security_level=case.level,
        )
    refs = PATIENT[1:] if case.is_self else OTHER
    client = ANYTHING if case.kind == "SYSTEM" and case.registered else None
    return Caller(
        kind=kind,
        refs=refs if case.kind == "CITIZEN" else (),
        security_level=case.level,
        client=client,
        legal_entity=ENTITY,
        organisation=UNIT if case.of_unit else ENTITY,
    )


def facts(case: Case) -> PatientFacts | None:
    if case.record == "none":
        return None
    return PatientFacts(
        refs=PATIENT,
        reservation=case.record == "reserved",
        blocked_hpr_numbers=frozenset({HPR} if case.blocked else ()) | frozenset({"5"} if case.others_blocked else ()),
        restricted_sections=frozenset(common_pb2.Section.Value(f"SECTION_{name}") for name in case.restricted),
        single_entries_restricted=frozenset(
            common_pb2.Section.Value(f"SECTION_{name}") for name in case.single_entries
        ),
        birth_date=_birth_date(case),
        guardians=frozenset(OTHER if case.is_guardian else ()),
        appointed=frozenset(OTHER if case.is_verge else ()),
        proxies={OTHER[0]: case.areas},
        gp_hpr_numbers=frozenset({HPR, "6"} if case.is_gp else {"6"}),
        address_protection=case.protected,
        portal_reservation=case.no_portal,
        deceased=case.deceased,
        care_relations=_care_relations(case),
    )


def _care_relations(case: Case) -> frozenset[CareRelation]:
    at, later = now(case), now(case) + timedelta(seconds=1)
    strangers = CareRelation(STRANGERS, STRANGERS, later)
    own = {
        "own": CareRelation(ENTITY, UNIT, later),
        "sister unit": CareRelation(ENTITY, SISTER, later),
        "ended": CareRelation(ENTITY, UNIT, at),
        "strangers": CareRelation(STRANGERS, UNIT, later),
    }
    return frozenset({strangers, own.get(case.relation, strangers)})


def _birth_date(case: Case) -> BirthDate | None:
    if case.born is None:
        return None
    month = case.born.month if case.month_known else 0
    return BirthDate.known_in_part(case.born.year, month, case.born.day if case.day_known else 0)


def _sections(names: frozenset[str]) -> frozenset[common_pb2.Section.ValueType]:
    return frozenset(common_pb2.Section.Value(f"SECTION_{name}") for name in names)


def _access(case: Case) -> AccessRule:
    return AccessRule(
        action=common_pb2.Action.Value(f"ACTION_{case.action}"),
        section=common_pb2.Section.Value(f"SECTION_{case.section}"),
        callers=frozenset(common_pb2.CallerKind.Value(f"CALLER_KIND_{kind}") for kind in case.open_to),
        audit=common_pb2.AUDIT_LEVEL_NONE if case.status_only else common_pb2.AUDIT_LEVEL_FULL,
        changes_only=case.follows,
        machine_right=common_pb2.MACHINE_RIGHT_INDICATOR,
    )


def basis(name: str) -> common_pb2.AccessBasis.ValueType:
    return common_pb2.AccessBasis.Value(f"ACCESS_BASIS_{name}")


def now(case: Case) -> datetime:
    return datetime.combine(case.today, time(13, 30), UTC)
