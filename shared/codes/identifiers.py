"""Names of the systems that number people and organisations. Source: HL7 Norway, no-basis (Patient, Practitioner)."""

_NUMBERS = "urn:oid:2.16.578.1.12.4.1.4."

FODSELSNUMMER = _NUMBERS + "1"
D_NUMBER = _NUMBERS + "2"
FH_NUMBER = _NUMBERS + "3"
HPR = _NUMBERS + "4"
"""Health personnel."""
ORGANISATION_NUMBER = _NUMBERS + "101"
RESH = _NUMBERS + "102"
"""Units of specialist care."""
