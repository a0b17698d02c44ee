"""Says what personnel may do, as data: role x kind of service x basis x action, one row each with its source.

What no row allows is denied. A row says what a person in that place may do to a patient's record as such; which kinds
of entries a role may write (a nurse's treatments, a psychologist's crisis plan) is the rule of the register.
"""

import enum
import hashlib
import itertools
from dataclasses import dataclass

from gateway.access.facts import ActionValue, BasisValue, SectionValue
from kjernejournal.common.v1 import common_pb2
from shared.codes.personnel import PERSONNEL, ServiceKind
from shared.register.sections import CLINICAL, TRAITS

READ = common_pb2.ACTION_READ
WRITE = common_pb2.ACTION_WRITE
SAMTYKKE = common_pb2.ACCESS_BASIS_SAMTYKKE
AKUTT = common_pb2.ACCESS_BASIS_AKUTT
UNNTAK = common_pb2.ACCESS_BASIS_UNNTAK
FORHOYET_SAMTYKKE = common_pb2.ACCESS_BASIS_FORHOYET_SAMTYKKE
FORHOYET_AKUTT = common_pb2.ACCESS_BASIS_FORHOYET_AKUTT


class Part(enum.Enum):
    """The parts of a record that personnel meet. The access log is none of them: it is not for them."""

    CLINICAL = "clinical"
    CARE_RELATION = "that the organisation treats the patient, for its systems to follow the record"
    AT_PATIENTS_REQUEST = "what is done in the patient's name: privacy settings, changes to own registrations"


