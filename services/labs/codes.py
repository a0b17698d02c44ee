"""What codes of laboratory answers say of expertise and of reference limits.

Sources: HL7Norway/kodeverk, no-kodeverk-8202 and -8244 at 7eb5a16; HL7 v3 ObservationInterpretation.
"""

from kjernejournal.labs.v1.labs_pb2 import (
    DEVIATION_ABOVE,
    DEVIATION_BELOW,
    DEVIATION_NONE,
    DEVIATION_OUTSIDE,
    EXPERTISE_IMAGING,
    EXPERTISE_LABORATORY,
    EXPERTISE_PATHOLOGY,
)
from shared.codes import systems

EXPERTISES = {"LAB": EXPERTISE_LABORATORY, "PAT": EXPERTISE_PATHOLOGY, "BLD": EXPERTISE_IMAGING}
"""Main expertise: these three of Volven 8202. Source: NILAR, value set MainExpertise."""

DEVIATIONS = {
    (systems.DEVIATIONS, "1"): DEVIATION_ABOVE,
    (systems.DEVIATIONS, "2"): DEVIATION_BELOW,
    (systems.DEVIATIONS, "3"): DEVIATION_OUTSIDE,
    **{(systems.INTERPRETATIONS, code): DEVIATION_ABOVE for code in ("H", "HH", "HU", ">")},
    **{(systems.INTERPRETATIONS, code): DEVIATION_BELOW for code in ("L", "LL", "LU", "<")},
    (systems.INTERPRETATIONS, "N"): DEVIATION_NONE,
}
"""Interpretations that say how a value stands to its limits. Others, such as A (abnormal), may be about no limits."""
