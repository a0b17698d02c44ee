"""Steps 3 to 6 of every call to the gateway: whom, may they; then audit and release around the work.

Steps 1 and 2 are in `front_door`, which hands on what they found as `Incoming`; this file says in which order the rest
comes. Whom is asked of `registers/patient_lookup`, may they of `access/policy`; records go through `recorder`.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

from google.protobuf.message import Message

from gateway.access.facts import Caller, Decision, Outcome, SectionValue
from gateway.access.hiding import decide_hiding
from gateway.access.policy import UNDECIDED, decide, decide_without_patient, for_another_patient
from gateway.access.tokens import TokenVerifier, access_token
from gateway.decided_call import DecidedCall, Incoming
from gateway.recorder import Recorder
from gateway.registers.patient_lookup import PatientLookup, Resolved
from gateway.requests import national_id_of, patient_of
from gateway.restricted_entries import RestrictedEntries
from gateway.stated_sources import overstepping
from kjernejournal.common.v1.common_pb2 import PatientIdentifier
from shared import deadline, telemetry
from shared.errors import Reason, Unavailable, reason_name
from shared.register.sections import SUMMARY_SECTIONS

LOOK_AGAIN = 5.0
"""Seconds after which a stream's token and facts are looked at again."""
MOST_RESOLVED = 1000
REFS_SECONDS = 5.0

_ANSWERED = frozenset({Outcome.PERMIT, Outcome.EXISTS})
"""What an attest of another patient opens neither of: with one of them open, the answer would show a block."""