class Relation(enum.Enum):
    """What must hold between caller and patient, beside the basis."""

    NONE = "none"
    GP = "the patient's general practitioner or a substitute"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: any of the roles, in any of the services, on any of the bases, may do any of the actions."""

    name: str
    roles: tuple[str, ...]
    services: tuple[ServiceKind, ...]
    bases: tuple[BasisValue, ...]
    actions: tuple[ActionValue, ...]
    source: str
    relation: Relation = Relation.NONE
    part: Part = Part.CLINICAL
    sections: tuple[SectionValue, ...] = ()
    """Of the part, where it is not all of it."""


DOCTOR = ("LE",)
NURSE = ("SP",)
VERNEPLEIER = ("VP",)
PSYCHOLOGIST = ("PS",)
PHARMACIST = ("FA1", "FA2")

EVERY_SERVICE = tuple(ServiceKind)
CONSENT = (SAMTYKKE, FORHOYET_SAMTYKKE)
EMERGENCY = (AKUTT, FORHOYET_AKUTT)
SPECIALIST_AND_ACUTE = (ServiceKind.HOSPITAL, ServiceKind.EMERGENCY, ServiceKind.KAD)
MUNICIPAL_CARE = (ServiceKind.HOME_CARE, ServiceKind.NURSING_HOME)
_MEDICINES = (common_pb2.SECTION_MEDICATIONS,)
_IN_MUNICIPAL_CARE = (
    "kjernejournalforskriften § 7; Helsedirektoratet, answer of 20.12.2021 to its hearing (regjeringen.no id2872755): "
    "personnel responsible for medicines in nursing homes and home nursing are exempt from consent"
)
_TREATED = (
    "this record's own rule: who may read without an emergency may have the organisation's systems follow the record; "
)
_DISPENSING = (
    "SFM, message M25.2 and the list of multidose come from and go to pharmacies (sfm-PLL-info2); that dispensing "
    "needs no consent is inferred"
)

RULES: tuple[Rule, ...] = (
    Rule(
        "read on consent",
        tuple(PERSONNEL),
        EVERY_SERVICE,
        CONSENT,
        (READ,),
        "NHN, Kjernejournal documentation and login client: SAMTYKKE is for any authorised personnel. KS and "
        "digitrofi.no name doctors, nurses, vernepleiere and clinical pharmacists in home care, nursing homes and "
        "acute wards, and case officers of allocation offices",
    ),
    Rule(
        "read in an emergency",
        tuple(PERSONNEL),
        EVERY_SERVICE,
        EMERGENCY,
        (READ,),
        "NHN, Kjernejournal documentation and login client: AKUTT is for any personnel",
    ),
    Rule(
        "general practitioner reads",
        DOCTOR,
        (ServiceKind.GP,),
        (UNNTAK,),
        (READ,),
        "NHN, Kjernejournal documentation: UNNTAK, the patient's GP needs no consent",
        relation=Relation.GP,
    ),
    Rule(
        "specialist care and the acute chain read",
        DOCTOR + NURSE,
        SPECIALIST_AND_ACUTE,
        (UNNTAK,),
        (READ,),
        "NHN, Kjernejournal documentation: UNNTAK, doctors and nurses in specialist care and the acute chain; that "
        "the municipal acute ward (KAD/ØHD) belongs to it is inferred",
    ),
    Rule(
        "municipal care reads",
        DOCTOR + NURSE + VERNEPLEIER,
        MUNICIPAL_CARE,
        (UNNTAK,),
        (READ,),
        f"{_IN_MUNICIPAL_CARE}; digitrofi.no: vernepleiere work beside nurses there",
    ),
    Rule(
        "pharmacists read medicines for dispensing",
        PHARMACIST,
        (ServiceKind.PHARMACY,),
        (UNNTAK,),
        (READ,),
        _DISPENSING,
        sections=_MEDICINES,
    ),
    Rule(
        "doctors, nurses and psychologists write",
        DOCTOR + NURSE + PSYCHOLOGIST,
        tuple(kind for kind in ServiceKind if kind not in {ServiceKind.PHARMACY, ServiceKind.ALLOCATION_OFFICE}),
        CONSENT + EMERGENCY,
        (WRITE,),
        "ehelse.no, «Flere kan registrere kritisk informasjon»: doctors register everything, nurses certain "
        "treatments, psychologists the crisis plan",
    ),
    Rule(
        "vernepleiere write as nurses do",
        VERNEPLEIER,
        MUNICIPAL_CARE,
        CONSENT + EMERGENCY,
        (WRITE,),
        "digitrofi.no: vernepleiere work beside nurses in municipal care (inferred: alike in home care, nursing homes)",
    ),
    Rule(
        "clinical pharmacists write",
        PHARMACIST,
        (*MUNICIPAL_CARE, ServiceKind.KAD, ServiceKind.HOSPITAL),
        CONSENT,
        (WRITE,),
        "digitrofi.no: clinical pharmacists in home care, nursing homes and acute wards (inferred: they propose "
        "and reconcile medicines there and in hospitals)",
    ),
    Rule(
        "pharmacists of a pharmacy propose",
        PHARMACIST,
        (ServiceKind.PHARMACY,),
        (UNNTAK, *CONSENT),
        (WRITE,),
        f"{_DISPENSING}; which writes of medicines are theirs is the rule of the register: proposals alone",
        sections=_MEDICINES,
    ),
    Rule(
        "general practitioner writes",
        DOCTOR,
        (ServiceKind.GP,),
        (UNNTAK,),
        (WRITE,),
        "NHN, Kjernejournal documentation: UNNTAK, the patient's GP; ehelse.no: doctors register everything",
        relation=Relation.GP,
    ),
    Rule(
        "specialist care and the acute chain write",
        DOCTOR + NURSE,
        SPECIALIST_AND_ACUTE,
        (UNNTAK,),
        (WRITE,),
        "NHN, Kjernejournal documentation: UNNTAK; ehelse.no: doctors everything, nurses certain treatments",
    ),
    Rule(
        "municipal care writes",
        DOCTOR + NURSE + VERNEPLEIER,
        MUNICIPAL_CARE,
        (UNNTAK,),
        (WRITE,),
        f"{_IN_MUNICIPAL_CARE}; ehelse.no: doctors everything, nurses certain treatments",
    ),
    Rule(
        "personnel register a care relation on consent",
        tuple(PERSONNEL),
        EVERY_SERVICE,
        (SAMTYKKE,),
        (WRITE,),
        f"{_TREATED}with consent, as for reading",
        part=Part.CARE_RELATION,
    ),
    Rule(
        "general practitioner registers a care relation",
        DOCTOR,
        (ServiceKind.GP,),
        (UNNTAK,),
        (WRITE,),
        f"{_TREATED}UNNTAK as for reading, the patient's GP",
        relation=Relation.GP,
        part=Part.CARE_RELATION,
    ),
    Rule(
        "specialist care and the acute chain register a care relation",
        DOCTOR + NURSE,
        SPECIALIST_AND_ACUTE,
        (UNNTAK,),
        (WRITE,),
        f"{_TREATED}UNNTAK as for reading",
        part=Part.CARE_RELATION,
    ),
    Rule(
        "municipal care registers a care relation",
        DOCTOR + NURSE + VERNEPLEIER,
        MUNICIPAL_CARE,
        (UNNTAK,),
        (WRITE,),
        f"{_TREATED}UNNTAK as for reading",
        part=Part.CARE_RELATION,
    ),
    Rule(
        "personnel act in the patient's name",
        tuple(PERSONNEL),
        EVERY_SERVICE,
        (SAMTYKKE,),
        (READ, WRITE),
        "NHN, Kjernejournal help, «Innstillinger»: personnel may use the patient's settings with consent, all logged",
        part=Part.AT_PATIENTS_REQUEST,
    ),
    Rule(
        "personnel change what the patient has registered and restricted",
        tuple(PERSONNEL),
        EVERY_SERVICE,
        (FORHOYET_SAMTYKKE,),
        (WRITE,),
        "as above, with the patient's consent to open what is restricted",
        part=Part.AT_PATIENTS_REQUEST,
        sections=(common_pb2.SECTION_OWN_REGISTRATIONS,),
    ),
    Rule(
        "doctors and nurses loosen what the patient has closed",
        DOCTOR + NURSE,
        EVERY_SERVICE,
        (FORHOYET_SAMTYKKE,),
        (WRITE,),
        "EH, «Åtte råd»: a block is lifted by the patient through personnel who are not blocked; that it takes the "
        "elevated consent, and a doctor or nurse, is this record's own rule",
        part=Part.AT_PATIENTS_REQUEST,
        sections=(common_pb2.SECTION_PRIVACY,),
    ),
)


def part_of(section: SectionValue, action: ActionValue) -> Part | None:
    """Returns the part whose rows speak of this section. None: no row does (the access log, unknown sections)."""
    if section == common_pb2.SECTION_PRIVACY:
        return Part.AT_PATIENTS_REQUEST
    if section == common_pb2.SECTION_OWN_REGISTRATIONS and action == WRITE:
        return Part.AT_PATIENTS_REQUEST
    if section == common_pb2.SECTION_PATIENT and action == WRITE:
        return Part.CARE_RELATION
    return Part.CLINICAL if section in CLINICAL else None


_Key = tuple[str, ServiceKind, BasisValue, ActionValue, SectionValue]


def _index(rules: tuple[Rule, ...]) -> dict[_Key, Rule]:
    found: dict[_Key, Rule] = {}
    for rule in rules:
        for action in rule.actions:
            sections = [each for each in TRAITS if part_of(each, action) is rule.part]
            narrowed = [each for each in sections if not rule.sections or each in rule.sections]
            for role, service, basis, section in itertools.product(rule.roles, rule.services, rule.bases, narrowed):
                key = (role, service, basis, action, section)
                if key in found:
                    raise ValueError(f"two rows speak of the same case: {found[key].name!r} and {rule.name!r}")
                found[key] = rule
    return found


_INDEX = _index(RULES)


def find(role: str, service: ServiceKind, basis: BasisValue, action: ActionValue, section: SectionValue) -> Rule | None:
    """Returns the one row that allows this, or None."""
    return _INDEX.get((role, service, basis, action, section))


def bases(role: str, service: ServiceKind, action: ActionValue, section: SectionValue) -> tuple[BasisValue, ...]:
    """Returns the bases on which the role may do this in such a service, whoever the patient is. None: never."""
    return tuple(
        basis for basis in common_pb2.AccessBasis.values() if find(role, service, basis, action, section) is not None
    )


def _digest() -> str:
    rows = [
        (r.name, r.roles, [s.name for s in r.services], r.bases, r.actions, r.relation.name, r.part.name, r.sections)
        for r in RULES
    ]
    return hashlib.sha256(repr((rows, sorted(CLINICAL))).encode()).hexdigest()[:12]


POLICY_VERSION = f"7.{_digest()}"
"""Stands in every audit record: a changed table, or another set of clinical sections, is another version. The number
before the dot is the code's."""
