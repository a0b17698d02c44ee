"""The policy against an oracle of its own: the whole space of inputs, thinned along what does not interact."""

import itertools
import os
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access.facts import Outcome
from shared.errors import reason_name
from tests.gateway.access.cases import ask, in_words
from tests.gateway.access.oracle import CLINICAL, Case, bases, expected

BASES = ["UNSPECIFIED", "SAMTYKKE", "AKUTT", "UNNTAK", "FORHOYET_SAMTYKKE", "FORHOYET_AKUTT"]
SERVICES = ["GP", "HOSPITAL", "EMERGENCY", "KAD", "HOME_CARE", "NURSING_HOME", "PHARMACY", "ALLOCATION_OFFICE", "OTHER"]
ROLES = ["LE", "SP", "VP", "PS", "FA1", "FA2", "HF", "VE", "XX", ""]
SECTIONS = ["CRITICAL_INFO", "MEDICATIONS", "OWN_REGISTRATIONS", "PATIENT", "PRIVACY", "ACCESS_LOG", "SUMMARY"]
RELATIONS = ["none", "own", "sister unit", "ended", "strangers"]
KINDS = ["CLINICIAN", "CITIZEN", "SYSTEM", "AUDITOR"]
BOTH = [False, True]
FOR_THE_BASIS = {"BASIS_MISSING", "BASIS_REFUSED", "ELEVATED_BASIS_NOT_NEEDED", "SECTION_RESTRICTED"}
TODAY = date(2026, 11, 22)
LONG = bool(os.environ.get("KJ_LONG"))
EXAMPLES = 100_000 if LONG else 1000
EACH = 1 if LONG else 11
"""Of the largest products one case in so many is compared: a number that divides none of their factors' sizes, so that
every value meets every other."""


def compare(case: Case) -> None:
    decision = ask(case)
    assert in_words(decision) == expected(case), case
    refusal = decision.refusal()
    assert decision.permitted is (refusal is None)
    reason = reason_name(refusal.reason) if refusal else ""
    if refusal is not None and reason in FOR_THE_BASIS and decision.outcome is not Outcome.EXISTS:
        named = refusal.details.get("bases", "")
        assert set(named.split(",") if named else ()) == (
            bases(case, case.section, reason) if case.kind == "CLINICIAN" else set()
        )


@pytest.mark.parametrize("role", ROLES)
def test_personnel(role: str) -> None:
    restrictions = [frozenset(), frozenset({"CRITICAL_INFO", "OWN_REGISTRATIONS", "PRIVACY"}), frozenset(CLINICAL)]
    every = itertools.product(SERVICES, BASES, SECTIONS, ["READ", "WRITE"], BOTH, BOTH, restrictions)
    for service, basis, section, action, blocked, is_gp, restricted in itertools.islice(every, 0, None, EACH):
        compare(
            Case(
                kind="CLINICIAN",
                role=role,
                service=service,
                basis=basis,
                section=section,
                action=action,
                blocked=blocked,
                is_gp=is_gp,
                restricted=restricted,
            )
        )


def test_citizens() -> None:
    birthdays = [
        None,
        TODAY,
        date(2014, 11, 23),  # 12 tomorrow
        date(2014, 11, 22),  # 12 today
        date(2010, 11, 23),  # 16 tomorrow
        date(2010, 11, 22),  # 16 today
        date(2008, 11, 23),  # 18 tomorrow
        date(2008, 11, 22),  # 18 today
        date(2009, 12, 1),  # 16 whatever the month
        date(1950, 1, 1),
    ]
    roles = [
        (is_self, guardian, verge, areas)
        for is_self in BOTH
        for guardian in BOTH
        for verge in BOTH
        for areas in [frozenset(), frozenset({1}), frozenset({3}), frozenset({1, 3}), frozenset({2})]
    ]
    every = itertools.product(
        birthdays,
        [(True, True), (True, False), (False, False)],
        roles,
        [*SECTIONS, "VISITS"],
        ["READ", "WRITE", "ADMIN"],
        BOTH,
        [(False, False), (True, False), (False, True)],
    )
    for born, known, acting, section, action, protected, (deceased, no_portal) in itertools.islice(
        every, 0, None, EACH
    ):
        is_self, guardian, verge, areas = acting
        compare(
            Case(
                kind="CITIZEN",
                section=section,
                action=action,
                born=born,
                month_known=known[0],
                day_known=known[1],
                is_self=is_self,
                is_guardian=guardian,
                is_verge=verge,
                areas=areas,
                protected=protected,
                deceased=deceased,
                no_portal=no_portal,
                restricted=frozenset({"CRITICAL_INFO"}),
            )
        )


