"""Decides on citizens: the patient, those with parental responsibility for a child, and proxies. Pure."""

from datetime import UTC, date, datetime

from gateway.access.facts import (
    AccessRule,
    BasisValue,
    Caller,
    Decision,
    PatientFacts,
    ProxyArea,
    RepresentationValue,
    SectionValue,
    SectionVerdict,
)
from gateway.access.verdicts import NO_BASIS, Refusal, denied, deny, level, permitted, whole
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1 import error_reason_pb2 as reasons

OF_AGE = 16
"""Years: from here on citizens see their own record, and nobody else does without a proxy."""
CHILD_UNTIL = 12
"""Years: below this those with parental responsibility see a child's record."""

_CITIZEN_WRITES: frozenset[SectionValue] = frozenset(
    {common_pb2.SECTION_OWN_REGISTRATIONS, common_pb2.SECTION_PRIVACY, common_pb2.SECTION_VISITS}
)
"""Everything else is the health service's record. Visits: a citizen may report one as wrong."""

_SELF = common_pb2.REPRESENTATION_SELF
_GUARDIAN = common_pb2.REPRESENTATION_PARENT
_PROXY = common_pb2.REPRESENTATION_PROXY
_RULE_OF = {_SELF: "self", _GUARDIAN: "guardian", _PROXY: "proxy"}


def decide_citizen(
    caller: Caller,
    basis: BasisValue,
    facts: PatientFacts,
    access: AccessRule,
    asked: tuple[SectionValue, ...],
    now: datetime,
) -> Decision:
    """Returns what a citizen may do to the record of a patient who is there."""
    if refusal := level(caller):
        return deny(asked, refusal)
    if basis != NO_BASIS:
        return deny(asked, Refusal(reasons.ERROR_REASON_BASIS_REFUSED, "citizens-need-no-basis"))
    acting = _representation(caller, facts, access, now)
    if acting is None:
        return deny(asked, Refusal(reasons.ERROR_REASON_NOT_REPRESENTATIVE, "not-representative"))
    # Strangers do not learn of it. The settings stay open: that is where it is taken back.
    if facts.portal_reservation and access.section != common_pb2.SECTION_PRIVACY:
        return deny(asked, Refusal(reasons.ERROR_REASON_NO_ACCESS, "portal-reservation"))
    verdicts = {section: _citizen_section(access, section, acting) for section in asked}
    return whole(verdicts, access, representation=acting)


def _citizen_section(access: AccessRule, section: SectionValue, acting: RepresentationValue) -> SectionVerdict:
    if access.action == common_pb2.ACTION_WRITE:
        if section not in _CITIZEN_WRITES:
            return denied(reasons.ERROR_REASON_ROLE_REFUSED, "citizens-do-not-write-this")
        if section == common_pb2.SECTION_PRIVACY and acting == _PROXY:
            return denied(reasons.ERROR_REASON_NOT_REPRESENTATIVE, "settings-are-the-patients-own")
    return permitted(_RULE_OF[acting])


def _representation(
    caller: Caller, facts: PatientFacts, access: AccessRule, now: datetime
) -> "RepresentationValue | None":
    """Returns in what capacity the citizen may act for this person; None: in none."""
    age = _age(facts.birth_date, now)
    if age is None or facts.deceased or access.action == common_pb2.ACTION_ADMIN:
        return None
    if not set(caller.refs).isdisjoint(facts.refs):
        return _SELF if age >= OF_AGE else None
    if age < CHILD_UNTIL:
        may = not facts.address_protection and not facts.guardians.isdisjoint(caller.refs)
        return _GUARDIAN if may else None
    if age < OF_AGE:
        return None
    needed = ProxyArea.EDIT if access.action == common_pb2.ACTION_WRITE else ProxyArea.VIEW
    granted = any(needed in facts.proxies.get(ref, ()) for ref in caller.refs)
    return _PROXY if granted else None


def _age(birth_date: date | None, now: datetime) -> int | None:
    if birth_date is None:
        return None
    today = now.astimezone(UTC).date()
    return today.year - birth_date.year - ((today.month, today.day) < (birth_date.month, birth_date.day))
