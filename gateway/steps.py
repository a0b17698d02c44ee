"""The steps of every call to the gateway, in design order: who, whom, may they; then audit and release around the work.

Step 1, the trace and the deadline, is in `front_door`; steps 2 to 6 are here, one method each.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

from gateway.access.facts import SUMMARY_SECTIONS, Caller, Decision, SectionValue
from gateway.access.policy import UNDECIDED, decide, decide_without_patient, for_another_patient
from gateway.access.tokens import Metadata, TokenVerifier, access_basis, bearer_token
from gateway.contract import Method
from gateway.decided_call import DecidedCall
from gateway.recorder import Recorder
from gateway.registers.patient_lookup import PatientLookup, Resolved
from gateway.restricted_entries import RestrictedEntries
from shared import deadline, telemetry
from shared.errors import KjernejournalError, Reason, Unauthenticated, reason_name

log = logging.getLogger(__name__)

LOOK_AGAIN = 5.0
"""Seconds after which a stream's token and facts are looked at again."""
MOST_RESOLVED = 1000
REFS_SECONDS = 5.0
REFUSALS_LOGGED_A_SECOND = 50
"""Calls without an identity can be made by anybody: their log is bounded."""


class Steps:
    """What every call goes through, whatever rpc it names."""

    def __init__(
        self,
        verifier: TokenVerifier,
        patient_lookup: PatientLookup,
        recorder: Recorder,
        restricted_entries: RestrictedEntries,
    ) -> None:
        self._verifier = verifier
        self._patient_lookup = patient_lookup
        self._recorder = recorder
        self._restricted_entries = restricted_entries
        self._logged = 0
        self._second = 0

    async def who(self, metadata: Metadata) -> Caller:
        """Step 2, before the request is parsed. Raises Unauthenticated."""
        try:
            return await self._verifier.verify(metadata)
        except Unauthenticated as refusal:
            self._log_refusal(refusal)
            raise

    async def enter(
        self,
        method: Method,
        metadata: Metadata,
        caller: Caller,
        patient: str | None,
        *,
        sections: tuple[SectionValue, ...] = SUMMARY_SECTIONS,
    ) -> DecidedCall:
        """Steps 3 and 4: whom, and may they. A denial is on record before it is told. Raises the refusal."""
        resolved = await self._resolve(caller, patient)
        decided = _decide(_undecided(method, metadata, caller, patient, resolved), sections)
        if decided.decision.reason == Reason.ERROR_REASON_ELEVATED_BASIS_NOT_NEEDED:
            # The settings name nothing; an entry may have come restricted from its source.
            found = await self._restricted_entries.among(decided, decided.decision.sections)
            decided = _decide(replace(decided, restricted_entries=found), sections)
        await self.refuse_if_denied(decided)
        return decided

    async def enter_each(
        self, method: Method, metadata: Metadata, caller: Caller, patients: Sequence[str]
    ) -> list[DecidedCall]:
        """The same for every patient of a request that names several, under one access id.

        The caller of this looks at each decision, and passes denials on with `refuse_if_denied`.
        """
        resolved = await self._patient_lookup.resolve(_with_caller(caller, patients)) if patients else None
        common = _undecided(method, metadata, caller, None, resolved)
        return [_decide(replace(common, patient=patient), SUMMARY_SECTIONS) for patient in patients]

    async def refs_of(self, persons: Sequence[str]) -> list[str]:
        """The canonical references of persons that a feed has registered; those that stay unknown are left out."""
        refs: list[str] = []
        for start in range(0, len(persons), MOST_RESOLVED):
            deadline.set_deadline(REFS_SECONDS)
            resolved = await self._patient_lookup.resolve(persons[start : start + MOST_RESOLVED])
            refs.extend(found[0] for found in map(resolved.refs, resolved.by_id) if found)
        return refs

    async def fresh(self, decided: DecidedCall, sections: tuple[SectionValue, ...] = SUMMARY_SECTIONS) -> DecidedCall:
        """Step 6, before a release: facts that are too old are read again, and the decision is made again.

        Raises the refusal when it has changed to a denial, which is on record then.
        """
        if decided.resolved is None or decided.resolved.fresh:
            return decided
        [again] = await self._again([decided], sections)
        await self.refuse_if_denied(again)
        return again

    async def fresh_each(self, decided_calls: Sequence[DecidedCall]) -> Sequence[DecidedCall]:
        """Does step 6 for the calls of `enter_each`. The caller looks at each decision again."""
        if all(decided.resolved is None or decided.resolved.fresh for decided in decided_calls):
            return decided_calls
        return await self._again(decided_calls, SUMMARY_SECTIONS)

    async def still(self, decided: DecidedCall) -> None:
        """On long streams, every few seconds: token and facts are looked at again. Raises the refusal."""
        await self._verifier.verify_token(decided.token)
        if decided.patient is None:
            return
        resolved = await self._resolve(decided.caller, decided.patient)
        await self.refuse_if_denied(_decide(replace(decided, resolved=resolved), SUMMARY_SECTIONS))

    async def _resolve(self, caller: Caller, patient: str | None) -> Resolved | None:
        if patient is None:
            return None
        return await self._patient_lookup.resolve(_with_caller(caller, [patient]))

    async def _again(
        self, decided_calls: Sequence[DecidedCall], sections: tuple[SectionValue, ...]
    ) -> list[DecidedCall]:
        """Decides one caller's calls again, on facts that may decide a release."""
        patients = [decided.patient for decided in decided_calls if decided.patient is not None]
        resolved = await self._patient_lookup.resolve_fresh(_with_caller(decided_calls[0].caller, patients))
        return [_decide(replace(decided, resolved=resolved), sections) for decided in decided_calls]

    async def refuse_if_denied(self, decided: DecidedCall) -> None:
        """Raises the refusal of a call that was denied, once it is on record."""
        with telemetry.span("decide", **_decision_attributes(decided.decision)):
            refusal = decided.decision.refusal()
        if refusal is None:
            return
        await self._recorder.record([decided.denial(refusal.reason, refusal.code.value[0])])
        raise refusal

    def _log_refusal(self, refusal: KjernejournalError) -> None:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._logged = second, 0
        self._logged += 1
        if self._logged <= REFUSALS_LOGGED_A_SECOND:
            log.warning("refused without identity: %s", reason_name(refusal.reason))


