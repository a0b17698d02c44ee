"""What the policy says, one line a scenario, in the words of its readers. The whole space is in test_policy_space."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.access.facts import AccessRule, BirthDate, Caller, Decision, Outcome, PatientFacts
from gateway.access.policy import decide, decide_without_patient
from gateway.access.rules import POLICY_VERSION
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1 import error_reason_pb2 as reasons
from shared.codes.personnel import ServiceKind
from shared.errors import Denied, NotFound, NotSupported, reason_name
from tests.gateway.access.cases import ANYTHING, HPR, OTHER, PATIENT, ask, in_words
from tests.gateway.access.oracle import Case

WHO = {
    "GP of the patient": Case("CLINICIAN", "", role="LE", service="GP", is_gp=True),
    "another GP": Case("CLINICIAN", "", role="LE", service="GP"),
    "nurse in the GP's office": Case("CLINICIAN", "", role="SP", service="GP", is_gp=True),
    "hospital doctor": Case("CLINICIAN", "", role="LE", service="HOSPITAL"),
    "hospital nurse": Case("CLINICIAN", "", role="SP", service="HOSPITAL"),
    "hospital physio": Case("CLINICIAN", "", role="FT", service="HOSPITAL"),
    "legevakt nurse": Case("CLINICIAN", "", role="SP", service="EMERGENCY"),
    "paramedic": Case("CLINICIAN", "", role="PM", service="EMERGENCY"),
    "KAD doctor": Case("CLINICIAN", "", role="LE", service="KAD"),
    "home care nurse": Case("CLINICIAN", "", role="SP", service="HOME_CARE"),
    "home care vernepleier": Case("CLINICIAN", "", role="VP", service="HOME_CARE"),
    "hospital vernepleier": Case("CLINICIAN", "", role="VP", service="HOSPITAL"),
    "nursing home doctor": Case("CLINICIAN", "", role="LE", service="NURSING_HOME"),
    "nursing home pharmacist": Case("CLINICIAN", "", role="FA1", service="NURSING_HOME"),
    "pharmacist in a pharmacy": Case("CLINICIAN", "", role="FA2", service="PHARMACY"),
    "case officer": Case("CLINICIAN", "", role="SP", service="ALLOCATION_OFFICE"),
    "psychologist": Case("CLINICIAN", "", role="PS", service="HOSPITAL"),
    "physio in the municipality": Case("CLINICIAN", "", role="FT", service="OTHER"),
    "nurse in another service": Case("CLINICIAN", "", role="SP", service="OTHER"),
    "home care doctor": Case("CLINICIAN", "", role="LE", service="HOME_CARE"),
    "nursing home vernepleier": Case("CLINICIAN", "", role="VP", service="NURSING_HOME"),
    "home care physio": Case("CLINICIAN", "", role="FT", service="HOME_CARE"),
    "care worker": Case("CLINICIAN", "", role="HF", service="HOME_CARE"),
    "vet": Case("CLINICIAN", "", role="VE", service="OTHER"),
    "somebody unknown": Case("CLINICIAN", "", role="", service="OTHER"),
    "doctor without licence": Case("CLINICIAN", "", role="LE", authorised=False),
    "doctor at level 3": Case("CLINICIAN", "", role="LE", level=3),
    "the patient": Case("CITIZEN", "", is_self=True),
    "the patient at level 3": Case("CITIZEN", "", is_self=True, level=3),
    "a parent": Case("CITIZEN", "", is_guardian=True),
    "proxy who may view": Case("CITIZEN", "", areas=frozenset({1})),
    "an appointed guardian": Case("CITIZEN", "", is_verge=True),
    "proxy who may edit": Case("CITIZEN", "", areas=frozenset({3})),
    "a stranger": Case("CITIZEN", ""),
    "feed": Case("SYSTEM", ""),
    "the municipality's machine": Case("SYSTEM", ""),
    "home care's machine": Case("SYSTEM", "", of_unit=True),
    "auditor": Case("AUDITOR", ""),
}
PATIENTS: dict[str, dict[str, Any]] = {
    "-": {},
    "blocked this person": {"blocked": True},
    "has closed nothing": {"others_blocked": False},
    "blocked somebody else": {"others_blocked": True},
    "restricted critical info": {"restricted": frozenset({"CRITICAL_INFO"})},
    "restricted medications": {"restricted": frozenset({"MEDICATIONS"})},
    "restricted one entry": {"single_entries": frozenset({"CRITICAL_INFO"})},
    "blocked and restricted": {"blocked": True, "restricted": frozenset({"CRITICAL_INFO"})},
    "restricted one, no block": {"others_blocked": False, "single_entries": frozenset({"LABS"})},
    "reserved": {"record": "reserved"},
    "unknown": {"record": "none"},
    "aged 11": {"born": date(2014, 11, 23)},
    "aged 12": {"born": date(2014, 11, 22)},
    "aged 15": {"born": date(2010, 11, 23)},
    "aged 16": {"born": date(2010, 11, 22)},
    "aged 11, address protected": {"born": date(2014, 11, 23), "protected": True},
    "born 2010": {"born": date(2010, 6, 1), "month_known": False},
    "born 2009": {"born": date(2009, 6, 1), "month_known": False},
    "born in Nov 2010": {"born": date(2010, 11, 1), "day_known": False},
    "born in Oct 2010": {"born": date(2010, 10, 1), "day_known": False},
    "born 2014": {"born": date(2014, 6, 1), "month_known": False},
    "born 2015": {"born": date(2015, 6, 1), "month_known": False},
    "born in Nov 2014": {"born": date(2014, 11, 1), "day_known": False},
    "born in Dec 2014": {"born": date(2014, 12, 1), "day_known": False},
    "aged 17": {"born": date(2008, 11, 23)},
    "aged 18": {"born": date(2008, 11, 22)},
    "dead": {"deceased": True},
    "keeps off the portal": {"no_portal": True},
    "age unknown": {"born": None},
    "treated by home care": {"others_blocked": False, "relation": "own"},
    "treated in the nursing home": {"others_blocked": False, "relation": "sister unit"},
    "treated until a moment ago": {"others_blocked": False, "relation": "ended"},
    "treated by others alone": {"others_blocked": False, "relation": "strangers"},
    "treated, blocked somebody": {"others_blocked": True, "relation": "own"},
    "treated, restricted labs": {"others_blocked": False, "relation": "own", "restricted": frozenset({"LABS"})},
    "treated, dead": {"others_blocked": False, "relation": "own", "deceased": True},
    "treated, reserved": {"others_blocked": False, "relation": "own", "record": "reserved"},
}
SCENARIOS = Path(__file__).with_name("scenarios.txt").read_text()
LINES = [line for line in SCENARIOS.splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("line", LINES, ids=lambda line: " ".join(line.replace("|", " ").split()))
def test_scenario(line: str) -> None:
    who, action, section, basis, patient, answer = (cell.strip() for cell in line.split("|"))
    asked = replace(WHO[who], section=section, basis=basis, **PATIENTS[patient])
    special = {"STATUS": {"status_only": True}, "FOLLOW": {"follows": True}}
    case = replace(asked, **special.get(action, {"action": action}))
    decision = ask(case)
    answers = {Outcome.PERMIT: "PERMIT", Outcome.EXISTS: "EXISTS"}
    assert answers.get(decision.outcome, reason_name(decision.reason)) == answer
    assert decision.policy_version == POLICY_VERSION


def doctor(**changes: object) -> Caller:
    caller = Caller(
        common_pb2.CALLER_KIND_CLINICIAN,
        hpr_number=HPR,
        role="LE",
        authorisations=("LE",),
        security_level=4,
    )
    return replace(caller, **changes)  # type: ignore[arg-type]  # by name


def rpc(
    section: common_pb2.Section.ValueType,
    action: common_pb2.Action.ValueType = common_pb2.ACTION_READ,
    audit: common_pb2.AuditLevel.ValueType = common_pb2.AUDIT_LEVEL_FULL,
) -> AccessRule:
    indicator = common_pb2.MACHINE_RIGHT_INDICATOR
    return AccessRule(action, section, frozenset(common_pb2.CallerKind.values()), audit, machine_right=indicator)


NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
CONSENT = common_pb2.ACCESS_BASIS_SAMTYKKE


def summary(facts: PatientFacts, basis: common_pb2.AccessBasis.ValueType = CONSENT) -> Decision:
    return decide(doctor(), basis, facts, rpc(common_pb2.SECTION_SUMMARY), NOW)


def test_a_summary_is_decided_section_by_section() -> None:
    facts = PatientFacts(PATIENT, restricted_sections=frozenset({common_pb2.SECTION_LABS}))
    decision = summary(facts)
    _, sections = in_words(decision)
    assert decision.permitted
    assert sections.pop("LABS") == ("WITHHOLD", "SECTION_RESTRICTED")
    assert len(sections) == 7
    assert set(sections.values()) == {("PERMIT", "UNSPECIFIED")}


def test_a_summary_of_which_everything_is_restricted_still_says_so() -> None:
    everything = frozenset(common_pb2.Section.values())
    decision = summary(PatientFacts(PATIENT, restricted_sections=everything))
    assert decision.permitted
    assert {verdict.decision for verdict in decision.sections.values()} == {common_pb2.SECTION_DECISION_WITHHOLD}


def test_a_refused_call_is_never_elevated() -> None:
    facts = PatientFacts(PATIENT, restricted_sections=frozenset({common_pb2.SECTION_LABS}))
    pharmacist = doctor(role="FA1", authorisations=("FA1",), service=ServiceKind.PHARMACY)
    labs = rpc(common_pb2.SECTION_LABS, common_pb2.ACTION_WRITE)
    decision = decide(pharmacist, common_pb2.ACCESS_BASIS_FORHOYET_SAMTYKKE, facts, labs, NOW)
    assert not decision.permitted
    assert not decision.elevated


def test_an_elevated_basis_opens_the_whole_summary() -> None:
    facts = PatientFacts(PATIENT, restricted_sections=frozenset({common_pb2.SECTION_LABS}))
    decision = summary(facts, common_pb2.ACCESS_BASIS_FORHOYET_AKUTT)
    assert decision.elevated
    assert {verdict.decision for verdict in decision.sections.values()} == {common_pb2.SECTION_DECISION_PERMIT}


def test_a_summary_of_chosen_sections() -> None:
    facts = PatientFacts(PATIENT, restricted_sections=frozenset({common_pb2.SECTION_LABS}))
    labs = (common_pb2.SECTION_LABS,)
    decision = decide(doctor(), CONSENT, facts, rpc(common_pb2.SECTION_SUMMARY), NOW, sections=labs)
    assert decision.permitted
    assert in_words(decision)[1] == {"LABS": ("WITHHOLD", "SECTION_RESTRICTED")}


def test_the_audit_learns_of_a_block_and_the_caller_does_not() -> None:
    facts = PatientFacts(PATIENT, blocked_hpr_numbers=frozenset({HPR}))
    unnamed = PatientFacts(PATIENT)
    gp = doctor(service=ServiceKind.GP)
    critical = rpc(common_pb2.SECTION_CRITICAL_INFO)
    blocked = decide(gp, common_pb2.ACCESS_BASIS_UNNTAK, facts, critical, NOW)
    unrelated = decide(gp, common_pb2.ACCESS_BASIS_UNNTAK, unnamed, critical, NOW)
    assert (blocked.rule, unrelated.rule) == ("named-block", "no-relation")
    told = [decision.refusal() for decision in (blocked, unrelated)]
    assert told[0] is not None
    assert told[1] is not None
    assert told[0].status() == told[1].status()


STATUS = rpc(common_pb2.SECTION_CRITICAL_INFO, audit=common_pb2.AUDIT_LEVEL_NONE)
SYSTEM = Caller(common_pb2.CALLER_KIND_SYSTEM, client=ANYTHING)
NO_BASIS = common_pb2.ACCESS_BASIS_UNSPECIFIED


@pytest.mark.parametrize("caller", [doctor(), SYSTEM])
def test_the_indicator_needs_no_basis(caller: Caller) -> None:
    assert decide(caller, NO_BASIS, PatientFacts(PATIENT), STATUS, NOW).permitted


@pytest.mark.parametrize("caller", [doctor(), SYSTEM])
def test_the_indicator_says_of_a_restricted_section_that_it_is_not_shown(caller: Caller) -> None:
    restricted = PatientFacts(PATIENT, restricted_sections=frozenset({common_pb2.SECTION_CRITICAL_INFO}))
    assert decide(caller, NO_BASIS, restricted, STATUS, NOW).outcome is Outcome.EXISTS


def test_the_indicator_tells_nothing_to_the_blocked_or_of_the_reserved() -> None:
    blocked = decide(doctor(), NO_BASIS, PatientFacts(PATIENT, blocked_hpr_numbers=frozenset({HPR})), STATUS, NOW)
    reserved = decide(SYSTEM, NO_BASIS, PatientFacts(PATIENT, reservation=True), STATUS, NOW)
    assert (blocked.outcome, reason_name(blocked.reason)) == (Outcome.EXISTS, "NO_ACCESS")
    assert reserved.outcome is Outcome.NOT_FOUND


def test_who_overlooks_that_a_record_alone_may_be_shown_refuses() -> None:
    blocked = decide(doctor(), NO_BASIS, PatientFacts(PATIENT, blocked_hpr_numbers=frozenset({HPR})), STATUS, NOW)
    assert not blocked.permitted
    assert isinstance(blocked.refusal(), Denied)


def test_a_reservation_and_no_such_patient_look_the_same() -> None:
    reserved = decide(doctor(), CONSENT, PatientFacts(PATIENT, reservation=True), STATUS, NOW)
    unknown = decide(doctor(), CONSENT, None, STATUS, NOW)
    told = [decision.refusal() for decision in (reserved, unknown)]
    assert isinstance(told[0], NotFound)
    assert isinstance(told[1], NotFound)
    assert told[0].status() == told[1].status()
    assert (reserved.rule, unknown.rule) == ("reservation", "no-record"), "the rule says what the caller may not know"


def test_a_caller_without_an_hpr_number_is_no_clinician() -> None:
    decision = decide(doctor(hpr_number=""), CONSENT, PatientFacts(PATIENT), rpc(common_pb2.SECTION_LABS), NOW)
    assert reason_name(decision.reason) == "ROLE_REFUSED"


def test_a_second_authorisation_does_not_count_for_the_role() -> None:
    decision = decide(
        doctor(role="LE", authorisations=("SP", "PS")),
        CONSENT,
        PatientFacts(PATIENT),
        rpc(common_pb2.SECTION_LABS),
        NOW,
    )
    assert reason_name(decision.reason) == "ROLE_REFUSED"


def test_ages_are_counted_in_days_of_the_norwegian_calendar() -> None:
    child = PatientFacts(PATIENT, birth_date=BirthDate.on(date(2010, 11, 22)))
    caller = Caller(common_pb2.CALLER_KIND_CITIZEN, refs=PATIENT[:1], security_level=4)
    midnight = datetime(2026, 11, 21, 23, tzinfo=UTC)
    for moment, may in ((midnight - timedelta.resolution, False), (midnight, True)):
        assert decide(caller, NO_BASIS, child, rpc(common_pb2.SECTION_LABS), moment).permitted is may


def test_born_on_a_leap_day() -> None:
    child = PatientFacts(PATIENT, birth_date=BirthDate.on(date(2012, 2, 29)), guardians=frozenset(OTHER))
    parent = Caller(common_pb2.CALLER_KIND_CITIZEN, refs=OTHER, security_level=4)
    for day, may in ((datetime(2024, 2, 28, tzinfo=UTC), True), (datetime(2024, 2, 29, tzinfo=UTC), False)):
        assert decide(parent, NO_BASIS, child, rpc(common_pb2.SECTION_LABS), day).permitted is may


def test_who_acts_for_the_patient_is_marked() -> None:
    me = Caller(common_pb2.CALLER_KIND_CITIZEN, refs=PATIENT[:1], security_level=4)
    facts = PatientFacts(PATIENT, birth_date=BirthDate.on(date(1980, 1, 1)))
    assert decide(me, NO_BASIS, facts, rpc(common_pb2.SECTION_LABS), NOW).for_patient
    assert not decide(doctor(), CONSENT, facts, rpc(common_pb2.SECTION_LABS), NOW).for_patient


@pytest.mark.parametrize(
    "born, representation",
    [
        (date(1980, 1, 1), common_pb2.REPRESENTATION_GUARDIAN),
        (date(2020, 1, 1), common_pb2.REPRESENTATION_PARENT),
    ],
)
def test_the_log_hears_whether_a_parent_or_an_appointed_guardian_acts(
    born: date, representation: common_pb2.Representation.ValueType
) -> None:
    both = Caller(common_pb2.CALLER_KIND_CITIZEN, refs=OTHER, security_level=4)
    facts = PatientFacts(
        PATIENT,
        birth_date=BirthDate.on(born),
        guardians=frozenset(OTHER),
        appointed=frozenset(OTHER),
        proxies={OTHER[0]: frozenset({1, 3})},
    )
    assert decide(both, NO_BASIS, facts, rpc(common_pb2.SECTION_LABS), NOW).representation == representation


def test_internal_rpcs_are_unimplemented_outside() -> None:
    internal = rpc(common_pb2.SECTION_LABS, common_pb2.ACTION_INTERNAL)
    decision = decide(doctor(), CONSENT, PatientFacts(PATIENT), internal, NOW)
    assert isinstance(decision.refusal(), NotSupported)
    assert isinstance(decide_without_patient(SYSTEM, NO_BASIS, internal).refusal(), NotSupported)


def test_rpcs_without_a_patient() -> None:
    admin = common_pb2.ACTION_ADMIN
    proofs = rpc(common_pb2.SECTION_ACCESS_LOG, admin)
    people = rpc(common_pb2.SECTION_PATIENT, common_pb2.ACTION_WRITE)
    auditor = Caller(common_pb2.CALLER_KIND_AUDITOR, security_level=4)
    citizen = Caller(common_pb2.CALLER_KIND_CITIZEN, security_level=4)
    assert decide_without_patient(auditor, NO_BASIS, proofs).permitted
    assert decide_without_patient(citizen, NO_BASIS, proofs).permitted
    assert decide_without_patient(SYSTEM, NO_BASIS, people).permitted
    refused = [
        decide_without_patient(auditor, NO_BASIS, people),
        decide_without_patient(citizen, NO_BASIS, people),
        decide_without_patient(doctor(), CONSENT, people),
        decide_without_patient(replace(auditor, security_level=3), NO_BASIS, proofs),
        decide_without_patient(replace(citizen, security_level=3), NO_BASIS, proofs),
        decide_without_patient(SYSTEM, NO_BASIS, rpc(common_pb2.SECTION_PATIENT)),
        decide_without_patient(SYSTEM, NO_BASIS, replace(people, callers=frozenset())),
    ]
    assert all(isinstance(decision.refusal(), Denied) for decision in refused)


def test_every_denial_has_a_text_of_its_own() -> None:
    denials = reasons.ErrorReason.values()[
        reasons.ERROR_REASON_CALLER_KIND_REFUSED : reasons.ERROR_REASON_PATIENT_NOT_FOUND
    ]
    errors = [Decision(Outcome.DENY, reason, "", {}, POLICY_VERSION).refusal() for reason in denials]
    texts = {error.text for error in errors if error}
    assert "not permitted" not in texts
    assert len(texts) == 9


def test_nothing_shows_an_identity() -> None:
    caller = doctor(national_id="13717404089", name="Kari Legesen", refs=PATIENT, attested_patients=frozenset({"1"}))
    facts = PatientFacts(
        PATIENT,
        blocked_hpr_numbers=frozenset({HPR}),
        birth_date=BirthDate.on(date(1999, 9, 9)),
        guardians=frozenset(OTHER),
        proxies={OTHER[0]: frozenset({1})},
        gp_hpr_numbers=frozenset({HPR}),
    )
    shown = f"{caller!r}{facts!r}{caller}{facts}"
    for identity in ("13717404089", "Kari", HPR, "1999", PATIENT[0], OTHER[0]):
        assert identity not in shown
