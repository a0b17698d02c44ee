"""Decides on citizens: the patient, those with parental responsibility for a child, appointed guardians (verge) of
adults, and proxies. Pure. Ages are counted in days of the Norwegian calendar."""

from datetime import datetime

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
from shared.norwegian_time import norwegian_date

OF_AGE = 16
"""Years: from here on citizens see their own record, and nobody else does without a proxy."""
CHILD_UNTIL = 12
"""Years: below this those with parental responsibility see a child's record."""
ADULT = 18
"""Years: from here on an appointed guardian stands in for somebody, as far as the appointment goes."""

_ENOUGH_TO_SEE = frozenset({ProxyArea.VIEW, ProxyArea.SEE_AND_CHANGE})
_ENOUGH_TO_CHANGE = frozenset({ProxyArea.SEE_AND_CHANGE})

_CITIZEN_WRITES: frozenset[SectionValue] = frozenset(
    {
        common_pb2.SECTION_OWN_REGISTRATIONS,
        common_pb2.SECTION_PRIVACY,
        common_pb2.SECTION_VISITS,
        common_pb2.SECTION_ACCESS_LOG,
    }
)
"""Everything else is the health service's record. Visits: a citizen may report one as wrong. The access log:
they may ask to have an access looked at, which changes nothing in the record: who may see the log may ask."""

_SELF = common_pb2.REPRESENTATION_SELF
_PARENT = common_pb2.REPRESENTATION_PARENT
_GUARDIAN = common_pb2.REPRESENTATION_GUARDIAN
_PROXY = common_pb2.REPRESENTATION_PROXY
_RULE_OF = {_SELF: "self", _PARENT: "parent", _GUARDIAN: "appointed-guardian", _PROXY: "proxy"}
_NOT_FOR_SETTINGS = frozenset({_GUARDIAN, _PROXY})


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
        if section == common_pb2.SECTION_PRIVACY and acting in _NOT_FOR_SETTINGS:
            return denied(reasons.ERROR_REASON_NOT_REPRESENTATIVE, "settings-are-the-patients-own")
    return permitted(_RULE_OF[acting])


def _representation(
    caller: Caller, facts: PatientFacts, access: AccessRule, now: datetime
) -> "RepresentationValue | None":
    """Returns in what capacity the citizen may act for this person; None: in none.

    Of an age that is known in part the case counts that gives the fewest rights: the latest birth date for what
    somebody must be old enough for, the earliest for what somebody must be young enough for.
    """
    if facts.birth_date is None or facts.deceased or access.action == common_pb2.ACTION_ADMIN:
        return None
    today = norwegian_date(now)
    least, greatest = facts.birth_date.least_age(today), facts.birth_date.greatest_age(today)
    if not set(caller.refs).isdisjoint(facts.refs):
        return _SELF if least >= OF_AGE else None
    if greatest < CHILD_UNTIL:
        may = not facts.address_protection and not facts.guardians.isdisjoint(caller.refs)
        return _PARENT if may else None
    if least >= ADULT and not facts.appointed.isdisjoint(caller.refs):
        return _GUARDIAN
    if least < OF_AGE:
        return None
    changes = access.action == common_pb2.ACTION_WRITE and access.section != common_pb2.SECTION_ACCESS_LOG
    enough = _ENOUGH_TO_CHANGE if changes else _ENOUGH_TO_SEE
    granted = any(not enough.isdisjoint(facts.proxies.get(ref, ())) for ref in caller.refs)
    return _PROXY if granted else None
