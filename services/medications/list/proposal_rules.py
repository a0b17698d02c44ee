"""The rules of proposals to change the medication list. Pure functions: no I/O, no clock.

Only doctors send the list (ERES); nurses, vernepleiere and pharmacists propose, and the doctor answers with the next
one. From the multidose pharmacy that is message M25.2 (SFM, sfm-PLL-info2); for others it is this record's own.
"""

from collections.abc import Mapping
from copy import deepcopy

from kjernejournal.common.v1.common_pb2 import CallerContext, Provenance
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications.list import rules
from shared.errors import Denied, Invalid, Reason, StateConflict, entry_not_found

PROPOSERS = {
    "SP": "nurses: KS, the nurses of home care and nursing homes keep the list current with the doctor",
    "VP": "vernepleiere, who work beside nurses in municipal care (digitrofi.no; inferred: alike)",
    "FA1": "pharmacists: M25.2 (SFM); clinical pharmacists reconcile (digitrofi.no)",
    "FA2": "pharmacists of the lower degree, who dispense as FA1 does (inferred: alike)",
    "LE": "doctors, who may send the list themselves, may leave it to a colleague",
}
"""Volven 9060, each with its source."""

ADD = pb.PROPOSAL_ACTION_ADD
CHANGE = pb.PROPOSAL_ACTION_CHANGE
DISCONTINUE = pb.PROPOSAL_ACTION_DISCONTINUE
WITH_AN_ENTRY = (ADD, CHANGE)
OPEN = pb.PROPOSAL_STATE_OPEN


def check_proposer(caller: CallerContext) -> None:
    """Raises Denied for roles that do not propose."""
    if caller.practitioner.role.code not in PROPOSERS:
        raise Denied(Reason.ERROR_REASON_ROLE_REFUSED, "this role does not propose changes of the medication list")


def new(sent: pb.Proposal, on_list: Mapping[str, pb.ListEntry], version: int, author: Provenance) -> pb.Proposal:
    """Returns a proposal as it is recorded; `on_list` is what readers see, by id, in that version of the list.

    Raises Invalid, NotFound for an entry that is not on the list, StateConflict for what is so already.
    """
    if sent.action in WITH_AN_ENTRY and not sent.HasField("entry"):
        raise Invalid("entry", "is required: the entry as it should be")
    if sent.action not in WITH_AN_ENTRY and sent.HasField("entry"):
        raise Invalid("entry", "goes with ADD and CHANGE alone")
    if sent.action == ADD and sent.entry_id:
        raise Invalid("entry_id", "is not for ADD: the new entry has its own id")
    if not 0 <= sent.based_on_version <= version:
        raise Invalid("based_on_version", "is no version of the list")
    proposal = pb.Proposal(
        action=sent.action,
        entry_id=sent.entry_id.lower(),
        reason=sent.reason,
        state=OPEN,
        based_on_version=sent.based_on_version or version,
        urgent=sent.urgent,
    )
    proposal.header.provenance.CopyFrom(author)
    if sent.HasField("entry"):
        proposal.entry.CopyFrom(_entry(sent))
    _check_entry(proposal, on_list)
    return proposal


def answered(
    before: pb.Proposal, answer: pb.ProposalAnswer, medicines: pb.MedicationList, version: int, author: Provenance
) -> pb.Proposal:
    """Returns a proposal with its answer; `medicines` is the list that answers it.

    Raises StateConflict when it has one already, Invalid when the list does not do what is accepted.
    """
    _check_open(before)
    if answer.accepted and before.entry_id:
        entry = next((each for each in medicines.entries if each.id == before.entry_id), None)
        if entry is None:
            raise Invalid("accepted", "the proposal is about an entry that is no longer on the list: decline it")
        if before.action == DISCONTINUE and entry.status != rules.DISCONTINUED:
            raise Invalid("accepted", "the list does not discontinue the entry")
    after = deepcopy(before)
    after.state = pb.PROPOSAL_STATE_ACCEPTED if answer.accepted else pb.PROPOSAL_STATE_DECLINED
    after.answered.CopyFrom(author)
    after.answer = answer.answer
    after.answered_in_version = version
    return after


def withdrawn(before: pb.Proposal, author: Provenance) -> pb.Proposal:
    """Returns a proposal that its author takes back. Raises Denied for others, StateConflict when it is answered."""
    recorder = before.header.first_recorded if before.header.HasField("first_recorded") else before.header.provenance
    if recorder.recorder.hpr_number != author.recorder.hpr_number:
        raise Denied(Reason.ERROR_REASON_ROLE_REFUSED, "only its author withdraws a proposal")
    _check_open(before)
    after = deepcopy(before)
    after.state = pb.PROPOSAL_STATE_WITHDRAWN
    after.answered.CopyFrom(author)
    return after


def _entry(sent: pb.Proposal) -> pb.ListEntry:
    entry = deepcopy(sent.entry)
    entry.id, entry.prescription_id = entry.id.lower(), entry.prescription_id.lower()
    for field in ("last_changed", "registered", "other_list_id"):
        entry.ClearField(field)
    return entry


def _check_entry(proposal: pb.Proposal, on_list: Mapping[str, pb.ListEntry]) -> None:
    if proposal.action == ADD:
        if proposal.entry.id in on_list:
            raise StateConflict(
                Reason.ERROR_REASON_STATE_CONFLICT,
                "the entry is on the list: propose a change",
                id=proposal.entry.id,
            )
        return
    current = on_list.get(proposal.entry_id)
    if current is None:
        raise entry_not_found()
    if proposal.action == CHANGE and proposal.entry.id != proposal.entry_id:
        raise Invalid("entry.id", "must be entry_id: an entry's id never changes")
    if proposal.action == DISCONTINUE and current.status == rules.DISCONTINUED:
        raise StateConflict(Reason.ERROR_REASON_STATE_CONFLICT, "the entry is discontinued already", id=current.id)


def _check_open(proposal: pb.Proposal) -> None:
    if proposal.state != OPEN:
        raise StateConflict(Reason.ERROR_REASON_STATE_CONFLICT, "the proposal has been answered or withdrawn")
