"""AllergyIntolerance becomes critical information or a statement of absence; every coding is kept."""

from typing import Any

import pytest

from kjernejournal.common.v1.common_pb2 import ABSENCE_KIND_NIL_KNOWN, ABSENCE_KIND_NOT_ASKED, PartialDate
from kjernejournal.critical_info.v1 import critical_info_pb2 as pb
from shared.codes import atc
from tests.kj.fhir_r4.bundles import RXNORM, SNOMED, allergy, bundle, coded, mapped, patient, reasons, record_of

IPS_ABSENT = "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"
CLINICAL = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"


def entry(**fields: Any) -> pb.CriticalInfo:
    [made] = record_of(allergy(**fields)).critical_info.critical_info
    return made


def statement(**fields: Any) -> pb.CategoryAbsence:
    record = record_of(allergy(**fields))
    assert not record.critical_info.critical_info
    [made] = record.critical_info.absences
    return made


def test_all_codings_are_kept_as_the_source_wrote_them() -> None:
    two = {"coding": [{"system": SNOMED, "code": "1"}, {"system": RXNORM, "code": "2", "display": "b"}], "text": "t"}
    code = entry(code=two).code
    assert [(each.system, each.code, each.display) for each in code.codings] == [(SNOMED, "1", ""), (RXNORM, "2", "b")]
    assert code.text == "t"


def test_a_coding_without_a_code_lives_on_as_text() -> None:
    code = entry(code={"coding": [{"display": "Penicillin"}]}).code
    assert (list(code.codings), code.text) == ([], "Penicillin")


@pytest.mark.parametrize(
    "categories, system, category",
    [
        (["medication"], SNOMED, pb.CATEGORY_DRUG_REACTION),
        (["food", "medication"], SNOMED, pb.CATEGORY_DRUG_REACTION),
        (["food"], SNOMED, pb.CATEGORY_OTHER_ALLERGY),
        (["biologic"], SNOMED, pb.CATEGORY_OTHER_ALLERGY),
        ([], RXNORM, pb.CATEGORY_DRUG_REACTION),
        *(([], name, pb.CATEGORY_DRUG_REACTION) for name in atc.NAMES),
        ([], "urn:oid:2.16.840.1.113883.6.88", pb.CATEGORY_DRUG_REACTION),  # RxNorm
        ([], SNOMED, pb.CATEGORY_OTHER_ALLERGY),
    ],
)
def test_the_category(categories: list[str], system: str, category: int) -> None:
    assert entry(category=categories, code=coded("1", "x", system)).category == category


@pytest.mark.parametrize(
    "field, code, status",
    [
        ("clinicalStatus", "active", pb.STATUS_ACTIVE),
        ("clinicalStatus", "inactive", pb.STATUS_ENDED),
        ("clinicalStatus", "resolved", pb.STATUS_ENDED),
        ("verificationStatus", "refuted", pb.STATUS_REFUTED),
        ("verificationStatus", "entered-in-error", pb.STATUS_ENTERED_IN_ERROR),
        ("verificationStatus", "confirmed", pb.STATUS_ACTIVE),
    ],
)
def test_the_status(field: str, code: str, status: int) -> None:
    assert entry(**{field: coded(code, "", CLINICAL)}).status == status


def test_reactions_and_words() -> None:
    made = entry(
        verificationStatus=coded("unconfirmed", "", CLINICAL),
        onsetDateTime="2010",
        note=[{"text": "Ring 113"}],
        reaction=[{"manifestation": [coded("126485001", "Urticaria")], "description": "Etter første dose"}],
    )
    assert made.reaction.criticality == pb.CRITICALITY_HIGH
    assert made.reaction.certainty == pb.CERTAINTY_SUSPECTED
    assert made.reaction.allergen_kind == pb.ALLERGEN_KIND_MEDICATION
    assert made.reaction.manifestations[0].codings[0].code == "126485001"
    assert made.event_time.date == PartialDate(year=2010)
    assert made.comment == "Etter første dose\nRing 113"


def test_a_comment_that_is_too_long_is_cut_and_shows_it() -> None:
    comment = entry(note=[{"text": "x" * 600}]).comment
    assert (len(comment), comment[-1]) == (500, "…")


@pytest.mark.parametrize(
    "system, code, kind, category",
    [
        (SNOMED, "716186003", ABSENCE_KIND_NIL_KNOWN, pb.CATEGORY_DRUG_REACTION),
        (SNOMED, "409137002", ABSENCE_KIND_NIL_KNOWN, pb.CATEGORY_DRUG_REACTION),
        (SNOMED, "429625007", ABSENCE_KIND_NIL_KNOWN, pb.CATEGORY_OTHER_ALLERGY),
        (IPS_ABSENT, "no-known-allergies", ABSENCE_KIND_NIL_KNOWN, pb.CATEGORY_DRUG_REACTION),
        (IPS_ABSENT, "no-allergy-info", ABSENCE_KIND_NOT_ASKED, pb.CATEGORY_DRUG_REACTION),
    ],
)
def test_no_known_allergy_is_a_statement_and_no_allergy(system: str, code: str, kind: int, category: int) -> None:
    made = statement(code=coded(code, "No known allergy", system))
    assert (made.kind, made.category, made.text) == (kind, category, "No known allergy")


def test_an_allergy_to_nothing_is_not_placed() -> None:
    assert reasons(allergy(code=None)) == {"does not say to what": 1}


