"""Words of the terminal in Norwegian: values of the contract's enums by their names, and moments as dates in Norway."""

from datetime import UTC
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from shared.norwegian_time import norwegian_date

WORDS = {
    "SECTION_CRITICAL_INFO": "kritisk informasjon",
    "SECTION_MEDICATIONS": "legemidler",
    "SECTION_VISITS": "besøkshistorikk",
    "SECTION_DOCUMENTS": "journaldokumenter",
    "SECTION_LABS": "prøvesvar",
    "SECTION_VACCINATIONS": "vaksiner",
    "SECTION_OWN_REGISTRATIONS": "egne registreringer",
    "SECTION_PATIENT": "om pasienten",
    "UNAVAILABLE_REASON_UNSPECIFIED": "ukjent årsak",
    "UNAVAILABLE_REASON_TIMEOUT": "registeret svarte ikke i tide",
    "UNAVAILABLE_REASON_ERROR": "registeret feilet eller kan ikke nås",
    "UNAVAILABLE_REASON_OVERLOADED": "registeret er overbelastet",
    "UNAVAILABLE_REASON_TOO_LARGE": "svaret er for stort for et sammendrag",
    "CATEGORY_UNSPECIFIED": "ukjent kategori",
    "CATEGORY_DRUG_REACTION": "legemiddelreaksjon",
    "CATEGORY_OTHER_ALLERGY": "annen allergi",
    "CATEGORY_INTUBATION_PROBLEM": "intubasjonsproblem",
    "CATEGORY_OTHER_ANAESTHESIA_PROBLEM": "annet problem ved anestesi",
    "CATEGORY_CRITICAL_CONDITION": "kritisk medisinsk tilstand",
    "CATEGORY_ONGOING_TREATMENT": "pågående behandling",
    "CATEGORY_IMPLANT": "implantat",
    "CATEGORY_LIFE_PROLONGING_TREATMENT": "avgrensning av livsforlengende behandling",
    "CATEGORY_PROCEDURE_CHANGE": "annen prosedyreendring",
    "CATEGORY_INFECTION": "smitte",
    "CATEGORY_TREATMENT_DECISION": "HLR-minus og behandlingsavklaring",
    "STATUS_UNSPECIFIED": "ukjent status",
    "STATUS_ACTIVE": "aktiv",
    "STATUS_REFUTED": "avkreftet",
    "STATUS_ENTERED_IN_ERROR": "slettet",
    "STATUS_EXPIRED": "utløpt",
    "STATUS_ENDED": "avsluttet",
    "CERTAINTY_SUSPECTED": "mistenkt",
    "CERTAINTY_PROBABLE": "sannsynlig",
    "CERTAINTY_CONFIRMED": "bekreftet",
    "CRITICALITY_LOW": "mindre alvorlig",
    "CRITICALITY_HIGH": "ALVORLIG",
    "CRITICALITY_UNABLE_TO_ASSESS": "alvorlighet kan ikke vurderes",
    "ENTRY_STATUS_UNSPECIFIED": "UKJENT STATUS",
    "ENTRY_STATUS_ACTIVE": "i bruk",
    "ENTRY_STATUS_DISCONTINUED": "SEPONERT",
    "ENTRY_STATUS_PAUSED": "PAUSET",
    "PRESCRIPTION_STATE_UNSPECIFIED": "ukjent status",
    "PRESCRIPTION_STATE_DISPENSABLE": "kan utleveres",
    "PRESCRIPTION_STATE_BEING_DISPENSED": "under ekspedering",
    "PRESCRIPTION_STATE_FINISHED": "ferdig ekspedert",
    "PRESCRIPTION_STATE_RECALLED": "tilbakekalt",
    "PRESCRIPTION_STATE_EXPIRED": "utløpt",
    "CONTACT_KIND_UNSPECIFIED": "ukjent type",
    "CONTACT_KIND_OUTPATIENT": "poliklinikk",
    "CONTACT_KIND_DAY_TREATMENT": "dagbehandling",
    "CONTACT_KIND_ADMISSION": "innleggelse",
    "RESULT_STATUS_UNSPECIFIED": "ukjent status",
    "RESULT_STATUS_REGISTERED": "registrert",
    "RESULT_STATUS_PARTIAL": "delvis",
    "RESULT_STATUS_PRELIMINARY": "foreløpig",
    "RESULT_STATUS_FINAL": "endelig",
    "RESULT_STATUS_AMENDED": "endret",
    "RESULT_STATUS_CORRECTED": "rettet",
    "RESULT_STATUS_APPENDED": "tilføyd",
    "RESULT_STATUS_CANCELLED": "avbestilt",
    "RESULT_STATUS_UNKNOWN": "ukjent status",
    "DEVIATION_ABOVE": "over",
    "DEVIATION_BELOW": "under",
    "DEVIATION_OUTSIDE": "utenfor",
    "VACCINATION_STATUS_UNSPECIFIED": "ukjent status",
    "VACCINATION_STATUS_COMPLETED": "gitt",
    "VACCINATION_STATUS_NOT_DONE": "ikke gitt",
    "CONTACT_ROLE_UNSPECIFIED": "kontakt",
    "CONTACT_ROLE_NEXT_OF_KIN": "pårørende",
    "CONTACT_ROLE_CONTACT": "kontaktperson",
    "CONTACT_ROLE_HEALTH_SERVICE": "helsetjeneste",
    "CONTACT_ROLE_EMPLOYER": "arbeidsgiver",
    "COMMUNICATION_KIND_UNSPECIFIED": "ukjent behov",
    "COMMUNICATION_KIND_SIGHT": "syn",
    "COMMUNICATION_KIND_HEARING": "hørsel",
    "COMMUNICATION_KIND_SPEECH": "tale",
    "COMMUNICATION_KIND_LANGUAGE": "språk",
    "DONOR_DECISION_UNSPECIFIED": "ukjent valg",
    "DONOR_DECISION_WILLING": "ja til å donere",
    "DONOR_DECISION_UNWILLING": "nei til å donere",
    "CHECK_KIND_UNSPECIFIED": "ukjent kontroll",
    "CHECK_KIND_ALLERGY": "allergi",
    "CHECK_KIND_ALLERGY_CLASS": "kryssallergi",
    "CHECK_KIND_INTERACTION": "interaksjon",
    "CHECK_KIND_DUPLICATE": "dobbelt",
    "CHECK_KIND_CONDITION": "tilstand",
    "CHECK_KIND_LABORATORY": "prøvesvar",
    "SEVERITY_UNSPECIFIED": "ukjent alvor",
    "SEVERITY_INFORMATION": "informasjon",
    "SEVERITY_CAUTION": "forsiktighet",
    "SEVERITY_AVOID": "bør unngås",
    "SEVERITY_CONTRAINDICATED": "kontraindisert",
    "NOT_CHECKED_REASON_UNSPECIFIED": "ukjent årsak",
    "NOT_CHECKED_REASON_SECTION_UNAVAILABLE": "ikke tilgjengelig",
    "NOT_CHECKED_REASON_SECTION_WITHHELD": "sperret av pasienten",
    "NOT_CHECKED_REASON_SECTION_NOT_AUTHORIZED": "ikke for denne brukeren",
    "NOT_CHECKED_REASON_SUBSTANCE_UNKNOWN": "ukjent virkestoff",
    "NOT_CHECKED_REASON_NO_KNOWLEDGE": "mangler kunnskap",
    "NOT_CHECKED_REASON_SECTION_INCOMPLETE": "ufullstendig",
    "NOT_CHECKED_REASON_SECTION_NOT_ASKED": "ikke spurt om",
    "NOT_CHECKED_REASON_KNOWLEDGE_UNAVAILABLE": "legemiddelkunnskapen kan ikke nås",
    "NOT_CHECKED_REASON_NOT_LOOKED_AT": "blir ikke sett på",
}
"""A value that is not here is shown by its name in the contract."""


def words(kind: Any, value: int) -> str:
    """Returns a value of an enum in words, also one of a newer release."""
    if value not in kind.values():
        return f"ukjent ({value})"  # of a newer release
    name: str = kind.Name(value)
    prefix = "".join(f"_{char}" if char.isupper() else char.upper() for char in kind.DESCRIPTOR.name).lstrip("_")
    return WORDS.get(name) or name.removeprefix(prefix + "_").replace("_", " ").lower()


def day(moment: Timestamp) -> str:
    """Returns the date in Norway of a moment; "" for one that is not known."""
    return norwegian_date(moment.ToDatetime(tzinfo=UTC)).isoformat() if moment.seconds else ""
