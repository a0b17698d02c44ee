"""Whose changes a system may follow: for every kind of caller and everything that a patient can keep back."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway import contract
from gateway.access.facts import Caller, CareRelation, Outcome, PatientFacts
from gateway.access.policy import decide, decide_without_patient
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1 import error_reason_pb2 as reasons
from tests.gateway.access.cases import ANYTHING, ENTITY, UNIT

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
WATCH = contract.methods()["/kjernejournal.changes.v1.ChangesService/WatchChanges"].rule
SYSTEM = Caller(
    common_pb2.CALLER_KIND_SYSTEM,
    source_system="Hjemmetjenesten",
    client=ANYTHING,
    legal_entity=ENTITY,
    organisation=ENTITY,
)
TREATED = CareRelation(ENTITY, UNIT, NOW + timedelta(days=1))
NO_BASIS = common_pb2.ACCESS_BASIS_UNSPECIFIED
LABS = common_pb2.SECTION_LABS

LEFT_OUT: dict[str, tuple[dict[str, Any], Outcome]] = {
    "reservation": ({"reservation": True}, Outcome.NOT_FOUND),
    "block of anybody": ({"blocked_hpr_numbers": frozenset({"9144900"})}, Outcome.DENY),
    "restricted section": ({"restricted_sections": frozenset({LABS})}, Outcome.DENY),
    "no care relation": ({"care_relations": frozenset()}, Outcome.DENY),
    "single entries": ({"single_entries_restricted": frozenset({LABS})}, Outcome.DENY),
}
FOLLOWED: dict[str, dict[str, Any]] = {
    "nothing kept back": {},
    "reservation against the portal alone": {"portal_reservation": True},
    "protected address": {"address_protection": True},
    "dead": {"deceased": True},
}


def facts(**kept: Any) -> PatientFacts:
    return PatientFacts(refs=("r",), **{"care_relations": frozenset({TREATED}), **kept})


@pytest.mark.parametrize("why", LEFT_OUT)
def test_who_keeps_something_back_is_not_followed(why: str) -> None:
    kept, outcome = LEFT_OUT[why]
    decision = decide(SYSTEM, NO_BASIS, facts(**kept), WATCH, NOW)
    assert decision.outcome is outcome
    assert not any(each.decision == common_pb2.SECTION_DECISION_PERMIT for each in decision.sections.values())


@pytest.mark.parametrize("who", FOLLOWED)
def test_everybody_else_is(who: str) -> None:
    assert decide(SYSTEM, NO_BASIS, facts(**FOLLOWED[who]), WATCH, NOW).permitted


def test_a_care_relation_is_followed_until_the_moment_in_which_it_ends() -> None:
    for moment, followed in ((TREATED.until - timedelta.resolution, True), (TREATED.until, False)):
        assert decide(SYSTEM, NO_BASIS, facts(), WATCH, moment).permitted is followed


def test_without_a_record_there_is_nothing_to_follow() -> None:
    assert decide(SYSTEM, NO_BASIS, None, WATCH, NOW).outcome is Outcome.NOT_FOUND


@pytest.mark.parametrize("kind", sorted(set(common_pb2.CallerKind.values()) - {common_pb2.CALLER_KIND_SYSTEM}))
def test_nobody_but_systems_follows(kind: common_pb2.CallerKind.ValueType) -> None:
    caller = Caller(kind, security_level=4, hpr_number="9144900", role="LE", authorisations=("LE",))
    for decision in (decide(caller, NO_BASIS, facts(), WATCH, NOW), decide_without_patient(caller, NO_BASIS, WATCH)):
        assert not decision.permitted
        assert decision.reason == reasons.ERROR_REASON_CALLER_KIND_REFUSED


def test_systems_still_read_nothing() -> None:
    """Only an rpc whose option says that it reports changes alone is open to them."""
    open_to_systems = {
        path.rpartition("/")[2]
        for path, method in contract.methods().items()
        if method.rule.action == common_pb2.ACTION_READ
        and common_pb2.CALLER_KIND_SYSTEM in method.rule.callers
        and decide(SYSTEM, NO_BASIS, facts(), method.rule, NOW).permitted
    }
    assert open_to_systems - {"GetIndicator", "GetCriticalInfoStatus"} == {"WatchChanges"}
    assert {path.rpartition("/")[2] for path, each in contract.methods().items() if each.rule.changes_only} == {
        "WatchChanges"
    }
