"""Codes and displays as they are written: contradictions are refused to people, and kept with a mark from feeds."""

import pytest

from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding
from kjernejournal.critical_info.v1.critical_info_pb2 import CriticalInfo
from kjernejournal.medications.v1.medications_pb2 import Medication, MedicationList
from shared.codes import meanings
from shared.codes.systems import ATC, ICD10, SNOMED
from shared.errors import Invalid
from shared.handling import codings

UNKNOWN = common_pb2.CODE_VERIFICATION_NOT_VERIFIED
CONTRADICTORY = common_pb2.CODE_VERIFICATION_CONTRADICTORY
FINE = common_pb2.CODE_VERIFICATION_UNSPECIFIED
HL7_ATC = "urn:oid:2.16.840.1.113883.6.73"


@pytest.mark.parametrize(
    "system, code, display, mark",
    [
        (ATC, "J01CE02", "Ibuprofen", CONTRADICTORY),
        (HL7_ATC, "j01ce02 ", "ibuprofen 400 mg tabletter", CONTRADICTORY),
        (ATC, "QJ01CE02", "Ibuprofen", CONTRADICTORY),
        (ATC, "B01AA03", "Apixaban", CONTRADICTORY),
        (ATC, "J01CE02", "Fenoksymetylpenicillin", FINE),
        (ATC, "J01CE02", "Apocillin", FINE),
        (ATC, "J01CE02", "", FINE),
        (ATC, "B01AC06", "Acetylsalisylsyre", FINE),
        (ATC, "N02BA01", "acetylsalicylic acid", FINE),
        (ATC, "L01BA01", "Metotreksat", FINE),
        (ATC, "M02AA13", "Ibuprofen", FINE),  # on the skin: not in our table
        (ATC, "N02BE01", "Paracetamol/kodein", FINE),
        (ATC, "N02BE01", "Paracetamol og ibuprofen", FINE),
        (ATC, "Z99ZZ99", "Noe", UNKNOWN),
        (ATC, "C06AA01", "", UNKNOWN),
        (ATC, "M01AE99", "", FINE),
        (ATC, "A", "", FINE),
        (ATC, "not atc", "", UNKNOWN),
        (ATC, "QJ51CE09", "", FINE),
        (ICD10, "Q99.99", "", UNKNOWN),
        (ICD10, "Q99.9", "", FINE),
        (ICD10, "S02.00", "", FINE),
        (ICD10, "J45", "", FINE),
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
    coding = Coding(system=ATC, code="J01CE02", verification=CONTRADICTORY)
    codings.mark(coding, people=True)
    assert coding.verification == FINE


def test_a_coding_may_mean_both_codes() -> None:
    assert list(meanings.of(Coding(system=ATC, code="J01CE02", display="Ibuprofen"))) == ["J01CE02", "M01AE01"]
    assert list(meanings.of(Coding(system=ATC, code="J01CE02", display="Apocillin"))) == ["J01CE02"]
    assert list(meanings.of(Coding(system=SNOMED, code="1"))) == []
