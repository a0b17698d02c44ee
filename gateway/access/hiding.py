"""Decides where restrictions are hidden from those whom they keep out (EHDS, article 8). Pure.

A restricted section is then permitted as any other and named in `Decision.hidden`: whoever reads it asks about nobody
instead of the patient, and so gets the answer, the faults and the time of somebody of whom nothing is registered. An
elevated basis is never refused as not needed, as that would show what is restricted.
"""

from dataclasses import replace
from datetime import datetime

from gateway.access.facts import ELEVATED, AccessRule, BasisValue, Caller, Decision, PatientFacts, SectionValue
from gateway.access.policy import decide
from kjernejournal.common.v1 import common_pb2
from shared.register.sections import CLINICAL


def decide_hiding(
    caller: Caller,
    basis: BasisValue,
    facts: PatientFacts | None,
    access: AccessRule,
    now: datetime,
    *,
    sections: tuple[SectionValue, ...],
) -> Decision:
    """Returns what `decide` says of a record in which nothing is restricted, and what of it has to be hidden.

    Followers of changes hear nothing of patients who have restricted something, as anywhere. What is new is written: it
    opens nothing, and a refusal would say why. A write about an entry that is restricted finds none, as a read does
    (`Decision.closed`). The patient's settings are not hidden from those who may see them.
    """
    clinical = access.section == common_pb2.SECTION_SUMMARY or access.section in CLINICAL
    if facts is None or access.changes_only or not clinical:
        return decide(caller, basis, facts, access, now, sections=sections)
    opened = CLINICAL if basis in ELEVATED else frozenset[SectionValue]()
    shown = replace(facts, restricted_sections=opened, single_entries_restricted=frozenset())
    decision = decide(caller, basis, shown, access, now, sections=sections)
    if opened or decision.for_patient:
        return decision
    restricted = facts.restricted_sections & CLINICAL
    if access.action == common_pb2.ACTION_WRITE:
        # What feeds send is taken, as where restrictions are shown.
        return replace(decision, closed=restricted) if caller.kind == common_pb2.CALLER_KIND_CLINICIAN else decision
    return replace(decision, hidden=restricted)