def test_followers() -> None:
    kept = [frozenset(), frozenset({"LABS"})]
    for relation, of_unit, blocked, restricted, entries, record, basis, section, kind in itertools.product(
        RELATIONS,
        BOTH,
        BOTH,
        kept,
        kept,
        ["there", "none", "reserved"],
        ["UNSPECIFIED", "SAMTYKKE"],
        ["SUMMARY", "LABS"],
        ["SYSTEM", "CLINICIAN"],
    ):
        compare(
            Case(
                kind=kind,
                section=section,
                basis=basis,
                follows=True,
                relation=relation,
                of_unit=of_unit,
                others_blocked=blocked,
                restricted=restricted,
                single_entries=entries,
                record=record,
            )
        )


def test_every_kind_against_every_kind_of_rpc() -> None:
    every_section = [*CLINICAL, "PRIVACY", "ACCESS_LOG", "SUMMARY", "UNSPECIFIED"]
    for kind, section, action, level, record, basis, status_only, opened in itertools.product(
        KINDS,
        every_section,
        ["READ", "WRITE", "ADMIN", "INTERNAL", "UNSPECIFIED"],
        [0, 3, 4],
        ["there", "none", "reserved"],
        ["UNSPECIFIED", "SAMTYKKE"],
        BOTH,
        [frozenset(KINDS), frozenset()],
    ):
        case = Case(kind=kind, section=section, action=action, level=level, record=record, basis=basis)
        compare(replace(case, status_only=status_only, open_to=opened, is_self=True))


CASES = st.builds(
    Case,
    kind=st.sampled_from(KINDS),
    section=st.sampled_from([*CLINICAL, "PRIVACY", "ACCESS_LOG", "SUMMARY"]),
    action=st.sampled_from(["READ", "WRITE", "ADMIN"]),
    basis=st.sampled_from(BASES),
    level=st.sampled_from([4, 4, 4, 3]),
    open_to=st.sampled_from([frozenset(KINDS), frozenset(KINDS), frozenset({"CLINICIAN", "SYSTEM"})]),
    status_only=st.sampled_from([False, False, True]),
    follows=st.sampled_from([False, False, True]),
    relation=st.sampled_from(RELATIONS),
    of_unit=st.booleans(),
    role=st.sampled_from(ROLES),
    authorised=st.sampled_from([True, True, False]),
    service=st.sampled_from(SERVICES),
    is_gp=st.booleans(),
    blocked=st.booleans(),
    others_blocked=st.booleans(),
    record=st.sampled_from(["there", "there", "there", "reserved", "none"]),
    restricted=st.frozensets(st.sampled_from([*CLINICAL, "PRIVACY", "ACCESS_LOG"])),
    single_entries=st.frozensets(st.sampled_from([*CLINICAL, "ACCESS_LOG"])),
    born=st.none() | st.dates(date(2008, 1, 1), TODAY + timedelta(days=3)) | st.dates(date(1920, 1, 1), TODAY),
    deceased=st.sampled_from([False, False, True]),
    protected=st.booleans(),
    no_portal=st.sampled_from([False, False, True]),
    is_self=st.booleans(),
    is_guardian=st.booleans(),
    is_verge=st.booleans(),
    month_known=st.sampled_from([True, True, False]),
    day_known=st.sampled_from([True, True, False]),
    areas=st.frozensets(st.sampled_from([1, 2, 3])),
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(CASES)
def test_anything_at_all(case: Case) -> None:
    compare(case)


@settings(max_examples=EXAMPLES // 3, deadline=None)
@given(CASES.map(lambda case: replace(case, kind="CLINICIAN", blocked=True)))
def test_a_blocked_person_gets_nothing_on_any_ground(case: Case) -> None:
    assert not ask(case).permitted
    assert {decision for decision, _ in in_words(ask(case))[1].values()} == {"DENY"}


@settings(max_examples=EXAMPLES // 3, deadline=None)
@given(
    CASES.map(lambda case: replace(case, kind="CLINICIAN", service="GP", status_only=False)),
    st.sampled_from(["UNSPECIFIED", "UNNTAK"]),
)
def test_a_block_and_no_relation_look_the_same_in_general_practice(case: Case, basis: str) -> None:
    blocked = replace(case, basis=basis, blocked=True, is_gp=True)
    unrelated = replace(case, basis=basis, blocked=False, is_gp=False)
    told = [ask(each).refusal() for each in (blocked, unrelated)]
    assert told[0] is not None
    assert told[1] is not None
    assert told[0].status() == told[1].status()


def test_the_comparison_can_fail() -> None:
    case = Case(kind="CLINICIAN", section="CRITICAL_INFO", basis="AKUTT")
    with pytest.raises(AssertionError):
        assert in_words(ask(case)) == expected(replace(case, blocked=True))
