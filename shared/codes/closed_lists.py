"""Short code lists of which every code is known, with the codes' names: a code that is not there is none of the list.

Written from facts, codes and names alone. Sources: HL7Norway/kodeverk (no-kodeverk-9060, -9603, -8116, -8327 and -8271
at 7eb5a16) and HL7Norway/basisprofiler-r4-fsh (family relation, marital status, parental responsibility); the others
say theirs in their own files.
"""

from collections.abc import Mapping

from kjernejournal.common.v1.common_pb2 import Coding
from shared.codes import document_types, family, laboratory, personnel, systems

RESTRICTIONS = {
    "N": "Normal",
    "NORN_FFL": "Nektet, fare for liv",
    "NORN_KUT": "Nektet, klart utilrådelig",
    "NORN_EPO": "Nektet, eget ønske",
    "NORN_ALL": "Nektet, alle",
    "NORN_FOR": "Nektet, foreldet",
    "NORN_FORANS": "Nektet, foreldreansvarlig",
    "NORN_UNGDOM": "Nektet, ungdom",
    "NORN_FFH": "Nektet, fare for helsepersonell",
    "NORN_FPB": "Nektet, forsvarlig pasientbehandling",
    "NORN_DUP": "Nektet, duplikat",
    "NORN_ANG": "Nektet – andre grunner",  # noqa: RUF001  # as the list writes it
    "NORU": "Utsatt innsyn for innbygger",
    "NORS": "Sperret",
}
"""Volven 9603."""

_PERSON_IDS = {
    "FNR": "Fødselsnummer",
    "DNR": "D-nummer",
    "HNR": "H-nummer",
    "HPR": "HPR-nummer",
    "HER": "HER-id",
    "PNR": "Passnummer",
    "SEF": "Svensk personnummer",
    "DKF": "Dansk personnummer",
    "SSN": "Sosial security number",
    "FPN": "Forsikringspolise nummer",
    "UID": "Utenlandsk identifikasjon",
    "DUF": "DUF-nummer",
    "FHN": "Felles hjelpenummer",
    "XXX": "Annet",
}
_MARITAL_STATUSES = {
    "uoppgitt": "Uoppgitt",
    "ugift": "Ugift",
    "gift": "Gift",
    "enkeEllerEnkemann": "Enke eller enkemann",
    "skilt": "Skilt",
    "separert": "Separert",
    "registrertPartner": "Registrert partner",
    "separertPartner": "Separert partner",
    "skiltPartner": "Skilt partner",
    "gjenlevende_partner": "Gjenlevende partner",
}
LISTS: dict[str, Mapping[str, str]] = {
    personnel.ROLE_SYSTEM: {
        **personnel.PERSONNEL,
        "VE": "veterinær",
        "FB": "fiskehelsebiolog",
        "MT": "manuellterapeut",
        "XX": "ukjent/uspesifisert",
    },
    systems.DOCUMENT_TYPES: document_types.CLASSES | document_types.TYPES,
    systems.RESTRICTIONS: RESTRICTIONS,
    **laboratory.VALUES,
    systems.RESISTANCE: {
        "S": "Sensitiv, standarddose",
        "I": "Sensitiv, økt eksponering",
        "K": "Se kommentar",
        "R": "Resistent",
    },
    systems.PERSON_IDS: _PERSON_IDS,
    systems.OFFICIAL_PERSON_IDS: {
        "DNR": "D-nummer",
        "FHN": "Felles hjelpenummer (FH-nummer)",
        "FNR": "Fødselsnummer",
        "HNR": "Virksomhetsinternt hjelpenummer",
    },
    systems.FAMILY_RELATIONS: family.RELATIONS,
    systems.MARITAL_STATUSES: _MARITAL_STATUSES,
    systems.PARENTAL_RESPONSIBILITY: {
        "felles": "Felles",
        "mor": "Mor",
        "far": "Far",
        "medmor": "Medmor",
        "andre": "Andre",
        "ukjent": "Ukjent",
    },
}
"""By system: the name of every code."""


def is_known(coding: Coding) -> bool | None:
    """Whether a coding's code is one of its list; None for a system whose list is not known whole."""
    names = LISTS.get(systems.canonical(coding.system))
    return None if names is None else coding.code.strip() in names


def other_codes(coding: Coding) -> frozenset[str]:
    """Returns the codes of the list whose name the display is, where it is not the name of the coding's own, which
    must be known; else nothing."""
    names = LISTS.get(systems.canonical(coding.system), {})
    own, display = coding.code.strip(), _plain(coding.display)
    if own not in names or _plain(names[own]) == display:
        return frozenset()
    return frozenset(code for code, name in names.items() if _plain(name) == display)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