def _undecided(
    method: Method, metadata: Metadata, caller: Caller, patient: str | None, resolved: Resolved | None
) -> DecidedCall:
    """Returns the call of a new access, under an id of its own."""
    return DecidedCall(
        method=method,
        access_id=str(uuid4()),
        trace_id=_trace_id(),
        token=bearer_token(metadata),
        caller=caller,
        basis=access_basis(metadata),
        patient=patient,
        resolved=resolved,
        decision=UNDECIDED,
    )


def _decide(decided: DecidedCall, sections: tuple[SectionValue, ...]) -> DecidedCall:
    """Returns the call with the policy's decision on the facts it holds."""
    rule = decided.method.rule
    if decided.patient is None or decided.resolved is None:
        return replace(decided, decision=decide_without_patient(decided.caller, decided.basis, rule))
    caller = decided.caller
    if caller.national_id:
        caller = replace(caller, refs=decided.resolved.refs(caller.national_id))
    facts = decided.resolved.facts(decided.patient)
    if facts is not None and decided.restricted_entries:
        restricted = facts.single_entries_restricted | decided.restricted_entries
        facts = replace(facts, single_entries_restricted=restricted)
    decision = decide(caller, decided.basis, facts, rule, datetime.now(UTC), sections=sections)
    if decision.permitted and not caller.attests(decided.patient):
        decision = for_another_patient(decision)
    return replace(decided, caller=caller, decision=decision)


def _with_caller(caller: Caller, patients: Sequence[str]) -> list[str]:
    """Citizens are persons too: whether they may act for a patient depends on who they are."""
    needed = caller.national_id and not caller.hpr_number
    return [*patients, caller.national_id] if needed and caller.national_id else list(patients)


def _trace_id() -> str:
    span = telemetry.current()
    return span.context.trace_id if span else ""


def _decision_attributes(decision: Decision) -> dict[str, telemetry.Value]:
    return {
        "kj.decision": decision.outcome.name,
        "kj.reason": reason_name(decision.reason),
        "kj.policy_version": decision.policy_version,
    }
