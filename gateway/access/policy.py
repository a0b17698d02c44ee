"""Decides who may do what with which section. Pure: no I/O, no clock; whatever is not known denies.

The order is part of the contract, since the caller hears the first reason that applies:

1. the rpc is open to this kind of caller, and to this machine by the table of clients (says nothing of the patient, so
   it may come first);
2. there is a record, and no reservation against it: else NOT_FOUND, the same for both;
3. a named block by the patient: absolute, in emergencies too;
4. security level 4;
5. role;
6. basis, by the table in `rules`; restricted sections need an elevated basis, and an elevated basis something to open;
7. for citizens: age, parents, appointed guardians, proxies; then a reservation against the portal;
8. for systems that follow patients: a care relation of their organisation in force, and nobody who has blocked
   somebody or restricted something is followed.

Without an emergency or consent basis a named block must look like having no relation to the patient. So a blocked
caller then hears what anybody with the same token and no relation would hear.

An rpc that says only whether something exists is open to all whose token is in order. A blocked caller hears that a
record exists and that the rest is not shown (Outcome.EXISTS), as everybody does where the section is restricted: so
neither reads as "there is nothing", and neither shows a block.
"""

from datetime import UTC, datetime

from gateway.access.citizens import decide_citizen
from gateway.access.clinicians import decide_clinician
from gateway.access.facts import (
    AccessRule,
    BasisValue,
    Caller,
    Decision,
    Outcome,
    PatientFacts,
    SectionValue,
)
from gateway.access.systems import decide_auditor, decide_system, not_registered
from gateway.access.verdicts import Refusal, denied, deny, level, not_found, permit, same
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1 import error_reason_pb2 as reasons
from shared.register.sections import SUMMARY_SECTIONS

_CLINICIAN = common_pb2.CALLER_KIND_CLINICIAN
_CITIZEN = common_pb2.CALLER_KIND_CITIZEN
_SYSTEM = common_pb2.CALLER_KIND_SYSTEM
_AUDITOR = common_pb2.CALLER_KIND_AUDITOR

_OUTLIVES_RESERVATION: frozenset[tuple[int, SectionValue]] = frozenset(
    {
        (_CITIZEN, common_pb2.SECTION_PRIVACY),  # else a reservation could never be taken back
        (_CITIZEN, common_pb2.SECTION_ACCESS_LOG),  # the log is kept after the record
        (_AUDITOR, common_pb2.SECTION_ACCESS_LOG),
        (_SYSTEM, common_pb2.SECTION_PATIENT),  # the population register's news of a person reach us all the same
    }
)


_NO_MATTER_WHEN = datetime.max.replace(tzinfo=UTC)
"""Time of a decision about no patient: nothing there depends on it."""

UNDECIDED = Decision(Outcome.DENY, reasons.ERROR_REASON_NO_ACCESS, "undecided", {}, "")
"""What stands in the place of a decision until there is one."""


def decide(
    caller: Caller,
    basis: BasisValue,
    facts: PatientFacts | None,
    access: AccessRule,
    now: datetime,
    *,
    sections: tuple[SectionValue, ...] = SUMMARY_SECTIONS,
) -> Decision:
    """Returns what this caller may do to this patient's record with this rpc.

    `facts` is None when there is no such patient. `now` needs a time zone; ages are counted in Norwegian days.
    `sections` are the ones a summary holds, asked only when the rpc's section is SECTION_SUMMARY.
    """
    asked = sections if access.section == common_pb2.SECTION_SUMMARY else (access.section,)
    if refusal := _kind(caller, access):
        return deny(asked, refusal)
    if facts is None or (facts.reservation and (caller.kind, access.section) not in _OUTLIVES_RESERVATION):
        return not_found(asked, "reservation" if facts else "no-record")
    if caller.kind == _CITIZEN:
        return decide_citizen(caller, basis, facts, access, asked, now)
    if access.status_only:
        return _status(caller, basis, facts, access, asked, now)
    if caller.kind == _CLINICIAN:
        return decide_clinician(caller, basis, facts, access, asked)
    return _without_basis(caller, basis, facts, access, asked, now)


def _status(
    caller: Caller,
    basis: BasisValue,
    facts: PatientFacts,
    access: AccessRule,
    asked: tuple[SectionValue, ...],
    now: datetime,
) -> Decision:
    """Decides on an rpc that says whether something exists: of what the patient has restricted it says nothing."""
    if caller.kind == _CLINICIAN:
        decision = decide_clinician(caller, basis, facts, access, asked)
    else:
        decision = _without_basis(caller, basis, facts, access, asked, now)
    if not decision.permitted or not facts.restricted_sections.intersection(asked):
        return decision
    return same(asked, Outcome.EXISTS, denied(reasons.ERROR_REASON_SECTION_RESTRICTED, "status-of-what-is-restricted"))


def decide_without_patient(caller: Caller, basis: BasisValue, access: AccessRule) -> Decision:
    """Decides on an rpc that is bound to no patient (usage statistics, proofs, the registration of a new person)."""
    asked = (access.section,)
    if refusal := _kind(caller, access):
        return deny(asked, refusal)
    if caller.kind in {_CLINICIAN, _CITIZEN}:
        refusal = level(caller)
        if refusal is None and access.section != common_pb2.SECTION_ACCESS_LOG:
            refusal = Refusal(reasons.ERROR_REASON_ROLE_REFUSED, "people-ask-about-a-patient")
        return deny(asked, refusal) if refusal else permit(asked, "proofs-of-the-log")
    return _without_basis(caller, basis, None, access, asked, _NO_MATTER_WHEN)


def for_another_patient(decision: Decision) -> Decision:
    """Returns the denial of a call that was not refused, and whose attest names other patients."""
    return deny(tuple(decision.sections), Refusal(reasons.ERROR_REASON_NO_ACCESS, "attest-of-another-patient"))


def _kind(caller: Caller, access: AccessRule) -> Refusal | None:
    if access.action not in {common_pb2.ACTION_READ, common_pb2.ACTION_WRITE, common_pb2.ACTION_ADMIN}:
        return Refusal(reasons.ERROR_REASON_NOT_SUPPORTED, "not-for-outside-callers")
    if access.section == common_pb2.SECTION_UNSPECIFIED:
        return Refusal(reasons.ERROR_REASON_NOT_SUPPORTED, "no-section")
    if caller.kind not in access.callers:
        return Refusal(reasons.ERROR_REASON_CALLER_KIND_REFUSED, "caller-kind")
    return not_registered(caller, access)


def _without_basis(
    caller: Caller,
    basis: BasisValue,
    facts: PatientFacts | None,
    access: AccessRule,
    asked: tuple[SectionValue, ...],
    now: datetime,
) -> Decision:
    if caller.kind == _SYSTEM:
        return decide_system(caller, basis, facts, access, asked, now)
    if caller.kind == _AUDITOR:
        return decide_auditor(caller, basis, access, asked)
    return deny(asked, Refusal(reasons.ERROR_REASON_CALLER_KIND_REFUSED, "caller-kind"))
