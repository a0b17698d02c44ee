"""Codes and displays as they are written: contradictions are refused to people, and kept with a mark from feeds."""

import json
import re
from pathlib import Path

import pytest

from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding
from kjernejournal.critical_info.v1.critical_info_pb2 import CriticalInfo
from kjernejournal.medications.v1.medications_pb2 import Medication, MedicationList
from shared.codes import atc_known, closed_lists, meanings
from shared.codes.atc_names import NAMES
from shared.codes.marks import without_marks
from shared.codes.systems import ATC, FAMILY_RELATIONS, ICD10, SNOMED, VOLVEN
from shared.convert import digest
from shared.errors import Invalid
from shared.handling import codings

UNKNOWN = common_pb2.CODE_VERIFICATION_NOT_VERIFIED
CONTRADICTORY = common_pb2.CODE_VERIFICATION_CONTRADICTORY
FINE = common_pb2.CODE_VERIFICATION_UNSPECIFIED
KNOWN = common_pb2.CODE_VERIFICATION_VERIFIED
VOLVEN_9602 = "https://helsedir.no/fhir/CodeSystem/no-kodeverk-9602"
HL7_ATC = "urn:oid:2.16.840.1.113883.6.73"


@pytest.mark.parametrize(
    "system, code, display, mark",
    [
        (ATC, "J01CE02", "Ibuprofen", CONTRADICTORY),
        (HL7_ATC, "j01ce02 ", "ibuprofen 400 mg tabletter", CONTRADICTORY),
        (ATC, "QJ01CE02", "Ibuprofen", CONTRADICTORY),
        (ATC, "B01AA03", "Apixaban", CONTRADICTORY),
        (ATC, "J01CE02", "Fenoksymetylpenicillin", KNOWN),
        (ATC, "J01CE02", "Apocillin", KNOWN),
        (ATC, "J01CE02", "", KNOWN),
        (ATC, "B01AC06", "Acetylsalisylsyre", KNOWN),
        (ATC, "N02BA01", "acetylsalicylic acid", KNOWN),
        (ATC, "L01BA01", "Metotreksat", KNOWN),
        (ATC, "M02AA13", "Ibuprofen", KNOWN),  # on the skin: not in our table
        (ATC, "N02BE01", "Paracetamol/kodein", KNOWN),
        (ATC, "N02BE01", "Paracetamol og ibuprofen", KNOWN),
        (ATC, "Z99ZZ99", "Noe", UNKNOWN),
        (ATC, "C06AA01", "", UNKNOWN),
        (ATC, "M01AE99", "", UNKNOWN),
        (ATC, "M01AE99", "Ibuprofen", UNKNOWN),  # it may have the name rightly
        (ATC, "J01CE", "", KNOWN),
        (ATC, "J01ZZ", "", UNKNOWN),
        (ATC, "QJ01CE02", "", KNOWN),
        (ATC, " j01ce02 ", "", KNOWN),
        (ATC, "J05AR02", "", KNOWN),
        (ATC, "", "Paracetamol", FINE),
        (ATC, "N03AB02", "Venlafaksin", CONTRADICTORY),
        (ATC, "A", "", KNOWN),
        (ATC, "not atc", "", UNKNOWN),
        (ATC, "QJ51CE09", "", UNKNOWN),
        (ICD10, "Q99.99", "", UNKNOWN),
        (ICD10, "Q99.9", "", UNKNOWN),
        (ICD10, "S02.00", "", UNKNOWN),
        (ICD10, "J45", "", KNOWN),
        (ICD10, "G700", "", KNOWN),
        (ICD10, "A17.0†", "", UNKNOWN),
        ("http://hl7.org/fhir/sid/icd-10", "T88.3", "", KNOWN),
        (ICD10, "M79.60", "", UNKNOWN),
        (ICD10, "V0n.1", "", UNKNOWN),
        (ICD10, "D49", "", UNKNOWN),
        (ICD10, "K94.1", "", UNKNOWN),
        (ICD10, "H99", "", UNKNOWN),
        (ICD10, "T99", "", UNKNOWN),
        (ICD10, "V00", "", UNKNOWN),
        ("http://hl7.org/fhir/sid/icd-10", "Q99.99", "", UNKNOWN),
        ("urn:oid:2.16.840.1.113883.6.3", "Q99.99", "", UNKNOWN),
        ("http://hl7.org/fhir/sid/icd-10-cm", "Q99.99", "", FINE),  # not looked at
        (VOLVEN + "9060", "LE", "Lege", KNOWN),
        (VOLVEN + "9060", "LE", "Doctor", KNOWN),
        (VOLVEN + "9060", "LE", "sykepleier ", CONTRADICTORY),
        (VOLVEN + "9060", "VE", "Veterinær", KNOWN),
        (VOLVEN + "9060", "QQ", "Lege", UNKNOWN),
        (VOLVEN_9602, "A03-2", "Epikrise", KNOWN),
        (VOLVEN_9602, "A03-2", "Journalnotat", CONTRADICTORY),
        (VOLVEN_9602, "A99-2", "Epikrise", UNKNOWN),
        (VOLVEN + "9603", "NORS", "Utsatt innsyn for innbygger", CONTRADICTORY),
        (VOLVEN + "9603", "NORX", "", UNKNOWN),
        (VOLVEN + "8116", "FNR", "D-nummer", CONTRADICTORY),
        (VOLVEN + "8327", "HPR", "", UNKNOWN),
        (VOLVEN + "8244", "1", "Under nedre referansegrense", CONTRADICTORY),
        (VOLVEN + "8271", "S", "Resistent", CONTRADICTORY),
        (VOLVEN + "8202", "QQQ", "", UNKNOWN),
        ("https://hl7.no/fhir/CodeSystem/no-basis-marital-status", "gift", "Skilt", CONTRADICTORY),
        (FAMILY_RELATIONS, "tante", "Tante", UNKNOWN),
        (SNOMED, "J01CE02", "Ibuprofen", FINE),
    ],
)
def test_what_is_known_of_a_coding(
    system: str, code: str, display: str, mark: "common_pb2.CodeVerification.ValueType"
) -> None:
    coding = Coding(system=system, code=code, display=display)
    sent = Coding()
    sent.CopyFrom(coding)
    codings.mark(coding, people=False)
    assert coding.verification == mark
    coding.ClearField("verification")
    assert coding == sent, "kept as it came"


