"""The rules of the eleven categories, each by its name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding, EventTime, PartialDate, Period
from kjernejournal.critical_info.v1 import critical_info_pb2 as pb
from services.critical_info import clinician_checks, model
from services.critical_info.categories import CATEGORIES
from shared.codes import atc
from shared.codes.systems import names_of
from shared.convert import timestamp
from shared.errors import Invalid, reason_name
from tests.services.critical_info.calls import ATC, ICD10, SNOMED, VOLVEN, coded, made
from tests.support.look_alikes import LOOK_ALIKES

ALL = tuple(CATEGORIES)
DETAILS: dict[str, Any] = {
    "reaction": pb.Reaction(criticality=pb.CRITICALITY_HIGH, certainty=pb.CERTAINTY_CONFIRMED),
    "anaesthesia": pb.AnaesthesiaProblem(),
    "condition": pb.Condition(),
    "treatment": pb.Treatment(),
    "implant": pb.Implant(),
    "procedure_change": pb.ProcedureChange(),
    "treatment_decision": pb.TreatmentDecision(),
}


def refused(entry: pb.CriticalInfo, fields: frozenset[str] = model.FIELDS) -> Invalid:
    with pytest.raises(Invalid) as error:
        check(entry, fields)
    return error.value


def check(entry: pb.CriticalInfo, fields: frozenset[str] = model.FIELDS) -> None:
    model.check(entry, fields)
    clinician_checks.check(entry, fields)


def test_there_are_eleven_categories() -> None:
    assert sorted(CATEGORIES) == list(range(1, 12))


@pytest.mark.parametrize("category", ALL)
def test_every_category_takes_an_entry_in_the_fields_of_all(category: pb.Category.ValueType) -> None:
    check(made(category, comment="kommentar", event_time=EventTime(age_years=40), valid_until=PartialDate(year=2030)))


@pytest.mark.parametrize("category", ALL)
@pytest.mark.parametrize("name", DETAILS)
def test_details_belong_to_their_category(category: pb.Category.ValueType, name: str) -> None:
    entry = made(category, **{name: DETAILS[name]})
    if CATEGORIES[category].details == name:
        check(entry)
    else:
        assert refused(entry).field == name


@pytest.mark.parametrize("category", ALL)
@pytest.mark.parametrize("code", ["V01.1", "w54", "X44", "Y98", "Z00", "Z88.0"])
@pytest.mark.parametrize(
    "system", [ICD10, *names_of(VOLVEN + "7110"), "2.16.578.1.12.4.1.1.7110", "http://hl7.org/fhir/sid/icd-10-cm"]
)
def test_icd10_chapters_xx_and_xxi_are_refused_in_every_form(
    category: pb.Category.ValueType, code: str, system: str
) -> None:
    with pytest.raises(Invalid) as error:  # a feed's too
        model.check(made(category, code=coded(system, code)))
    assert error.value.field.endswith("codings[0].code") or error.value.field.endswith("codings[1].code")


@pytest.mark.parametrize(
    "category, system, taken",
    [
        *((pb.CATEGORY_DRUG_REACTION, name, True) for name in atc.NAMES),
        (pb.CATEGORY_DRUG_REACTION, "http://dmp.no/fhir/NamingSystem/festLegemiddelMerkevare", True),
        (pb.CATEGORY_DRUG_REACTION, SNOMED, True),
        (pb.CATEGORY_DRUG_REACTION, ICD10, False),
        (pb.CATEGORY_OTHER_ALLERGY, ICD10, True),
        (pb.CATEGORY_CRITICAL_CONDITION, ICD10, True),
        (pb.CATEGORY_CRITICAL_CONDITION, VOLVEN + "7170", True),
        (pb.CATEGORY_CRITICAL_CONDITION, ATC, False),
        (pb.CATEGORY_ONGOING_TREATMENT, ATC, True),
        (pb.CATEGORY_INFECTION, ICD10, True),
        *((pb.CATEGORY_INFECTION, name, False) for name in atc.NAMES),
        (pb.CATEGORY_TREATMENT_DECISION, ATC, False),
        (pb.CATEGORY_IMPLANT, "http://loinc.org", False),
    ],
)
def test_a_category_takes_codes_of_its_systems(category: pb.Category.ValueType, system: str, taken: bool) -> None:
    entry = made(category)
    entry.code.CopyFrom(coded(system, "A04"))
    if taken:
        check(entry)
    else:
        assert reason_name(refused(entry).reason) == "UNKNOWN_CODE_SYSTEM"
        model.check(entry)  # a feed keeps the codes of its source


@pytest.mark.parametrize("code", LOOK_ALIKES)
def test_a_code_of_atc_has_its_form(code: str) -> None:
    entry = made(pb.CATEGORY_DRUG_REACTION, words="", code=coded(ATC, code))
    assert refused(entry).field == "code.codings[0].code"
    model.check(entry)  # a feed keeps the codes of its source


def test_an_entry_says_what_it_is_about() -> None:
    assert refused(made(pb.CATEGORY_IMPLANT, words="")).field == "code"
    assert refused(made(pb.CATEGORY_IMPLANT, code=CodeableConcept(codings=[Coding(system=SNOMED)]))).field


def test_a_decision_on_treatment_says_itself_what_it_is_about() -> None:
    for decision in (pb.TreatmentDecision(clinical_reason="Utbredt kreft"), pb.TreatmentDecision(treatment_goal="Ro")):
        check(made(pb.CATEGORY_TREATMENT_DECISION, words="", treatment_decision=decision))
    empty = made(pb.CATEGORY_TREATMENT_DECISION, words="", treatment_decision=pb.TreatmentDecision())
    assert refused(empty).field == "code"
    assert refused(empty, frozenset({"details"})).field == "code"


def test_infections_take_no_free_text() -> None:
    assert refused(made(pb.CATEGORY_INFECTION, specification="smitte")).field == "specification"
    infection = made(pb.CATEGORY_INFECTION)
    infection.code.text = "smitte"
    assert refused(infection).field == "code.text"
    only_words = pb.CriticalInfo(category=pb.CATEGORY_INFECTION, status=pb.STATUS_ACTIVE, specification="smitte")
    with pytest.raises(Invalid):
        model.check(only_words)


def test_limitation_of_life_prolonging_treatment_needs_a_date() -> None:
    entry = made(pb.CATEGORY_LIFE_PROLONGING_TREATMENT)
    entry.ClearField("valid_until")
    assert refused(entry).field == "valid_until"


def test_a_source_of_information_is_of_the_list_of_sources() -> None:
    for system in (VOLVEN + "7498", "http://nhn.no/kj/fhir/CodeSystem/SourceOfInformation"):
        check(made(pb.CATEGORY_IMPLANT, source_of_information=Coding(system=system, code="1")))
    other = refused(made(pb.CATEGORY_IMPLANT, source_of_information=Coding(system=SNOMED, code="1")))
    assert other.field == "source_of_information.system"
    assert refused(made(pb.CATEGORY_IMPLANT, source_of_information=Coding(system=VOLVEN + "7498"))).field


@pytest.mark.parametrize(
    "category",
    [pb.CATEGORY_LIFE_PROLONGING_TREATMENT, pb.CATEGORY_PROCEDURE_CHANGE, pb.CATEGORY_TREATMENT_DECISION],
)
def test_flags_and_consents_state_no_source_of_information(category: pb.Category.ValueType) -> None:
    entry = made(category, source_of_information=Coding(system=VOLVEN + "7498", code="1"))
    assert refused(entry).field == "source_of_information"


@pytest.mark.parametrize("certainty", [pb.CERTAINTY_SUSPECTED, pb.CERTAINTY_PROBABLE, pb.CERTAINTY_CONFIRMED])
@pytest.mark.parametrize("criticality", [pb.CRITICALITY_LOW, pb.CRITICALITY_HIGH, pb.CRITICALITY_UNABLE_TO_ASSESS])
def test_a_reaction_says_how_certain_and_how_serious(
    certainty: pb.Certainty.ValueType, criticality: pb.Criticality.ValueType
) -> None:
    reaction = pb.Reaction(certainty=certainty, criticality=criticality)
    for category in (pb.CATEGORY_DRUG_REACTION, pb.CATEGORY_OTHER_ALLERGY):
        check(made(category, reaction=reaction))


def test_the_kind_of_allergen_goes_with_the_category() -> None:
    medicine = pb.Reaction(allergen_kind=pb.ALLERGEN_KIND_MEDICATION)
    food = pb.Reaction(allergen_kind=pb.ALLERGEN_KIND_FOOD)
    check(made(pb.CATEGORY_DRUG_REACTION, reaction=medicine))
    check(made(pb.CATEGORY_OTHER_ALLERGY, reaction=food))
    assert refused(made(pb.CATEGORY_DRUG_REACTION, reaction=food)).field == "reaction.allergen_kind"
    assert refused(made(pb.CATEGORY_OTHER_ALLERGY, reaction=medicine)).field == "reaction.allergen_kind"


def test_excipients_are_of_medicines() -> None:
    excipient = pb.Reaction(inactive_ingredient=True)
    check(made(pb.CATEGORY_DRUG_REACTION, reaction=excipient))
    assert refused(made(pb.CATEGORY_OTHER_ALLERGY, reaction=excipient)).field == "reaction.inactive_ingredient"


def test_what_happened_is_of_volven_7497_or_in_words() -> None:
    for manifestation in (coded(VOLVEN + "7497", "1"), coded(SNOMED, "39579001"), CodeableConcept(text="Utslett")):
        check(made(pb.CATEGORY_DRUG_REACTION, reaction=pb.Reaction(manifestations=[manifestation])))
    for manifestation in (coded(ICD10, "T78.2"), CodeableConcept()):
        error = refused(made(pb.CATEGORY_DRUG_REACTION, reaction=pb.Reaction(manifestations=[manifestation])))
        assert error.field.startswith("reaction.manifestations[0]")


def test_the_duration_of_a_decision_is_of_volven_7655() -> None:
    decision = pb.TreatmentDecision(duration=Coding(system=VOLVEN + "7655", code="1"), clinical_reason="a" * 80)
    check(made(pb.CATEGORY_TREATMENT_DECISION, treatment_decision=decision))
    decision.duration.system = SNOMED
    error = refused(made(pb.CATEGORY_TREATMENT_DECISION, treatment_decision=decision))
    assert error.field == "treatment_decision.duration.system"


def test_a_period_does_not_end_before_it_begins() -> None:
    start, end = datetime(2026, 5, 2, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
    change = pb.ProcedureChange(period=Period(start=timestamp(start), end=timestamp(end)))
    assert refused(made(pb.CATEGORY_PROCEDURE_CHANGE, procedure_change=change)).field == "procedure_change.period.end"


def test_nobody_was_older_than_people_get() -> None:
    assert refused(made(pb.CATEGORY_IMPLANT, event_time=EventTime(age_years=151))).field == "event_time.age_years"
    young = pb.Implant(implanted=EventTime(age_years=-1))
    assert refused(made(pb.CATEGORY_IMPLANT, implant=young)).field == "implant.implanted.age_years"


@pytest.mark.parametrize("status", [pb.STATUS_UNSPECIFIED, pb.STATUS_ENTERED_IN_ERROR, pb.STATUS_EXPIRED])
def test_expired_and_deleted_are_nothing_that_is_stated(status: pb.Status.ValueType) -> None:
    entry = made(pb.CATEGORY_IMPLANT)
    entry.status = status
    assert refused(entry).field == "status"


def test_only_what_is_new_is_checked() -> None:
    """What the source of an old entry wrote does not keep anybody from refuting it."""
    old = made(pb.CATEGORY_DRUG_REACTION, code=coded("http://rxnorm.example", "1"), event_time=EventTime(age_years=200))
    check(old, frozenset({"status", "comment"}))
    assert refused(old, frozenset({"code"})).field == "code.codings[0].system"


NOON = datetime(2026, 5, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize("category", [each for each in ALL if each != pb.CATEGORY_LIFE_PROLONGING_TREATMENT])
@pytest.mark.parametrize(
    "until, expired",
    [
        (PartialDate(year=2026, month=5, day=11), False),
        (PartialDate(year=2026, month=5, day=10), True),
        (PartialDate(year=2026, month=5, day=9), True),
        (PartialDate(year=2026, month=5), False),
        (PartialDate(year=2026, month=4), True),
        (PartialDate(year=2026), False),
        (PartialDate(year=2025), True),
    ],
)
def test_valid_until_today_or_past_is_expired(
    category: pb.Category.ValueType, until: PartialDate, expired: bool
) -> None:
    entry = made(category, valid_until=until)
    assert model.status_at(entry, NOON) == (pb.STATUS_EXPIRED if expired else pb.STATUS_ACTIVE)
    entry.status = pb.STATUS_REFUTED
    assert model.status_at(entry, NOON) == pb.STATUS_REFUTED


def test_today_is_today_in_norway() -> None:
    entry = made(pb.CATEGORY_IMPLANT, valid_until=PartialDate(year=2026, month=5, day=11))
    assert model.status_at(entry, datetime(2026, 5, 10, 21, 59, tzinfo=UTC)) == pb.STATUS_ACTIVE
    assert model.status_at(entry, datetime(2026, 5, 10, 22, 0, tzinfo=UTC)) == pb.STATUS_EXPIRED


def test_what_ended_on_a_day_has_ended_when_that_day_begins_in_norway() -> None:
    entry = made(pb.CATEGORY_IMPLANT, status=pb.STATUS_ENDED)
    entry.ended.date.CopyFrom(PartialDate(year=2026, month=5, day=11))
    assert model.status_at(entry, datetime(2026, 5, 10, 21, 59, tzinfo=UTC)) == pb.STATUS_ACTIVE
    assert model.status_at(entry, datetime(2026, 5, 10, 22, 0, tzinfo=UTC)) == pb.STATUS_ENDED


def test_category_8_stays_active_past_its_date() -> None:
    entry = made(pb.CATEGORY_LIFE_PROLONGING_TREATMENT)
    entry.valid_until.CopyFrom(PartialDate(year=2020, month=1, day=1))
    assert model.status_at(entry, NOON) == pb.STATUS_ACTIVE


def test_a_procedure_change_ends_on_the_day_its_period_ends() -> None:
    def status(end: datetime) -> pb.Status.ValueType:
        change = pb.ProcedureChange(period=Period(end=timestamp(end)))
        return model.status_at(made(pb.CATEGORY_PROCEDURE_CHANGE, procedure_change=change), NOON)

    assert status(datetime(2026, 5, 10, 20, tzinfo=UTC)) == pb.STATUS_EXPIRED
    assert status(datetime(2026, 5, 10, 22, tzinfo=UTC)) == pb.STATUS_ACTIVE
    assert status(datetime(2026, 5, 9, 20, tzinfo=UTC)) == pb.STATUS_EXPIRED
