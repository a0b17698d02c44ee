"""The code systems of critical information, as their sources name them.

Sources: HL7Norway's base profiles (NoBasisAllergyIntolerance: Volven 7497 and 7498, ATC, FEST), HL7Norway/LMDI for the
newer names of FEST, KI-FHIR for the register's own list of sources and for Volven 7655. Codes are checked by their
system alone: the lists of 7497, 7498 and 7655 are not open, and the register's own check of each code is not made here.
"""

VOLVEN = "urn:oid:2.16.578.1.12.4.1.1."

ATC = "http://www.whocc.no/atc"
FEST = frozenset(
    {
        "http://ehelse.no/FESTSubstance",
        "http://ehelse.no/FESTMedication",
        "http://dmp.no/fhir/NamingSystem/festLegemiddelMerkevare",
        "http://dmp.no/fhir/NamingSystem/festLegemiddelDose",
        "http://dmp.no/fhir/NamingSystem/festLegemiddelPakning",
    }
)
SNOMED = "http://snomed.info/sct"

MEDICINES = FEST | {ATC}
DIAGNOSES = frozenset({VOLVEN + "7110", VOLVEN + "7170"})
"""ICD-10, without chapters XX and XXI, and ICPC-2."""

MANIFESTATIONS = frozenset({VOLVEN + "7497", SNOMED})
"""Types of reaction."""
SOURCES_OF_INFORMATION = frozenset({VOLVEN + "7498", "http://nhn.no/kj/fhir/CodeSystem/SourceOfInformation"})
DURATIONS = frozenset({VOLVEN + "7655"})
"""How long a decision on treatment holds."""
