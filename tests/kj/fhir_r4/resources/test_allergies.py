"""AllergyIntolerance becomes critical information or a statement of absence; every coding is kept."""

from typing import Any

import pytest

from kjernejournal.common.v1.common_pb2 import ABSENCE_KIND_NIL_KNOWN, ABSENCE_KIND_NOT_ASKED, PartialDate
from kjernejournal.critical_info.v1 import critical_info_pb2 as pb
from shared.codes import atc
from tests.kj.fhir_r4.bundles import RXNORM, SNOMED, allergy, coded, reasons, record_of

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