def test_the_substance_of_a_reaction_says_to_what() -> None:
    assert (
        entry(code=None, reaction=[{"substance": coded("373270004", "Penicillin")}]).code.codings[0].code == "373270004"
    )


def test_a_code_that_critical_information_refuses_is_not_placed() -> None:
    allergy_status = coded("Z88", "Allergy status", "urn:oid:2.16.578.1.12.4.1.1.7110")
    assert reasons(allergy(code=allergy_status)) == {
        "is of ICD-10 chapter XX or XXI, which is no critical information": 1
    }


@pytest.mark.parametrize(
    "words, kind, category",
    [
        ("No known allergies", ABSENCE_KIND_NIL_KNOWN, pb.CATEGORY_DRUG_REACTION),
        ("No known allergies.", ABSENCE_KIND_NIL_KNOWN, pb.CATEGORY_DRUG_REACTION),
        ("NKDA", ABSENCE_KIND_NIL_KNOWN, pb.CATEGORY_DRUG_REACTION),
        ("None known", ABSENCE_KIND_NIL_KNOWN, pb.CATEGORY_DRUG_REACTION),
        ("Patient has no known drug allergies", ABSENCE_KIND_NIL_KNOWN, pb.CATEGORY_DRUG_REACTION),
        ("Ingen kjente allergier", ABSENCE_KIND_NIL_KNOWN, pb.CATEGORY_DRUG_REACTION),
        ("No known food allergies", ABSENCE_KIND_NIL_KNOWN, pb.CATEGORY_OTHER_ALLERGY),
        ("Allergies: unknown", ABSENCE_KIND_NOT_ASKED, pb.CATEGORY_DRUG_REACTION),
        ("Unknown", ABSENCE_KIND_NOT_ASKED, pb.CATEGORY_DRUG_REACTION),
        ("Ingen opplysninger", ABSENCE_KIND_NOT_ASKED, pb.CATEGORY_DRUG_REACTION),
    ],
)
def test_no_known_allergy_in_words_is_a_statement(words: str, kind: int, category: int) -> None:
    for code in ({"text": words}, coded("NONE", words, "http://local.example")):
        made = statement(code=code)
        assert (made.kind, made.category, made.text, made.withdrawn) == (kind, category, words, False)


def test_words_that_name_something_are_an_allergy() -> None:
    for words in ("Penicillin", "Nilotinib", "No known allergies except penicillin", "Unknown antibiotic"):
        assert entry(code={"text": words}).code.text == words
    assert entry(code={**coded("91936005", "Penicillin"), "text": "No known allergies"}).status == pb.STATUS_ACTIVE


def test_words_that_say_none_and_more_are_not_placed() -> None:
    said = "says in words that there is none, and more that is not understood"
    assert reasons(allergy(code={"text": "No known allergies, reviewed with mother"})) == {said: 1}


@pytest.mark.parametrize(
    "fields",
    [
        {"verificationStatus": coded("entered-in-error", "", CLINICAL)},
        {"verificationStatus": coded("refuted", "", CLINICAL)},
        {"clinicalStatus": coded("resolved", "", CLINICAL)},
        {"clinicalStatus": coded("inactive", "", CLINICAL)},
    ],
)
def test_a_statement_that_does_not_hold_is_withdrawn(fields: dict[str, Any]) -> None:
    assert statement(code=coded("716186003", "No known allergy"), **fields).withdrawn


def test_the_status_is_the_coding_of_hl7_wherever_it_stands() -> None:
    own = {"system": CLINICAL.replace("clinical", "verification"), "code": "refuted"}
    local = {"system": "http://local.example", "code": "confirmed"}
    assert entry(verificationStatus={"coding": [local, own]}).status == pb.STATUS_REFUTED
    assert entry(verificationStatus={"coding": [own, local]}).status == pb.STATUS_REFUTED
    two = {"coding": [{**own, "code": "confirmed"}, {**own, "code": "entered-in-error"}]}
    assert entry(verificationStatus=two).status == pb.STATUS_ENTERED_IN_ERROR
    assert entry(verificationStatus={"coding": [{"code": "refuted"}]}).status == pb.STATUS_REFUTED
    assert entry(clinicalStatus={"text": "Resolved"}).status == pb.STATUS_ENDED


def test_codings_that_do_not_fit_are_cut_and_counted_and_those_that_are_checked_are_kept() -> None:
    many = [{"system": RXNORM, "code": str(each)} for each in range(40)]
    last = {"system": atc.SYSTEM, "code": "J01CE02"}
    made = mapped(bundle(patient(), allergy(code={"coding": [*many, last], "text": "Penicillin"})))
    code = made.records[0].critical_info.critical_info[0].code
    assert (len(code.codings), code.codings[-1].code, code.text) == (30, "J01CE02", "Penicillin")
    assert made.cuts["codings over 30"] == 11


def test_severity_route_and_kind_of_a_reaction_are_kept() -> None:
    reactions = [
        {"manifestation": [coded("1")], "severity": "mild"},
        {"manifestation": [coded("2")], "severity": "severe", "exposureRoute": coded("26643006", "Oral route")},
    ]
    reaction = entry(type="intolerance", reaction=reactions).reaction
    assert (reaction.severity, reaction.kind) == (pb.REACTION_SEVERITY_SEVERE, pb.REACTION_KIND_INTOLERANCE)
    assert reaction.exposure_route.codings[0].code == "26643006"