def test_people_are_refused_the_name_of_another_code_with_the_field() -> None:
    wrong = Coding(system=ATC, code="J01CE02", display="Ibuprofen")
    entry = CriticalInfo(code=CodeableConcept(codings=[Coding(system=SNOMED, code="1"), wrong]))
    with pytest.raises(Invalid, match="M01AE01") as refused:
        codings.mark(entry, people=True)
    assert refused.value.field == "code.codings[1].display"
    medicines = MedicationList()
    medicines.entries.add(medication=Medication(atc=wrong))
    with pytest.raises(Invalid) as refused:
        codings.mark(medicines, people=True)
    assert refused.value.field == "entries[0].medication.atc.display"


def test_an_unknown_code_is_kept_and_marked_for_people_too() -> None:
    coding = Coding(system=ATC, code="Z99ZZ99", display="Noe")
    codings.mark(coding, people=True)
    assert coding.verification == UNKNOWN


def test_a_mark_that_the_caller_sends_is_not_kept() -> None:
    coding = Coding(system=SNOMED, code="1", verification=KNOWN)
    codings.mark(coding, people=True)
    assert coding.verification == FINE


def test_an_invented_code_of_a_known_group_never_passes_as_verified() -> None:
    numbers = [f"{group}{number:02}" for group in ("M01AE", "J01CE", "B01AA", "N02BE") for number in range(100)]
    for code in {*numbers} - atc_known.WHOLE:
        coding = Coding(system=ATC, code=code)
        codings.mark(coding, people=True)
        assert coding.verification == UNKNOWN


def test_every_code_that_invented_people_have_is_verified() -> None:
    """They would be marked in every summary."""
    root = Path(__file__).resolve().parents[3]
    text = " ".join(path.read_text() for path in (root / "kj/synthetic/catalogues").glob("*.py"))
    named = set(re.findall(r"\b[A-DGHJ-NPRSV]\d\d[A-Z]{2}\d\d\b", text)) | set(NAMES)
    assert named - atc_known.WHOLE == set()


def test_what_a_release_knows_of_codes_makes_no_other_message_of_the_same() -> None:
    sent = MedicationList(service=Coding(system=ATC, code="J01CE02"))
    sent.entries.add(medication=Medication(code=CodeableConcept(codings=[Coding(system=ATC, code="M01AE99")])))
    marked = MedicationList.FromString(sent.SerializeToString())
    codings.mark(marked, people=False)
    assert marked != sent
    assert digest(marked) == digest(sent)
    assert without_marks(marked) == sent
    assert marked.entries[0].medication.code.codings[0].verification == UNKNOWN, "the message itself keeps its marks"


def test_a_coding_may_mean_both_codes() -> None:
    assert list(meanings.of(Coding(system=ATC, code="J01CE02", display="Ibuprofen"))) == ["J01CE02", "M01AE01"]
    assert list(meanings.of(Coding(system=ATC, code="J01CE02", display="Apocillin"))) == ["J01CE02"]
    assert list(meanings.of(Coding(system=SNOMED, code="1"))) == []


def test_people_are_refused_the_name_of_another_code_of_a_short_list() -> None:
    role = Coding(system=VOLVEN + "9060", code="LE", display="Sykepleier")
    with pytest.raises(Invalid, match="is the name of SP") as refused:
        codings.mark(CodeableConcept(codings=[role]), people=True)
    assert refused.value.field == "codings[0].display"
    codings.mark(CodeableConcept(codings=[role]), people=False)


@pytest.mark.parametrize("system", closed_lists.LISTS)
def test_no_two_codes_of_a_short_list_have_one_name(system: str) -> None:
    for code, name in closed_lists.LISTS[system].items():
        codings_of = Coding(system=system, code=code, display=name.upper())
        codings.mark(codings_of, people=True)
        assert codings_of.verification == KNOWN
    names = [name.lower() for name in closed_lists.LISTS[system].values()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("number", ["8116", "8202", "8239", "8244", "8245", "8271", "8327", "9060", "9602", "9603"])
def test_a_short_list_has_every_code_and_name_of_the_published_one(number: str) -> None:
    published = Path(__file__).resolve().parents[4] / "shared" / "data" / "codes" / f"volven-{number}.json"
    if not published.exists():
        pytest.skip("the published lists are not beside the repository")
    theirs = {each["code"]: each["display"].lower() for each in json.loads(published.read_text())["codes"]}
    assert {code: name.lower() for code, name in closed_lists.LISTS[VOLVEN + number].items()} == theirs
