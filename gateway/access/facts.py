"""Holds what a decision is made from, and what it says: plain values without identities in their repr."""

import calendar
import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Self, TypeAlias

from google.protobuf.descriptor import MethodDescriptor

from gateway.access.clients import Client, MachineRightValue
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1 import error_reason_pb2 as reasons
from shared.codes.personnel import ServiceKind
from shared.errors import Denied, KjernejournalError, NotSupported, ReasonValue, patient_not_found

CallerKindValue: TypeAlias = "common_pb2.CallerKind.ValueType"
BasisValue: TypeAlias = "common_pb2.AccessBasis.ValueType"
SectionValue: TypeAlias = "common_pb2.Section.ValueType"
ActionValue: TypeAlias = "common_pb2.Action.ValueType"
AuditValue: TypeAlias = "common_pb2.AuditLevel.ValueType"
DecisionValue: TypeAlias = "common_pb2.SectionDecision.ValueType"
RepresentationValue: TypeAlias = "common_pb2.Representation.ValueType"

ELEVATED: frozenset[BasisValue] = frozenset(
    {common_pb2.ACCESS_BASIS_FORHOYET_SAMTYKKE, common_pb2.ACCESS_BASIS_FORHOYET_AKUTT}
)
"""Bases that open what the patient has restricted."""
EMERGENCY: frozenset[BasisValue] = frozenset({common_pb2.ACCESS_BASIS_AKUTT, common_pb2.ACCESS_BASIS_FORHOYET_AKUTT})
"""Bases of an emergency: it has room of its own, and is reviewed."""


class ProxyArea(enum.IntEnum):
    """Areas of a proxy (fullmakt) on the citizen portal."""

    VIEW = 1
    SEE_AND_CHANGE = 3


@dataclass(frozen=True, slots=True)
class BirthDate:
    """When somebody was born, as far as known: between these days, both included."""

    earliest: date
    latest: date

    @classmethod
    def on(cls, day: date) -> Self:
        """Returns a birth date that is known to the day."""
        return cls(day, day)

    @classmethod
    def known_in_part(cls, year: int, month: int, day: int) -> "Self | None":
        """Returns what year, month and day say, 0 where one is not known; None when they make no date."""
        try:
            if month and day:
                return cls.on(date(year, month, day))
            last = month or 12
            return cls(date(year, month or 1, 1), date(year, last, calendar.monthrange(year, last)[1]))
        except ValueError:
            return None

    def least_age(self, today: date) -> int:
        """Returns the full years that are lived for certain."""
        return _full_years(self.latest, today)

    def greatest_age(self, today: date) -> int:
        """Returns the most full years that may have been lived."""
        return _full_years(self.earliest, today)


def _full_years(born: date, today: date) -> int:
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, from a verified token. `refs` are the caller's own, filled in once the national id is resolved."""

    kind: CallerKindValue
    national_id: str | None = field(default=None, repr=False)
    refs: tuple[str, ...] = field(default=(), repr=False)
    hpr_number: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    role: str = ""
    """Category of health personnel (Volven 9060) that the caller acts as; "" when none is known."""
    authorisations: tuple[str, ...] = ()
    """Volven 9060 codes of the caller's authorisations."""
    organisation: str = ""
    """Organisation number of the point of care."""
    organisation_name: str = ""
    legal_entity: str = ""
    """Organisation number of the legal entity."""
    department: str = ""
    service: ServiceKind = ServiceKind.OTHER
    healthcare_service: str = ""
    """The attested service as system|code; stands in the citizen's log."""
    security_level: int = 0
    purpose_of_use: str = ""
    purpose_details: str = ""
    decision_ref: str = ""
    """The local decision behind the access."""
    user_selected: bool = False
    """The user decided it; otherwise the caller's system derived it."""
    toa: datetime | None = None
    """Time of attestation."""
    attested_patients: frozenset[str] = field(default=frozenset(), repr=False)
    """National ids that the attest names; empty: bound to no patient."""
    scopes: frozenset[str] = frozenset()
    controller: bool = False
    """An auditor of the data controller: sees every organisation's accesses."""
    expires: datetime | None = None
    """When the token or its attest runs out, whichever is first."""
    source_system: str = ""
    client_id: str = ""
    """The client that the token was issued to."""
    proof: bytes = field(default=b"", repr=False)
    """What the call's DPoP proof is known by; nothing where it came without one."""
    client: Client | None = None
    """What the operator registers this machine for. None: nothing, or the caller is no machine."""

    def attests(self, national_id: str) -> bool:
        """Whether the attest covers this patient: it names the patient, or nobody."""
        return not self.attested_patients or national_id in self.attested_patients


