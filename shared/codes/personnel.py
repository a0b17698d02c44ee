"""Code lists of who personnel are and where they work: real codes, each list with its source."""

import enum
import re

from shared.codes.systems import VOLVEN

ROLE_SYSTEM = VOLVEN + "9060"
AREAS = VOLVEN + "8655"
MUNICIPAL_SERVICES = VOLVEN + "8663"
HOSPITAL_SERVICES = VOLVEN + "8653"
PHARMACY_SERVICES = VOLVEN + "8664"
MUNICIPAL_DETAILS = VOLVEN + "9151"

PERSONNEL: dict[str, str] = {
    "AA": "ambulansearbeider",
    "AT": "apotektekniker",
    "AU": "audiograf",
    "BI": "bioingeniør",
    "ET": "ergoterapeut",
    "FA1": "provisorfarmasøyt",
    "FA2": "reseptarfarmasøyt",
    "FO": "fotterapeut",
    "FT": "fysioterapeut",
    "HE": "helsesekretær",
    "HF": "helsefagarbeider",
    "HP": "hjelpepleier",
    "JO": "jordmor",
    "KE": "klinisk ernæringsfysiolog",
    "KI": "kiropraktor",
    "LE": "lege",
    "NP": "naprapat",
    "OA": "omsorgsarbeider",
    "OI": "ortopediingeniør",
    "OP": "optiker",
    "OR": "ortoptist",
    "OS": "osteopat",
    "PE": "perfusjonist",
    "PM": "paramedisiner",
    "PS": "psykolog",
    "RA": "radiograf",
    "SP": "sykepleier",
    "TH": "tannhelsesekretær",
    "TL": "tannlege",
    "TP": "tannpleier",
    "TT": "tanntekniker",
    "VP": "vernepleier",
}
"""Volven 9060, categories of health personnel, without VE and FB (they treat animals), XX (unknown), MT (expired)."""


AUTHORISATIONS_IN_FORCE = frozenset({"1", "2", "4", "14", "17", "18"})
"""Volven 7704, kinds of authorisation in the register of health personnel (HPR), with which somebody practises by their
own right: 1 is autorisasjon, the others are licences and limited rights. 0 is none, 3 a student's. As NAV's rules for
who may certify sick leave take them (github.com/navikt, syfosmregler)."""


class ServiceKind(enum.Enum):
    """The kind of health service that the caller works in, as attested in the token."""

    GP = "general practice"
    HOSPITAL = "specialist care"
    EMERGENCY = "out-of-hours clinic, emergency ward, ambulance, emergency call centre"
    KAD = "municipal acute ward"
    HOME_CARE = "home care"
    NURSING_HOME = "nursing home"
    PHARMACY = "pharmacy"
    ALLOCATION_OFFICE = "allocation of municipal services"
    OTHER = "another service, or none stated"


_SPECIALIST_AREAS = re.compile(r"S|S(0[2-9]|1[0-6])([0-9]{2}){0,2}|P|P[BV]([0-9]{2})?|R([0-9]{2})?|H0[78]")
"""Volven 8655, areas of health care: somatic (S, without S01, general practice), mental health (P), addiction (R) and
habilitation (H07, H08), with their subdivisions such as S0208 and PV04."""

_SERVICES: dict[tuple[str, str], ServiceKind] = {
    # Volven 8663, services of municipalities.
    (MUNICIPAL_SERVICES, "KA01"): ServiceKind.GP,  # fastlegetjeneste
    (MUNICIPAL_SERVICES, "KA02"): ServiceKind.EMERGENCY,  # legevakt
    (MUNICIPAL_SERVICES, "KX05"): ServiceKind.KAD,  # øyeblikkelig hjelp døgntilbud
    (MUNICIPAL_SERVICES, "KP01"): ServiceKind.NURSING_HOME,  # legetjeneste ved sykehjem mv.
    (MUNICIPAL_SERVICES, "KP02"): ServiceKind.HOME_CARE,  # sykepleietjeneste; the detail below marks a nursing home's
    (MUNICIPAL_SERVICES, "KD0501"): ServiceKind.ALLOCATION_OFFICE,  # saksbehandling, pleie og omsorg
    # Volven 8653, services of hospitals across specialities.
    (HOSPITAL_SERVICES, "4"): ServiceKind.EMERGENCY,  # legevakt
    (HOSPITAL_SERVICES, "6"): ServiceKind.EMERGENCY,  # akuttmottak
    (HOSPITAL_SERVICES, "7"): ServiceKind.EMERGENCY,  # ambulansetjeneste
    (HOSPITAL_SERVICES, "8"): ServiceKind.EMERGENCY,  # luftambulanse
    (HOSPITAL_SERVICES, "9"): ServiceKind.EMERGENCY,  # AMK-sentral
    # Volven 8664, services of pharmacies.
    (PHARMACY_SERVICES, "PA"): ServiceKind.PHARMACY,  # apotek
}
"""Code list and code to the kind of service. Displays as published for the address register and document sharing
(value set «KithHealthcareServiceTypes», NHN's XCA document source)."""

_DETAILS: dict[str, ServiceKind] = {
    "15": ServiceKind.HOME_CARE,  # helsetjenester i hjemmet
    "18": ServiceKind.NURSING_HOME,  # tidsbegrenset opphold, utredning/behandling
    "19": ServiceKind.NURSING_HOME,  # tidsbegrenset opphold, habilitering/rehabilitering
    "20": ServiceKind.NURSING_HOME,  # tidsbegrenset opphold, annet
    "21": ServiceKind.NURSING_HOME,  # langtidsopphold i institusjon
}
"""Volven 9151, kinds of municipal service, as reported to the municipal patient register (KPR)."""

_NURSING = {(MUNICIPAL_SERVICES, "KP01"), (MUNICIPAL_SERVICES, "KP02")}


def service_kind(system: str, code: str, detail_system: str = "", detail_code: str = "") -> ServiceKind:
    """Returns the kind of service of an attest's healthcare_service; its purpose_of_use_details narrows municipal
    nursing.

    Codes we do not know give OTHER: that kind has the fewest rights.
    """
    service = (system, code)
    detail = _DETAILS.get(detail_code) if detail_system == MUNICIPAL_DETAILS else None
    if detail and (service in _NURSING or service == ("", "")):
        return detail
    if system == AREAS:
        return ServiceKind.HOSPITAL if _SPECIALIST_AREAS.fullmatch(code) else ServiceKind.OTHER
    return _SERVICES.get(service, ServiceKind.OTHER)