class Steps:
    """What every call goes through, whatever rpc it names."""

    def __init__(
        self,
        verifier: TokenVerifier,
        patient_lookup: PatientLookup,
        recorder: Recorder,
        restricted_entries: RestrictedEntries,
        *,
        production: bool,
        hides: bool = False,
    ) -> None:
        self._verifier = verifier
        self._patient_lookup = patient_lookup
        self._recorder = recorder
        self._restricted_entries = restricted_entries
        self._production = production
        self._hides = hides

    async def enter(
        self,
        incoming: Incoming,
        request: Message | None,
        *,
        sections: tuple[SectionValue, ...] = SUMMARY_SECTIONS,
    ) -> DecidedCall:
        """Does steps 3 and 4: whom, and may they. `request` None: the call as a whole is about no patient.

        Raises Invalid for the patient in the request; and the refusal, once it is on record.
        """
        decided = await self.decide(incoming, request, sections=sections)
        await self.refuse_if_denied(decided)
        if request is not None:
            await self.refuse_overstepping(decided, request)
        return decided

    async def decide(
        self,
        incoming: Incoming,
        request: Message | None,
        *,
        sections: tuple[SectionValue, ...] = SUMMARY_SECTIONS,
    ) -> DecidedCall:
        """Does the same, and leaves it to the one who asks to look at the decision. Raises Invalid."""
        patient = patient_of(incoming.method, request, production=self._production) if request is not None else None
        decided = self._decide(_undecided(incoming, patient, await self._resolve(incoming.caller, patient)), sections)
        if decided.decision.reason == Reason.ERROR_REASON_ELEVATED_BASIS_NOT_NEEDED:
            # The settings name nothing; an entry may have come restricted from its source.
            found = await self._restricted_entries.among(decided, decided.decision.sections)
            decided = self._decide(replace(decided, restricted_entries=found), sections)
        return decided

    async def decide_each(self, incoming: Incoming, patients: Sequence[str]) -> list[DecidedCall]:
        """Decides on every patient of a request that names several, under one access id.

        The one who asks looks at each decision, and passes denials on with `refuse_if_denied`.
        """
        resolved = await self._patient_lookup.resolve(_with_caller(incoming.caller, patients)) if patients else None
        common = _undecided(incoming, None, resolved)
        return [self._decide(replace(common, patient=patient), SUMMARY_SECTIONS) for patient in patients]

    def national_id_of(self, path: str, patient: PatientIdentifier) -> str:
        """Returns the checked national id that stands at this path of a request. Raises Invalid."""
        return national_id_of(patient, path, production=self._production)

    async def refs_of(self, persons: Sequence[str]) -> list[str]:
        """Returns the canonical references of persons that a feed has registered, but for those that stay unknown."""
        refs: list[str] = []
        for start in range(0, len(persons), MOST_RESOLVED):
            deadline.set_deadline(REFS_SECONDS)
            resolved = await self._patient_lookup.resolve(persons[start : start + MOST_RESOLVED])
            refs.extend(found[0] for found in map(resolved.refs, resolved.by_id) if found)
        return refs

    async def fresh(self, decided: DecidedCall, sections: tuple[SectionValue, ...] = SUMMARY_SECTIONS) -> DecidedCall:
        """Does step 6, before a release: reads facts that are too old again, and decides again.

        Raises the refusal when it has changed to a denial, which is on record then.
        """
        if decided.resolved is None or decided.resolved.fresh:
            return decided
        [again] = await self._again([decided], sections)
        await self.refuse_if_denied(again)
        if again.hides_more_than(decided):
            raise Unavailable(Reason.ERROR_REASON_SERVICE_UNAVAILABLE, "what was read no longer holds: try again")
        return again

    async def fresh_each(self, decided_calls: Sequence[DecidedCall]) -> Sequence[DecidedCall]:
        """Does step 6 for the calls of `decide_each`. The one who asks looks at each decision again."""
        if all(decided.resolved is None or decided.resolved.fresh for decided in decided_calls):
            return decided_calls
        return await self._again(decided_calls, SUMMARY_SECTIONS)

    async def still(self, decided: DecidedCall) -> None:
        """Looks at token and facts again, on long streams every few seconds. Raises the refusal."""
        await self._verifier.verify_token(access_token(decided.incoming.metadata).value)
        if decided.patient is None:
            return
        resolved = await self._resolve(decided.caller, decided.patient)
        await self.refuse_if_denied(self._decide(replace(decided, resolved=resolved), SUMMARY_SECTIONS))

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
        return [self._decide(replace(decided, resolved=resolved), sections) for decided in decided_calls]

    async def refuse_overstepping(self, decided: DecidedCall, request: Message) -> None:
        """Raises Denied, once it is on record, for a machine's request that speaks for a source that is not its own."""
        client = decided.caller.client
        refusal = overstepping(decided.method, client, request) if client is not None else None
        if refusal is not None:
            await self._recorder.record([decided.denial(refusal.reason, refusal.code.value[0])])
            raise refusal

    async def refuse_if_denied(self, decided: DecidedCall) -> None:
        """Raises the refusal of a call that was denied, once it is on record."""
        with telemetry.span("decide", **_decision_attributes(decided.decision)):
            refusal = decided.decision.refusal()
        if refusal is None:
            return
        await self._recorder.record([decided.denial(refusal.reason, refusal.code.value[0])])
        raise refusal

    def _decide(self, decided: DecidedCall, sections: tuple[SectionValue, ...]) -> DecidedCall:
        """Returns the call with the policy's decision on the facts it holds."""
        rule = decided.method.rule
        if decided.patient is None or decided.resolved is None:
            return replace(decided, decision=decide_without_patient(decided.caller, decided.incoming.basis, rule))
        caller = decided.caller
        if caller.national_id:
            caller = replace(caller, refs=decided.resolved.refs(caller.national_id))
        facts = decided.resolved.facts(decided.patient)
        if facts is not None and decided.restricted_entries:
            restricted = facts.single_entries_restricted | decided.restricted_entries
            facts = replace(facts, single_entries_restricted=restricted)
        policy = decide_hiding if self._hides else decide
        decision = policy(caller, decided.incoming.basis, facts, rule, datetime.now(UTC), sections=sections)
        if decision.outcome in _ANSWERED and not caller.attests(decided.patient):
            decision = for_another_patient(decision)
        return replace(decided, incoming=replace(decided.incoming, caller=caller), decision=decision)


def _undecided(incoming: Incoming, patient: str | None, resolved: Resolved | None) -> DecidedCall:
    """Returns the call of a new access, under an id of its own."""
    return DecidedCall(
        incoming=incoming,
        access_id=str(uuid4()),
        trace_id=_trace_id(),
        patient=patient,
        resolved=resolved,
        decision=UNDECIDED,
    )


def _with_caller(caller: Caller, patients: Sequence[str]) -> list[str]:
    """Returns the persons to ask about. Citizens are among them: whether they may act for a patient depends on who
    they are."""
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