@dataclass(frozen=True, slots=True)
class CareRelation:
    """That an organisation treats the patient, as its personnel have registered it."""

    legal_entity: str
    organisation: str
    """Organisation number of the point of care."""
    until: datetime

    def is_of(self, caller: Caller, now: datetime) -> bool:
        """Whether it is in force for this caller: of the same legal entity, and of the same point of care where the
        caller's token names one."""
        units = {self.organisation, self.legal_entity}
        return caller.legal_entity == self.legal_entity and caller.organisation in units and now < self.until


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """What is known of the patient and decides. Refs are the internal references."""

    refs: tuple[str, ...] = field(repr=False)
    """Every reference, the canonical one first."""
    reservation: bool = False
    portal_reservation: bool = False
    """Against the portal alone: no citizen reaches the record, health personnel still do."""
    blocked_hpr_numbers: frozenset[str] = field(default=frozenset(), repr=False)
    restricted_sections: frozenset[SectionValue] = frozenset()
    single_entries_restricted: frozenset[SectionValue] = frozenset()
    """Sections in which single entries are restricted: an elevated basis has something to open there."""
    birth_date: BirthDate | None = field(default=None, repr=False)
    """Unknown: nobody may act as, or for, this person on the portal."""
    guardians: frozenset[str] = field(default=frozenset(), repr=False)
    """Refs of those with parental responsibility who may see the record of a child (address rule applied already)."""
    appointed: frozenset[str] = field(default=frozenset(), repr=False)
    """Refs of those who are appointed guardians (verge) of this person in personal matters."""
    proxies: Mapping[str, frozenset[int]] = field(default_factory=dict, repr=False)
    """Ref of the proxy to the areas granted (`ProxyArea`)."""
    gp_hpr_numbers: frozenset[str] = field(default=frozenset(), repr=False)
    """The current general practitioner and substitutes."""
    address_protection: bool = False
    deceased: bool = False
    care_relations: frozenset[CareRelation] = field(default=frozenset(), repr=False)

    def treated_by(self, caller: Caller, now: datetime) -> bool:
        """Whether the caller's organisation has a care relation in force."""
        return any(each.is_of(caller, now) for each in self.care_relations)


@dataclass(frozen=True, slots=True)
class AccessRule:
    """The access option of one rpc."""

    action: ActionValue
    section: SectionValue
    callers: frozenset[CallerKindValue]
    audit: AuditValue
    multi_patient: bool = False
    longest_stream: float | None = None
    """Seconds; None on unary rpcs."""
    changes_only: bool = False
    """The rpc says that something changed, and no content (WatchChanges)."""
    machine_right: MachineRightValue = common_pb2.MACHINE_RIGHT_UNSPECIFIED
    """What a machine has to be registered for."""

    @classmethod
    def from_method(cls, method: MethodDescriptor) -> Self:
        """Returns the option of a method. Raises ValueError when it has none: such an rpc must not be served."""
        options = method.GetOptions()
        if not options.HasExtension(common_pb2.access):
            raise ValueError(f"{method.full_name} has no access option")
        return cls.from_option(options.Extensions[common_pb2.access])

    @classmethod
    def from_option(cls, option: common_pb2.Access) -> Self:
        """Returns the rule that an option states."""
        longest = option.longest_stream.ToTimedelta().total_seconds() if option.HasField("longest_stream") else None
        return cls(
            action=option.action,
            section=option.section,
            callers=frozenset(option.callers),
            audit=option.audit,
            multi_patient=option.multi_patient,
            longest_stream=longest,
            changes_only=option.changes_only,
            machine_right=option.machine_right,
        )

    def needs_source_system(self, kind: CallerKindValue) -> bool:
        """Whether the caller has to name the system that asks: health personnel, in a call that goes on record.

        A citizen's or a machine's own system is the client of its token.
        """
        return kind == common_pb2.CALLER_KIND_CLINICIAN and not self.status_only

    @property
    def status_only(self) -> bool:
        """Whether the rpc says that something exists, and no content (GetIndicator, GetCriticalInfoStatus)."""
        return self.audit == common_pb2.AUDIT_LEVEL_NONE


