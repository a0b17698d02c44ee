"""Holds what every decision is built with: refusals, verdicts of sections, and how they make the answer to a call."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.access.facts import (
    AccessRule,
    Caller,
    Decision,
    Outcome,
    RepresentationValue,
    SectionValue,
    SectionVerdict,
)
from gateway.access.rules import POLICY_VERSION
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1 import error_reason_pb2 as reasons
from shared.errors import ReasonValue

NO_BASIS = common_pb2.ACCESS_BASIS_UNSPECIFIED
SECURITY_LEVEL = 4


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a whole call is refused: for the caller, and for whoever maintains the policy."""

    reason: ReasonValue
    rule: str


def level(caller: Caller) -> Refusal | None:
    """Returns the refusal of a person whose login is too weak."""
    if caller.security_level < SECURITY_LEVEL:
        return Refusal(reasons.ERROR_REASON_SECURITY_LEVEL_TOO_LOW, "security-level")
    return None


def whole(
    verdicts: Mapping[SectionValue, SectionVerdict],
    access: AccessRule,
    *,
    elevated: bool = False,
    representation: RepresentationValue = common_pb2.REPRESENTATION_UNSPECIFIED,
) -> Decision:
    """Permits the call when something may be released or, in a summary, be shown as withheld."""
    shown = {common_pb2.SECTION_DECISION_PERMIT}
    if access.section == common_pb2.SECTION_SUMMARY:
        shown.add(common_pb2.SECTION_DECISION_WITHHOLD)
    chosen = next((verdict for verdict in verdicts.values() if verdict.decision in shown), None)
    first = chosen or next(iter(verdicts.values()))
    return Decision(
        outcome=Outcome.PERMIT if chosen else Outcome.DENY,
        reason=reasons.ERROR_REASON_UNSPECIFIED if chosen else first.reason,
        rule=first.rule,
        sections=verdicts,
        policy_version=POLICY_VERSION,
        elevated=elevated and chosen is not None,
        representation=representation if chosen else common_pb2.REPRESENTATION_UNSPECIFIED,
    )


def permit(asked: tuple[SectionValue, ...], rule: str) -> Decision:
    """Returns the permit of every section asked for."""
    return same(asked, Outcome.PERMIT, permitted(rule))


def deny(asked: tuple[SectionValue, ...], refusal: Refusal) -> Decision:
    """Returns the refusal of every section asked for."""
    return same(asked, Outcome.DENY, denied(refusal.reason, refusal.rule))


def not_found(asked: tuple[SectionValue, ...], rule: str) -> Decision:
    """Returns the answer for a patient who has no record, for whatever cause."""
    return same(asked, Outcome.NOT_FOUND, denied(reasons.ERROR_REASON_PATIENT_NOT_FOUND, rule))


def same(asked: tuple[SectionValue, ...], outcome: Outcome, verdict: SectionVerdict) -> Decision:
    """Returns the decision that says the same of every section."""
    return Decision(outcome, verdict.reason, verdict.rule, dict.fromkeys(asked, verdict), POLICY_VERSION)


def permitted(rule: str) -> SectionVerdict:
    """Returns the verdict that releases a section."""
    return SectionVerdict(common_pb2.SECTION_DECISION_PERMIT, reasons.ERROR_REASON_UNSPECIFIED, rule)


def denied(reason: ReasonValue, rule: str) -> SectionVerdict:
    """Returns the verdict that refuses a section."""
    return SectionVerdict(common_pb2.SECTION_DECISION_DENY, reason, rule)
