"""The code systems of critical information, as their sources name them.

Sources: HL7Norway's base profiles (NoBasisAllergyIntolerance: Volven 7497 and 7498, ATC, FEST), HL7Norway/LMDI for the
newer names of FEST, KI-FHIR for the register's own list of sources and for Volven 7655. Codes are checked by their
system, and those of ATC by their form: the lists of 7497, 7498 and 7655 are not open, and the register's own check of
each code is not made here.
"""

from shared.codes import systems
from shared.codes.systems import SNOMED

MEDICINES = systems.FEST | {systems.ATC}
DIAGNOSES = frozenset({systems.ICD10, systems.ICPC2})
"""ICD-10, without chapters XX and XXI, and ICPC-2."""

MANIFESTATIONS = frozenset({systems.REACTIONS, SNOMED})
"""Types of reaction."""
SOURCES_OF_INFORMATION = frozenset({systems.SOURCES_OF_INFORMATION, systems.KJ_SOURCES_OF_INFORMATION})
DURATIONS = frozenset({systems.DECISION_DURATIONS})
"""How long a decision on treatment holds."""