class Outcome(enum.Enum):
    """What becomes of the whole call."""

    PERMIT = "permit"
    EXISTS = "exists"
    """The caller hears that a record exists, and that what is in it is not shown: a status rpc says so. No register is
    asked. Whoever does not look for this outcome refuses."""
    DENY = "deny"
    NOT_FOUND = "not found"


@dataclass(frozen=True, slots=True)
class SectionVerdict:
    """What was decided for one section. `reason` is for the caller, `rule` for whoever maintains the policy."""

    decision: DecisionValue
    reason: ReasonValue
    rule: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policy says of one call.

    `rule` explains the decision to whoever maintains the policy. It may say more than the caller may know, and nothing
    outside this package looks at it: handlers answer by `outcome`.
    """

    outcome: Outcome
    reason: ReasonValue
    rule: str
    sections: Mapping[SectionValue, SectionVerdict]
    policy_version: str
    elevated: bool = False
    """What the patient has restricted was opened."""
    representation: RepresentationValue = common_pb2.REPRESENTATION_UNSPECIFIED
    """In what capacity a citizen acts on the record."""
    bases: tuple[BasisValue, ...] = ()
    """Of a refusal for its basis: what the caller's role could use in this service, whoever the patient is."""
    hidden: frozenset[SectionValue] = frozenset()
    """Sections that are restricted and must look to this caller as if nothing had ever been registered in them."""

    closed: frozenset[SectionValue] = frozenset()
    """Of a write: sections that are restricted, whose entries must look to this caller as if they were not there."""

    def on_record(self, section: SectionValue) -> SectionVerdict | None:
        """Returns what the access log says of a section: one that was hidden was withheld, whatever was said."""
        verdict = self.sections.get(section)
        if verdict is None or section not in self.hidden:
            return verdict
        return SectionVerdict(
            common_pb2.SECTION_DECISION_WITHHOLD, reasons.ERROR_REASON_SECTION_RESTRICTED, verdict.rule
        )

    @property
    def for_patient(self) -> bool:
        """Whether the caller is the patient, or acts for the patient."""
        return self.representation != common_pb2.REPRESENTATION_UNSPECIFIED

    @property
    def permitted(self) -> bool:
        """Whether the call may go on."""
        return self.outcome is Outcome.PERMIT

    def refusal(self) -> KjernejournalError | None:
        """Returns the error for a caller who is refused, or None when the call may go on."""
        if self.outcome is Outcome.PERMIT:
            return None
        if self.outcome is Outcome.NOT_FOUND:
            return patient_not_found()
        if self.reason == reasons.ERROR_REASON_NOT_SUPPORTED:
            return NotSupported(self.reason, "not for outside callers")
        text = _TEXTS.get(self.reason, "not permitted")
        if not self.bases:
            return Denied(self.reason, text)
        named = [common_pb2.AccessBasis.Name(basis).removeprefix("ACCESS_BASIS_") for basis in self.bases]
        return Denied(self.reason, f"{text}: {' or '.join(named)}", bases=",".join(named))


_TEXTS: dict[ReasonValue, str] = {
    reasons.ERROR_REASON_CALLER_KIND_REFUSED: "this kind of caller may not use this rpc",
    reasons.ERROR_REASON_SECURITY_LEVEL_TOO_LOW: "security level 4 is needed",
    reasons.ERROR_REASON_ROLE_REFUSED: "this role may not do this in this kind of service, on any basis",
    reasons.ERROR_REASON_NO_ACCESS: "no ground for access to this patient",
    reasons.ERROR_REASON_BASIS_MISSING: "an access basis is needed",
    reasons.ERROR_REASON_BASIS_REFUSED: "this role in this kind of service needs another access basis",
    reasons.ERROR_REASON_ELEVATED_BASIS_NOT_NEEDED: "nothing is restricted here: use an ordinary basis",
    reasons.ERROR_REASON_SECTION_RESTRICTED: "the patient has restricted this section: an elevated basis is needed",
    reasons.ERROR_REASON_CLIENT_NOT_REGISTERED: "this client is not registered for this: ask who operates the gateway",
    reasons.ERROR_REASON_PATIENT_DECEASED: "the patient is dead: nothing more is written, but by feeds",
    reasons.ERROR_REASON_NOT_REPRESENTATIVE: "the citizen may not act for this person",
}
